"""CDK constructs that deploy awsroll's rollout driver: functions, state machines, the store of records, roles, alarms.

    from awsroll_cdk import Fleet, RollingDeployment

    RollingDeployment(stack, "Web", fleet=Fleet.group(name="web"))

This package imports only `awsroll.iam`: the bundle holds what a rollout does, and `awsroll.iam` what it may do.
"""

from awsroll.iam import Rollouts
from awsroll_cdk.acknowledging import check_solutions
from awsroll_cdk.deployment import RollingDeployment
from awsroll_cdk.fleet import Fleet
from awsroll_cdk.outputs import add_outputs

__all__ = ["Fleet", "RollingDeployment", "Rollouts", "add_outputs", "check_solutions"]
