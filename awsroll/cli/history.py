"""`awsroll history`: who started, approved, paused and ended the rollouts of a store. No calls to AWS."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from awsroll.cli.common_options import READING_GROUP, CommonOptions
from awsroll.cli.exit_codes import Exit
from awsroll.cli.flags import takes
from awsroll.cli.output import Output, result_width, write_messages
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awsroll.stores import Entry, RecordStore

_HEADING = ("TIME", "ROLLOUT", "WHAT", "BY", "FROM", "VERSION", "REASON")
_UNKNOWN = "-"


@takes(READING_GROUP)
@click.argument("rollout", metavar="[ROLLOUT]", required=False, help="Id of a rollout (default: every rollout).")
@click.option("--verify", is_flag=True, help="Check that no entry and no record was changed or removed.")
@click.option(
    "--head", metavar="DIGEST", help="With --verify: the digest that an earlier verification printed must be there."
)
def history(common: CommonOptions, rollout: str | None, *, verify: bool, head: str | None) -> int:
    """Show who started, approved, paused and ended the rollouts of the store, and from where.

    With --json, each entry is one line: an export for an audit.
    """
    if head and not verify:
        problem = "--head is for --verify. Pass both"
        raise SpecError(problem)
    store = common.store()
    if verify:
        return _verify(common, store, head or "")
    from awsroll.stores import Entry  # noqa: PLC0415 - keeps `--help` fast

    found = tuple(store.history().entries())
    entries = [each for each in found if isinstance(each, Entry) and rollout in (None, each.deed.rollout_id)]
    if common.json:
        for entry in entries:
            Output(json=True).emit("history", **_plain(entry))
    elif entries:
        Output().result(_table(entries))
    else:
        Output(quiet=common.quiet).note(f"the history of {store.address} has no such entries")
    write_messages(*(f"entry {each[0]} cannot be used: {each[1]}" for each in found if not isinstance(each, Entry)))
    return Exit.DONE


def _verify(common: CommonOptions, store: "RecordStore", head: str) -> int:
    from awsroll.driver.verify_history import verify_history  # noqa: PLC0415 - keeps `--help` fast

    found = verify_history(store, datetime.now(UTC), head=head)
    if common.json:
        Output(json=True).emit(
            "history-verified",
            state=store.address,
            entries=found.entries,
            head=found.head,
            problems=list(found.problems),
            notes=list(found.notes),
        )
    else:
        output = Output(quiet=common.quiet)
        for problem in found.problems:
            output.result(problem)
        for note in found.notes:
            output.note(note)
        words = f"{len(found.problems)} problems" if found.problems else "nothing was changed or removed"
        output.result(f"{found.entries} entries: {words}. Head: {found.head or '(none)'}")
    return Exit.STOPPED_OR_PAUSED if found.problems else Exit.DONE


def _plain(entry: "Entry") -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - see above

    deed: dict[str, Any] = msgspec.to_builtins(entry.deed)
    what = {"act": deed.pop("act"), "happened_at": deed.pop("at")}
    return {"number": entry.number, "previous": entry.previous, "digest": entry.digest, **what, **deed}


def _table(entries: "Sequence[Entry]") -> str:
    from awsroll.cli.aligned_text import fitted  # noqa: PLC0415 - see above

    rows = [_row(entry) for entry in entries]
    return fitted([_HEADING, *rows], [(row[:3], _second_line(row)) for row in rows], result_width())


def _second_line(row: tuple[str, ...]) -> str:
    _, _, _, by, place, version, reason = row
    return f"{version} by {by} from {place}{f': {reason}' if reason else ''}"


def _row(entry: "Entry") -> tuple[str, ...]:
    from awsroll.cli.local_time import local_moment  # noqa: PLC0415 - see above

    deed = entry.deed
    what = f"{deed.act} {deed.checkpoint}" if deed.checkpoint else deed.outcome or deed.act.value
    why = deed.reason or deed.message or deed.ref
    version = f"{deed.from_name or deed.from_version or '(none)'} -> {deed.to_name or deed.to_version}"
    return (local_moment(deed.at), deed.rollout_id, what, deed.by or _UNKNOWN, deed.place or _UNKNOWN, version, why)
