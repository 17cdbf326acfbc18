"""`awsroll schema`: the JSON Schema of a rollout file, and of a file of many fleets."""

import click

from awsroll.cli.common_options import DOCUMENT_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.output import Output
from awsroll.core.request.file_schema import fleets_schema, rollout_schema


@takes(DOCUMENT_GROUP)
@click.option("--fleets", is_flag=True, help="Print the schema of a file of many fleets.")
def schema(common: CommonOptions, *, fleets: bool) -> int:
    """Print the JSON Schema of a rollout file."""
    printed = fleets_schema() if fleets else rollout_schema()
    Output(json=common.json).document(printed)
    return 0
