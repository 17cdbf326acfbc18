"""`awsroll list` and `awsroll status`: the state of rollouts, from their records. No calls to AWS."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from awsroll.cli.arguments import newest_rollout_argument
from awsroll.cli.common_options import READING_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.output import Output, result_width, write_messages
from awsroll.cli.process_state import note_rollout
from awsroll.errors import RolloutNotFoundError, StateError

if TYPE_CHECKING:
    from awsroll.core.judge.verdicts import Judgement
    from awsroll.report import InstanceCounts, RolloutSummary
    from awsroll.stores import RecordStore, UnreadableRecord

UNREADABLE = "unreadable"
"""The status of a rollout whose record cannot be used."""

_STATUSES = ("running", "interrupted", "paused", "stopped", "rolled_back", "succeeded")


@takes(READING_GROUP)
@click.option("--fleet", metavar="NAME", help="List only the rollouts of this fleet (default: every fleet).")
@click.option(
    "--status",
    "status_",
    metavar="STATUS",
    type=click.Choice([*_STATUSES, UNREADABLE]),
    help=f"List only the rollouts with this status: {', '.join(_STATUSES)} or {UNREADABLE} (default: every status).",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="List only the N newest rollouts (default: no limit)."
)
def rollouts(common: CommonOptions, *, fleet: str | None, status_: str | None, limit: int | None) -> int:
    """List the known rollouts, newest first: version, outcome, duration, who and why."""
    from awsroll.cli.render_history import summaries_text  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver import summaries  # noqa: PLC0415 - see above

    store = common.store()
    known, unreadable = summaries.list_rollouts(store), store.unreadable()
    has_any = bool(known or unreadable)
    known = tuple(each for each in known if fleet in (None, each.fleet) and status_ in (None, each.status.value))[
        :limit
    ]
    unreadable = tuple(each for each in unreadable if fleet in (None, each.fleet) and status_ in (None, UNREADABLE))
    if common.json:
        for summary in known:
            Output(json=True).emit("rollout", **_plain(summary))
        for record in unreadable:
            Output(json=True).emit("rollout", **_plain_unreadable(record))
    elif known or unreadable:
        Output().result(summaries_text(known, unreadable, now=datetime.now(UTC), width=result_width()))
    else:
        wanted = "such rollouts" if has_any else "rollouts"
        Output(quiet=common.quiet).note(f"there are no {wanted} in {store.address}")
    write_messages(*map(str, unreadable))
    return 0


@takes(READING_GROUP)
@newest_rollout_argument
def status(common: CommonOptions, rollout: str | None) -> int:
    """Show the state of a rollout."""
    from awsroll.cli.render_report import status_text  # noqa: PLC0415 - see above
    from awsroll.driver import summaries  # noqa: PLC0415 - see above

    store = common.store()
    rollout = rollout or newest_rollout(store)
    unreadable = store.unreadable_record(rollout)
    if unreadable is not None:
        problem = f"{unreadable}. To restore its fleet from tags, name it: `awsroll repair {rollout} --asg NAME`"
        raise StateError(problem)
    record, summary = store.load(rollout), summaries.status(rollout, store)
    if common.json:
        from awsroll.core.classify.counts import count_servers  # noqa: PLC0415 - see above
        from awsroll.core.observe.judged_record import current_judgements  # noqa: PLC0415 - see above
        from awsroll.report import instance_counts  # noqa: PLC0415 - see above

        judged = current_judgements(record.rollout, record.status)
        counters, counts = record.status.counters, count_servers(record.rollout, record.status)
        Output(json=True).emit(
            "status",
            **_plain(summary),
            in_flight=sorted(record.status.servers_in_flight),
            instances=_plain(instance_counts(counts)),
            replaced=counts.replaced,
            reloaded=counts.reloaded,
            min_serving=counters.lowest_serving,
            max_live=counters.highest_live,
            max_running=counters.highest_running,
            judge={name: _plain(each) for name, each in judged.items()},
            warnings=list(record.status.warnings),
        )
    else:
        Output().result(status_text(record, summary, width=result_width()))
    return 0


def newest_rollout(store: "RecordStore") -> str:
    """Return the id of the newest rollout in a store.

    Raises:
        RolloutNotFoundError: if there is none.
    """
    from awsroll.driver import summaries  # noqa: PLC0415 - keeps `--help` fast

    newest = next(iter(summaries.list_rollouts(store)), None)
    if newest is None:
        problem = f"there are no rollouts in {store.address}. Start a rollout with `awsroll roll`"
        raise RolloutNotFoundError(problem)
    note_rollout(newest.rollout_id)
    return newest.rollout_id


def _plain_unreadable(record: "UnreadableRecord") -> dict[str, Any]:
    return {
        "rollout_id": record.rollout_id,
        "fleet": record.fleet,
        "status": UNREADABLE,
        "phase": "",
        "started_at": None,
        "reason": record.reason,
        "location": record.location,
        "may_be_unfinished": record.is_open,
    }


def _plain(value: "RolloutSummary | InstanceCounts | Judgement") -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - see above

    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain
