"""`awsroll budget`: how many rollouts and servers in flight a store allows at once."""

from typing import TYPE_CHECKING

import click

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.output import Output
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.stores import Budget


@takes(COMMON_GROUP)
@click.option(
    "--rollouts", type=click.IntRange(min=1), metavar="N", help="Run at most N rollouts at once (default: any number)."
)
@click.option(
    "--servers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Have at most N servers in flight in all rollouts (default: any number).",
)
@click.option("--none", "removes", is_flag=True, help="Remove the budget.")
def budget(common: CommonOptions, *, rollouts: int | None, servers: int | None, removes: bool) -> int:
    """Show or set how many rollouts and servers in flight the store allows at once, in each account and region.

    A rollout beyond the budget waits before it starts or resumes, in the order in which the rollouts came. With
    --no-wait it is refused (exit 4). Rollouts that run go on. A rollback and an abort never wait.
    """
    from awsroll.clock import SystemClock  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver import halt_store  # noqa: PLC0415 - see above

    store = common.store()
    limits = rollouts is not None or servers is not None
    if removes and limits:
        problem = "--none removes the budget: pass no --rollouts and no --servers with it. Nothing was changed"
        raise SpecError(problem)
    if removes:
        halt_store.remove_budget(store)
    elif limits:
        halt_store.set_budget(store, SystemClock(), rollouts=rollouts, servers=servers)
    found = store.budgets.load()
    if common.json:
        Output(json=True).emit("budget", state=store.address, **_plain(found))
    else:
        words = "has no budget: any number of rollouts may run at once" if found is None else f"allows {found}"
        Output(quiet=common.quiet).result(f"{store.address} {words}")
    return 0


def _plain(found: "Budget | None") -> dict[str, object]:
    if found is None:
        return {"rollouts": None, "servers": None}
    since = f"{found.since:%Y-%m-%dT%H:%M:%SZ}"
    return {"rollouts": found.rollouts, "servers": found.servers, "by": found.by, "since": since}
