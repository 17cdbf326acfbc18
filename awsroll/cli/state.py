"""`awsroll state create`: create or check the store of records and locks."""

import click

from awsroll.cli.command_group import CommandGroup, LazyCommand
from awsroll.cli.common_options import READING_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.output import Output
from awsroll.core.request.store_parts import RETENTION_DAYS

state = CommandGroup(
    "state",
    path="state",
    help="Manage the store of records and locks.",
    lazy={"create": LazyCommand("state:create", "Create or check the store that --state names.")},
)


@takes(READING_GROUP)
@click.option(
    "--retention",
    is_flag=True,
    help=f"Have a DynamoDB table delete records {RETENTION_DAYS} days after their last write.",
)
def create(common: CommonOptions, retention: bool) -> int:  # noqa: FBT001 - click passes it by name
    """Create or check the store that --state names.

    Creates a DynamoDB table or a directory. Checks that a bucket or directory can be written, read and listed.
    """
    store = common.store()
    notes = (*store.create(), *(store.retain() if retention else ()))
    if common.json:
        Output(json=True).emit("state.created", state=store.address, notes=list(notes))
        return 0
    for line in notes:
        Output(quiet=common.quiet).note(line)
    Output().result(f"{store.address} is ready to store records")
    return 0
