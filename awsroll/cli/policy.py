"""`awsroll policy`: the IAM policy that rolling a fleet takes. Read-only."""

import json

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.output import Output
from awsroll.cli.read_request import REQUEST_GROUP
from awsroll.core.request.spec import RolloutSpec


@takes(REQUEST_GROUP, COMMON_GROUP)
def policy(request: RolloutSpec, common: CommonOptions) -> int:
    """Print the least that IAM must allow for rolling this fleet in this way, as a policy in JSON. Changes nothing."""
    from awsroll.aws.connection import Connection  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.clock import SystemClock  # noqa: PLC0415 - see above
    from awsroll.preflight.iam_policy import policy_for  # noqa: PLC0415 - see above

    aws = Connection(common.session(), clock=SystemClock(), endpoint_url=common.endpoint_url)
    made = policy_for(request, aws, store=common.state or "")
    Output().result(json.dumps(made, indent=None if common.json else 2))
    return 0
