"""`awsroll state create`: make the place that `--state` names ready, and prove that it can be used."""

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.output import Output

app = typer.Typer(help="The place that keeps the records and locks of rollouts.", no_args_is_help=True)


@app.command()
@takes(COMMON_GROUP)
def create(common: CommonOptions) -> int:
    """Make the place that --state names ready: create a DynamoDB table, check a bucket or a directory."""
    store = common.store()
    said = store.create()
    if common.json:
        Output(json=True).emit("state.created", state=store.place, notes=list(said))
        return 0
    for line in said:
        Output(quiet=common.quiet).note(line)
    Output().result(f"{store.place} can keep records")
    return 0


@app.callback()
def _group() -> None:
    """Keep `create` a word of its own: with one command alone typer would leave it out."""
