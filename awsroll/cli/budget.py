"""`awsroll budget`: how many rollouts and servers in flight a store allows at once."""

from typing import TYPE_CHECKING

import click

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.grouped_option import GroupedOption
from awsroll.cli.output import Output
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.stores import Budget, Share
    from awsroll.stores.budget_uses import BudgetUse


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
@click.option("--none", "removes", cls=GroupedOption, typed=True, is_flag=True, help="Remove the budget.")
def budget(common: CommonOptions, *, rollouts: int | None, servers: int | None, removes: bool) -> int:
    """Show or set how many rollouts and servers in flight the store allows at once, in each account and region.

    The output names the rollouts that run and those that wait.

    A rollout beyond the budget waits before it starts or resumes, in the order in which the rollouts came. With
    --no-wait it is refused (exit 4). Rollouts that run go on. A rollback and an abort never wait.
    """
    from awsroll.clock import SystemClock  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver import halt_store  # noqa: PLC0415 - see above
    from awsroll.stores.budget_uses import budget_uses  # noqa: PLC0415 - see above

    store = common.store()
    limits = rollouts is not None or servers is not None
    if removes and limits:
        problem = "--none removes the budget: pass no --rollouts and no --servers with it. Nothing was changed"
        raise SpecError(problem)
    if removes:
        halt_store.remove_budget(store)
    elif limits:
        halt_store.set_budget(store, SystemClock(), rollouts=rollouts, servers=servers)
    found, uses = store.budgets.load(), budget_uses(store, SystemClock().now())
    if common.json:
        Output(json=True).emit("budget", state=store.address, **_plain(found), uses=[_plain_use(use) for use in uses])
    else:
        words = "has no budget: any number of rollouts may run at once" if found is None else f"allows {found}"
        lines = [f"{store.address} {words}", *(line for use in uses for line in _lines(use))]
        Output(quiet=common.quiet).result("\n".join(lines))
    return 0


def _lines(use: "BudgetUse") -> list[str]:
    running = [(f"{share.rollout_id} runs, {share.servers} in flight", share.since) for share in use.running]
    waiting = [(f"{share.rollout_id} waits, needs {share.servers} in flight", share.since) for share in use.waiting]
    place = f"{use.account} {use.region}"
    return [f"  {place}: {words}, since {since:%Y-%m-%d %H:%M:%SZ}" for words, since in (*running, *waiting)]


def _plain_use(use: "BudgetUse") -> dict[str, object]:
    def plain(shares: "tuple[Share, ...]") -> list[dict[str, object]]:
        return [
            {"rollout": share.rollout_id, "servers": share.servers, "since": f"{share.since:%Y-%m-%dT%H:%M:%SZ}"}
            for share in shares
        ]

    return {
        "account": use.account,
        "region": use.region,
        "running": plain(use.running),
        "waiting": plain(use.waiting),
    }


def _plain(found: "Budget | None") -> dict[str, object]:
    if found is None:
        return {"rollouts": None, "servers": None}
    since = f"{found.since:%Y-%m-%dT%H:%M:%SZ}"
    return {"rollouts": found.rollouts, "servers": found.servers, "by": found.by, "since": since}
