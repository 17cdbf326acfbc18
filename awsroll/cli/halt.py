"""Commands that stop and free all rollouts of a store: `halt`, `unhalt`."""

import click

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.output import Output


@takes(COMMON_GROUP)
@click.option("--reason", default="", metavar="TEXT", help="Why, for everyone whose rollout is paused or refused.")
def halt(common: CommonOptions, *, reason: str) -> int:
    """Pause every rollout of the store, wherever it runs, and refuse new ones.

    Servers in progress are finished first. `awsroll unhalt` lifts the halt. `awsroll abort` still works.
    """
    from awsroll.clock import SystemClock  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver import halt_store  # noqa: PLC0415 - see above

    store = common.store()
    found = halt_store.halt(store, SystemClock(), reason=reason)
    if common.json:
        since = f"{found.since:%Y-%m-%dT%H:%M:%SZ}"
        Output(json=True).emit("halted", state=store.address, by=found.by, since=since, reason=found.reason)
        return 0
    Output(quiet=common.quiet).result(
        f"all rollouts in {store.address} are halted {found}. Each pauses at its next safe point, and new ones are "
        "refused. `awsroll unhalt` lifts the halt"
    )
    return 0


@takes(COMMON_GROUP)
def unhalt(common: CommonOptions) -> int:
    """Lift the halt of the store, and list the rollouts that it has paused.

    They stay paused until `awsroll resume` continues each of them.
    """
    from awsroll.driver import halt_store  # noqa: PLC0415 - keeps `--help` fast

    store = common.store()
    done = halt_store.unhalt(store)
    if common.json:
        Output(json=True).emit("unhalted", state=store.address, lifted=done.halt is not None, paused=list(done.paused))
        return 0
    output = Output(quiet=common.quiet)
    lifted = "was not halted" if done.halt is None else f"was halted {done.halt}. Its rollouts may run again"
    output.result(f"{store.address} {lifted}")
    for rollout_id in done.paused:
        output.result(f"{rollout_id} is paused; `awsroll resume {rollout_id}` continues it")
    return 0
