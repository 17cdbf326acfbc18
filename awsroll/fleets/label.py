"""The label on a fleet: a tag that names the rollout that holds the fleet, its store, and until when.

A lock is seen only in its own store. The label lets awsroll with another store see that the fleet is held, before it
changes anything. The label is no lock: the last writer of a tag wins, so two rollouts that start in the same second
both pass. Without permission to read or write tags, a rollout continues with a warning.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import tags_of
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import HELD_BY_TAG
from awsroll.errors import AwsError, AwsrollError, FleetLockedError

_VALID_SECONDS = 600
_MOST_AHEAD = timedelta(seconds=_VALID_SECONDS + 900)  # AWS refuses calls of a machine whose clock is off by more
_REFRESHES = 2  # within that time
_LONGEST_PLACE = 90  # `TAG_VALUE_CHARACTERS` hold an id of 128, an instant, and this
_ALLOWED = frozenset("-_./:@=+")
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The content of a label."""

    rollout_id: str
    place: str
    until: datetime

    @property
    def words(self) -> str:
        """The label for a message."""
        return f"held by rollout {self.rollout_id} of the store {self.place} until {self.until:%H:%M:%SZ}"

    def __str__(self) -> str:
        return f"{self.rollout_id} {self.place} {self.until.strftime(_INSTANT)}"


def read_held(value: str) -> Held | None:
    """Parse a label; None if its value cannot be parsed."""
    words = value.split(" ")
    try:
        rollout_id, place, until = words
        return Held(rollout_id=rollout_id, place=place, until=datetime.strptime(until, _INSTANT).replace(tzinfo=UTC))
    except ValueError:
        return None


