"""The outputs of a stack: everything that the documents name."""

import aws_cdk as cdk

from awsroll_cdk.deployment import RollingDeployment
from awsroll_cdk.functions import CODEPIPELINE, CONTROL, KEEP
from awsroll_cdk.versions import LIVE


def add_outputs(stack: cdk.Stack, made: RollingDeployment) -> None:
    """Add an output to the stack for each part of a deployment that people or pipelines use.

    Machines and `control` are named by their aliases. CodePipeline takes the name of a function alone.
    """
    pipeline = made.functions.get(CODEPIPELINE)
    values = {
        "RolloutMachine": made.live_machine,
        "FleetsMachine": made.live_fleets_machine or None,
        "RecordsTable": made.table.table_name,
        "ControlFunction": f"{made.functions[CONTROL].function_name}:{LIVE}",
        "CodePipelineFunction": None if pipeline is None else pipeline.function_name,
        "DurableAlias": None if made.durable is None else made.durable.function_arn,
        "KeepFunction": f"{made.functions[KEEP].function_name}:{LIVE}" if KEEP in made.functions else None,
        "SigningKey": None if made.sign_key is None else made.sign_key.key_arn,
        "ApprovalPage": None if made.approval_links is None else made.approval_links.url,
    }
    for name, value in values.items():
        if value is not None:
            cdk.CfnOutput(stack, name, value=value)
