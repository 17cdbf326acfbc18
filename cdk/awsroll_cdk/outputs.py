"""The outputs of a stack: everything that the documents name."""

import aws_cdk as cdk

from awsroll_cdk.deployment import RollingDeployment
from awsroll_cdk.functions import CODEPIPELINE, CONTROL


def add_outputs(stack: cdk.Stack, made: RollingDeployment) -> None:
    """Add an output to the stack for each part of a deployment that people or pipelines use."""
    pipeline = made.functions.get(CODEPIPELINE)
    values = {
        "RolloutMachine": made.machine.state_machine_arn,
        "FleetsMachine": None if made.fleets_machine is None else made.fleets_machine.state_machine_arn,
        "RecordsTable": made.table.table_name,
        "ControlFunction": made.functions[CONTROL].function_name,
        "CodePipelineFunction": None if pipeline is None else pipeline.function_name,
        "DurableAlias": None if made.durable is None else made.durable.function_arn,
        "SigningKey": None if made.sign_key is None else made.sign_key.key_arn,
    }
    for name, value in values.items():
        if value is not None:
            cdk.CfnOutput(stack, name, value=value)
