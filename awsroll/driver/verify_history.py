"""Verifies the history of a store: the chain of its entries, and the records that they name. No calls to AWS."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from awsroll.core.model.status import Mode
from awsroll.core.request.store_parts import RETENTION_DAYS
from awsroll.errors import AwsrollError, RolloutNotFoundError, StateError
from awsroll.stores import Act, Entry, RecordStore
from awsroll.stores.request_digest import digest_of_record, request_digest

_RETENTION = timedelta(days=RETENTION_DAYS)
_OLDER, _KILLED = "an older awsroll drove it", "its driver was killed then"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found.

    Attributes:
        entries: the number of entries that can be read.
        head: the digest of the last one; empty without entries. Keep it elsewhere to notice a removed end.
        problems: what was changed or removed, one line each.
        notes: what the history cannot prove, one line each.
    """

    entries: int
    head: str
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def verify_history(store: RecordStore, at: datetime, *, head: str = "") -> Verified:
    """Verify the history of a store.

    Args:
        store: the store.
        at: the current time: the store may have deleted records that are older than the retention.
        head: a digest that an earlier verification has returned; empty: none is known.

    Raises:
        StateError, AwsError: if the store cannot be read at all.
    """
    found = list(store.history().entries())
    entries = [each for each in found if isinstance(each, Entry)]
    problems = list(_chain_problems(found))
    problems += _head_problems(store, found)
    digests = [entry.digest for entry in entries]
    if head and head not in digests:
        problems.append(
            f"no entry has the digest {head}: entries at the end were removed, or the history was rewritten"
        )
    problems += _record_problems(store, entries, at)
    last = digests[-1] if digests else ""
    return Verified(entries=len(entries), head=last, problems=tuple(problems), notes=tuple(_unentered(store, entries)))


def _chain_problems(found: list[Entry | tuple[int, str]]) -> Iterator[str]:
    expected, previous = 0, ""
    for each in found:
        number = each.number if isinstance(each, Entry) else each[0]
        if number > expected:
            yield (
                f"entry {expected} is missing"
                if number == expected + 1
                else f"entries {expected} to {number - 1} are missing"
            )
        gap, expected = number != expected, number + 1
        if not isinstance(each, Entry):
            yield f"entry {number} cannot be used: {each[1]}"
            previous = ""
            continue
        if not gap and previous and each.previous != previous:
            yield f"entry {number - 1} was changed: entry {number} holds another digest of it"
        previous = each.digest


def _head_problems(store: RecordStore, found: list[Entry | tuple[int, str]]) -> Iterator[str]:
    try:
        head = store.history().head()
    except StateError as error:
        yield f"the head of the history cannot be used: {error}"
        return
    numbers = [each.number if isinstance(each, Entry) else each[0] for each in found]
    if head is None:
        return
    if not numbers or numbers[-1] < head.number:
        yield f"the entries at the end were removed: there was an entry {head.number}"
    for each in found:
        if isinstance(each, Entry) and each.number == head.number and each.digest != head.digest:
            yield f"entry {each.number} was changed: the head of the history holds another digest of it"


def _record_problems(store: RecordStore, entries: list[Entry], at: datetime) -> Iterator[str]:
    last = {entry.deed.rollout_id: entry.deed for entry in entries}
    for rollout_id, deed in last.items():
        try:
            record = store.load(rollout_id)
        except RolloutNotFoundError:
            if at - deed.at < _RETENTION:
                yield f"the record of rollout {rollout_id} was removed; its last entry is of {deed.at:%Y-%m-%d}"
            continue
        except AwsrollError as error:
            yield f"the record of rollout {rollout_id} cannot be used: {error}"
            continue
        if deed.request != request_digest(record.rollout):
            yield f"the request in the record of rollout {rollout_id} was changed"
        elif deed.act is Act.ENDED and deed.record not in ("", digest_of_record(record)):
            yield f"the record of rollout {rollout_id} was changed after its end"


def _unentered(store: RecordStore, entries: list[Entry]) -> Iterator[str]:
    """Yield what may be a lost end, or only a driver of an older awsroll, or one that was killed at that instant."""
    known = {entry.deed.rollout_id for entry in entries}
    ended = {entry.deed.rollout_id for entry in entries if entry.deed.act is Act.ENDED}
    for record in store.list():
        rollout_id = record.rollout.rollout_id
        if rollout_id not in known:
            yield f"the history has no entry of rollout {rollout_id}: {_OLDER}, or its entries were removed"
        elif record.status.mode is Mode.ENDED and rollout_id not in ended:
            yield f"the history has no entry of the end of rollout {rollout_id}: {_KILLED}, or it was removed"
