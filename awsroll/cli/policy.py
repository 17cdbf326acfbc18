"""`awsroll policy`: the least-privilege IAM policy of a rollout. It only reads."""

from awsroll.cli.common_options import POLICY_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.output import Output
from awsroll.cli.read_request import REQUEST_GROUP
from awsroll.core.request.spec import RolloutSpec


@takes(REQUEST_GROUP, POLICY_GROUP)
def policy(request: RolloutSpec, common: CommonOptions) -> int:
    """Print the IAM policy that a rollout of this fleet needs.

    The policy is least-privilege JSON for this fleet and these options. Nothing is changed.
    """
    from awsroll.aws.connection import Connection  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.clock import SystemClock  # noqa: PLC0415 - see above
    from awsroll.preflight.iam_policy import policy_for  # noqa: PLC0415 - see above

    aws = Connection(common.session(), clock=SystemClock(), endpoint_url=common.endpoint_url)
    document = policy_for(request, aws, store=common.state or "", sign_key=common.sign_key)
    Output(json=common.json).document(document)
    return 0