class Label:
    """The label of one rollout on its group and target groups.

    Args:
        aws: the connection to the fleet's account and region.
        rollout: the rollout that the label names.
        place: the store, as other machines address it.
        warn: receives a warning if the fleet's tags cannot be read or written.
    """

    def __init__(self, aws: Connection, rollout: Rollout, *, place: str, warn: Callable[[str], None]) -> None:
        self._aws = aws
        self._rollout = rollout
        self._place = _tag_safe(place)
        self._warn = warn
        self._due_at: float | None = None

    def check(self) -> None:
        """Check that no rollout of another store holds the fleet.

        A label that no rollout writes is ignored with a warning: it would hold the fleet for ever.

        Raises:
            FleetLockedError: if the label of such a rollout has not expired. Nothing was changed.
        """
        try:
            labels = self._labels()
        except AwsError as error:
            self._warn(
                f"the fleet's tags cannot be read, so a rollout of another store may hold the fleet unnoticed ({error})"
            )
            return
        for where, held in self._held_by_others(labels).items():
            fleet = f"--asg {self._rollout.group}" if self._rollout.group else f"--target-group {_name_in(where)}"
            problem = (
                f"{where} is {held.words}, or longer if that rollout continues. Nothing was changed. Wait until it "
                f"ends, or continue it: `awsroll resume {held.rollout_id}` with --state for that store. If that store "
                f"is lost (for example with a CI job) and no process rolls this fleet, restore it at once: `awsroll "
                f"repair {fleet} --take-over`"
            )
            raise FleetLockedError(problem)

    def held_by_others(self) -> dict[str, Held]:
        """Return the labels of rollouts of other stores that have not expired, by group name or target group ARN.

        Raises:
            AwsError: if the fleet's tags cannot be read.
        """
        return {
            self._rollout.group if where == self._group else where: held
            for where, held in self._held_by_others(self._labels()).items()
        }

    def _held_by_others(self, labels: Mapping[str, str]) -> dict[str, Held]:
        """Return the labels that hold the fleet for another store, and warn of labels that no rollout writes."""
        others = {}
        for where, value in labels.items():
            held = read_held(value)
            if held is None or held.until - self._aws.now() > _MOST_AHEAD:
                self._warn(f"the tag {HELD_BY_TAG} of {where} is ignored: no rollout writes {value!r}. Delete the tag")
            elif self._is_anothers(held):
                others[where] = held
        return others

    def rollouts(self) -> set[str]:
        """Return the ids of the rollouts that the fleet's labels name, also of expired labels."""
        try:
            held = [read_held(value) for value in self._labels().values()]
        except AwsError:
            return set()
        return {label.rollout_id for label in held if label is not None}

    @property
    def is_set(self) -> bool:
        """Whether this process has set the label."""
        return self._due_at is not None

    def put_once(self) -> None:
        """Set the label before the first change of this process."""
        if not self.is_set:
            self.put()

    def put(self) -> None:
        """Set the label and replace any other.

        Raises:
            LeaseLostError: if this process no longer holds the fleet. Nothing was changed.
        """
        self._due_at = self._aws.clock.monotonic() + _VALID_SECONDS / _REFRESHES
        until = self._aws.now() + timedelta(seconds=_VALID_SECONDS)
        tags = {HELD_BY_TAG: str(Held(rollout_id=self._rollout.rollout_id, place=self._place, until=until))}
        try:
            if self._rollout.group:
                self._aws.autoscaling.add_tags(self._rollout.group, tags)
            for arn in self._rollout.held_target_groups:
                self._aws.elbv2.add_tags(arn, tags)
        except AwsError as error:
            self._warn(
                f"the fleet could not be labelled, so awsroll with another store does not see this rollout ({error})"
            )

    def put_if_older(self, seconds: float) -> None:
        """Set the label unless this rollout's label is valid for another `seconds`."""
        try:
            labels = self._labels()
        except AwsError:
            labels = {}
        until = self._aws.now() + timedelta(seconds=seconds)
        held = [read_held(value) for value in labels.values()]
        fresh = [
            label for label in held if label and label.rollout_id == self._rollout.rollout_id and label.until > until
        ]
        if len(fresh) < len(self._rollout.held_target_groups) + bool(self._rollout.group):
            self.put()

    def refresh_if_due(self) -> None:
        """Set the label again after half of its validity."""
        if self._due_at is not None and self._aws.clock.monotonic() >= self._due_at:
            self.put()

    def remove(self) -> None:
        """Remove the label if it was set. A label that cannot be removed expires by itself."""
        if self._due_at is None:
            return
        self._due_at = None
        try:
            self._remove_from({self._group, *self._rollout.held_target_groups})
        except AwsrollError:
            return

    def remove_left(self) -> None:
        """Remove the label that an earlier process of this rollout has left; if it cannot be removed, it expires."""
        with suppress(AwsrollError):
            self.remove_own()

    def remove_own(self) -> int:
        """Remove the label of this rollout, also of an earlier process; return from how many resources.

        Raises:
            AwsrollError: if the fleet's tags cannot be read or removed.
        """
        labels = {where: read_held(value) for where, value in self._labels().items()}
        ours = {where for where, label in labels.items() if label and label.rollout_id == self._rollout.rollout_id}
        self._remove_from(ours)
        return len(ours)

    @property
    def _group(self) -> str:
        return f"group {self._rollout.group}"

    def _remove_from(self, where: set[str]) -> None:
        if self._rollout.group and self._group in where:
            self._aws.autoscaling.remove_tags(self._rollout.group, [HELD_BY_TAG])
        for arn in self._rollout.held_target_groups:
            if arn in where:
                self._aws.elbv2.remove_tags(arn, [HELD_BY_TAG])

    def _labels(self) -> dict[str, str]:
        rollout = self._rollout
        tags_by_place = self._aws.elbv2.tags(rollout.target_groups)
        if rollout.group:
            tags_by_place[self._group] = tags_of(self._aws.autoscaling.group(rollout.group) or {})
        return {where: tags[HELD_BY_TAG] for where, tags in sorted(tags_by_place.items()) if HELD_BY_TAG in tags}

    def _is_anothers(self, held: Held) -> bool:
        if held.rollout_id == self._rollout.rollout_id or held.place == self._place:
            return False  # this process holds the lock of this store, so the process that set the label is dead
        return held.until > self._aws.now()


def _name_in(arn: str) -> str:
    return arn.rsplit(":targetgroup/", maxsplit=1)[-1].split("/", maxsplit=1)[0]


def _tag_safe(place: str) -> str:
    """Return a place in characters that a tag may hold, different for each place."""
    safe = "".join(letter if (letter.isascii() and letter.isalnum()) or letter in _ALLOWED else "_" for letter in place)
    if safe == place and len(place) <= _LONGEST_PLACE:
        return place
    digest = sha256(place.encode()).hexdigest()[:12]
    return f"{safe[: _LONGEST_PLACE - 13]}-{digest}"
