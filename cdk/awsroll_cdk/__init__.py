"""CDK constructs that deploy awsroll's rollout driver: functions, state machines, the store of records, roles, alarms.

    from awsroll_cdk import Fleet, RollingDeployment

    RollingDeployment(stack, "Web", fleet=Fleet.group(name="web"))

Of awsroll only `awsroll.iam` is imported here: what a rollout does is the bundle's part, what it may do is said there.
"""

from awsroll.iam import Rollouts
from awsroll_cdk.acknowledging import check_solutions
from awsroll_cdk.deployment import RollingDeployment
from awsroll_cdk.fleet import Fleet

__all__ = ["Fleet", "RollingDeployment", "Rollouts", "check_solutions"]
