"""`awsroll policy`: the IAM policy that rolling a fleet takes. Read-only."""

import json

from awsroll.cli.everywhere import EVERYWHERE_GROUP, Everywhere
from awsroll.cli.flags import takes
from awsroll.cli.output import Output
from awsroll.cli.request import REQUEST_GROUP
from awsroll.core.spec import RolloutSpec


@takes(REQUEST_GROUP, EVERYWHERE_GROUP)
def policy(request: RolloutSpec, everywhere: Everywhere) -> int:
    """Print the least that IAM must allow for rolling this fleet in this way, as a policy in JSON. Changes nothing."""
    from awsroll.policies import policy_for  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.running import Surroundings  # noqa: PLC0415 - see above

    surroundings = Surroundings(session=everywhere.session(), endpoint_url=everywhere.endpoint_url)
    made = policy_for(request, surroundings, store=everywhere.state or "")
    Output().result(json.dumps(made, indent=None if everywhere.json else 2))
    return 0
