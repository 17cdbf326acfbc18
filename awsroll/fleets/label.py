"""A label on the fleet itself: which rollout holds it, from which store, until when.

Locks reach as far as their store. The label lets awsroll with another store see that the fleet is taken, before it
changes anything. It is no lock: the last writer of a tag wins, so two that start in the same second both pass. Without
permission to read or write tags a rollout goes on, and says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import tags_of
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import HELD_BY_TAG
from awsroll.errors import AwsError, AwsrollError, FleetLockedError

_VALID_SECONDS = 600
_REFRESHES = 2  # in that time
_LONGEST_PLACE = 90  # a tag value has 256 characters: an id of 128, an instant, and this
_ALLOWED = frozenset("-_./:@=+")
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a label says."""

    rollout_id: str
    place: str
    until: datetime

    def __str__(self) -> str:
        return f"{self.rollout_id} {self.place} {self.until.strftime(_INSTANT)}"


def read_held(value: str) -> Held | None:
    """Read a label; None if it says nothing that can be read."""
    words = value.split(" ")
    try:
        rollout_id, place, until = words
        return Held(rollout_id=rollout_id, place=place, until=datetime.strptime(until, _INSTANT).replace(tzinfo=UTC))
    except ValueError:
        return None


class Label:
    """The label of one rollout on its group and target groups.

    Args:
        aws: where the fleet is.
        rollout: whose label it is.
        place: the store as other machines read it.
        warn: told what could not be labelled.
    """

    def __init__(self, aws: Connection, rollout: Rollout, *, place: str, warn: Callable[[str], None]) -> None:
        self._aws = aws
        self._rollout = rollout
        self._place = _tag_safe(place)
        self._warn = warn
        self._due_at: float | None = None

    def check(self) -> None:
        """Look for the label of a rollout of another store.

        Raises:
            FleetLockedError: if there is one that has not run out; nothing was changed.
        """
        try:
            labels = self._labels()
        except AwsError as error:
            self._warn(
                f"the tags of the fleet cannot be read: whether another store's rollout holds it is not known ({error})"
            )
            return
        for where, value in labels.items():
            held = read_held(value)
            if held is not None and self._is_anothers(held):
                problem = (
                    f"{where} is held by rollout {held.rollout_id} of the store {held.place}, until "
                    f"{held.until:%H:%M:%SZ} unless it goes on; this one changed nothing: wait for it, or, if it is "
                    f"dead, delete the tag {HELD_BY_TAG}"
                )
                raise FleetLockedError(problem)

    def put(self) -> None:
        """Set the label, over whatever stands there.

        Raises:
            LeaseLostError: if the fleet is not ours any more; nothing was changed then.
        """
        self._due_at = self._aws.clock.monotonic() + _VALID_SECONDS / _REFRESHES
        until = self._aws.clock.now() + timedelta(seconds=_VALID_SECONDS)
        tags = {HELD_BY_TAG: str(Held(rollout_id=self._rollout.rollout_id, place=self._place, until=until))}
        try:
            if self._rollout.group:
                self._aws.autoscaling.add_tags(self._rollout.group, tags)
            for arn in self._rollout.target_groups:
                self._aws.elbv2.add_tags(arn, tags)
        except AwsError as error:
            self._warn(
                f"the fleet could not be labelled: awsroll with another store does not see this rollout ({error})"
            )

    def put_if_older(self, seconds: float) -> None:
        """Set the label unless ours stands there and lasts for so long yet."""
        try:
            labels = self._labels()
        except AwsError:
            labels = {}
        until = self._aws.clock.now() + timedelta(seconds=seconds)
        held = [read_held(value) for value in labels.values()]
        fresh = [
            label for label in held if label and label.rollout_id == self._rollout.rollout_id and label.until > until
        ]
        if len(fresh) < len(self._rollout.target_groups) + bool(self._rollout.group):
            self.put()

    def refresh_if_due(self) -> None:
        """Set it anew once half of its time is over."""
        if self._due_at is not None and self._aws.clock.monotonic() >= self._due_at:
            self.put()

    def remove(self) -> None:
        """Take the label away if it was set; one that cannot be taken away runs out by itself."""
        if self._due_at is None:
            return
        self._due_at = None
        try:
            self._remove_from({self._group, *self._rollout.target_groups})
        except AwsrollError:
            return

    def remove_left(self) -> None:
        """Take the label away that an earlier process of this rollout has left."""
        try:
            labels = {where: read_held(value) for where, value in self._labels().items()}
            ours = {where for where, label in labels.items() if label and label.rollout_id == self._rollout.rollout_id}
            self._remove_from(ours)
        except AwsrollError:
            return

    @property
    def _group(self) -> str:
        return f"group {self._rollout.group}"

    def _remove_from(self, where: set[str]) -> None:
        if self._rollout.group and self._group in where:
            self._aws.autoscaling.remove_tags(self._rollout.group, [HELD_BY_TAG])
        for arn in self._rollout.target_groups:
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
            return False  # this store's locks are ours: whoever set it is dead
        return held.until > self._aws.clock.now()


def _tag_safe(place: str) -> str:
    """Return a place as a tag may hold it, still another one for each place."""
    safe = "".join(letter if (letter.isascii() and letter.isalnum()) or letter in _ALLOWED else "_" for letter in place)
    if safe == place and len(place) <= _LONGEST_PLACE:
        return place
    digest = sha256(place.encode()).hexdigest()[:12]
    return f"{safe[: _LONGEST_PLACE - 13]}-{digest}"
