"""What was read just before a call of our own, and is still true after it.

A pass that follows a call at once would read everything again, within a second. It needs to read only what the call can
have changed: the servers that it tagged, launched or terminated, and the target groups that it registered them in. The
other answers of the pass before are used once more, if they are at most two seconds old.

Any other pass reads everything, apart from servers at rest: no task of the rollout concerns them and their target
groups have just shown them healthy, or they only wait for the end of their drain. If one call cannot describe all
servers, and that saves a call, they are read every two minutes, in the room of calls that are made anyway if there is
any, and again as soon as their rest ends. The tag that announces that a server is to leave makes the next pass read it,
so nothing leaves traffic because of an old answer. The check before each call that terminates a server reads it, too.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from awsroll.aws.batches import batches
from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.ec2 import tag_list
from awsroll.aws.retry import ask_again
from awsroll.core.aws_limits import FILTER_VALUES, INSTANCES_PER_PAGE
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action, instance_ids_of

_RECENT_SECONDS = 2.0
_AT_REST_SECONDS = 120.0
_ALIVE = ("pending", "running", "stopping", "stopped")

Tag: TypeAlias = tuple[str, str]
_Kinds: TypeAlias = tuple[type[Action], ...]
# The calls that change nothing that EC2 shows of other servers than those that they name.
_NAMED_SERVERS: _Kinds = (act.TagInstances, act.LaunchInstance, act.TerminateInstance)
# The calls that change nothing that EC2 shows.
_NO_SERVERS: _Kinds = (act.RegisterTargets, act.DeregisterTargets)
# The calls that change nothing that Elastic Load Balancing shows: what is terminated is registered nowhere.
_NO_TARGETS: _Kinds = (act.TagInstances, act.LaunchInstance, act.TerminateInstance)


def keeps_targets(actions: Sequence[Action]) -> bool:
    """Return whether the targets of all target groups are the same after some calls."""
    return all(isinstance(action, _NO_TARGETS) for action in actions)


class _Description(NamedTuple):
    value: Reply
    at: float


class RecentInstances:
    """Describes instances, and again only those that can have changed."""

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._read: dict[str, _Description] = {}  # by the last observation, until a call of our own
        self._kept: dict[str, _Description] = {}  # what the calls of our own since then have left
        self._wanted: set[str] = set()
        self._alive: set[str] = set()  # as the last observation has shown
        self._at_rest: Collection[str] = ()

    def describe(
        self, instance_ids: Iterable[str], *, tag: Tag | None = None, at_rest: Collection[str] = ()
    ) -> dict[str, Reply]:
        """Return EC2's descriptions by id, without instances that EC2 does not know.

        Args:
            instance_ids: the instances.
            tag: a tag that most of them carry. Many are described by it, page by page.
            at_rest: those that are at rest, as this observation shows.
        """
        wanted = self._wanted = set(instance_ids)
        known = self._known(wanted, at_rest, tag)
        now, missing = self._aws.clock.monotonic(), wanted - known.keys()
        answers = self._answers(missing, tag) if missing else []
        answers += self._answers_about(self._lost(missing, answers))
        self._alive = {
            one["InstanceId"] for one in answers if one.get("State", {}).get("Name") in _ALIVE
        } | known.keys()
        self._read = known | {answer["InstanceId"]: _Description(answer, now) for answer in answers}
        self._kept, self._at_rest = {}, at_rest
        return {name: one.value for name, one in self._read.items()}

    def _lost(self, missing: set[str], answers: list[Reply]) -> set[str]:
        """Return the instances that ran at the last look and that EC2 no longer knows: its answers may be outdated."""
        return (missing & self._alive) - {one["InstanceId"] for one in answers}

    def _answers_about(self, lost: set[str]) -> list[Reply]:
        """Ask again about lost instances: EC2 shows a terminated instance for an hour, so they cannot be gone."""
        answers: dict[str, Reply] = {}

        def ask() -> bool:
            answers.update({one["InstanceId"]: one for one in self._aws.ec2.instances(lost - answers.keys())})
            return lost <= answers.keys()

        if lost:
            ask_again(self._aws.clock, ask)
        return list(answers.values())

    def _known(self, wanted: set[str], at_rest: Collection[str], tag: Tag | None) -> dict[str, _Description]:
        """Return the answers that can be used once more."""
        now = self._aws.clock.monotonic()
        known = {name: self._kept[name] for name in wanted & self._kept.keys() if _is_recent(self._kept[name], now)}
        before, left = self._kept or self._read, wanted - known.keys()
        resting = {
            name: before[name]
            for name in left.intersection(at_rest) & before.keys()
            if now - before[name].at < _AT_REST_SECONDS
        }
        due = len(left) - len(resting)
        if len(left) <= FILTER_VALUES or _calls(due, tag) >= _calls(len(left), tag):
            return known
        for name in _read_on_the_side(resting, due, now):
            del resting[name]
        return known | resting

    def _answers(self, missing: set[str], tag: Tag | None) -> list[Reply]:
        if tag is None or len(missing) <= FILTER_VALUES:
            return self._aws.ec2.instances(missing)
        return self._aws.ec2.instances_among(missing, key=tag[0], value=tag[1])

    def reads_ahead(self, *, tag: Tag | None = None) -> list[Callable[[], None]]:
        """Return the calls that read the instances of the last observation, to be made before the next `describe`."""
        self._kept = self._known(self._wanted, self._at_rest, tag)
        missing, now = sorted(self._wanted - self._kept.keys()), self._aws.clock.monotonic()
        if tag is not None and len(missing) > FILTER_VALUES:
            return [partial(self._read_ahead, missing, tag, now)]
        return [partial(self._read_ahead, some, None, now) for some in batches(missing, FILTER_VALUES)]

    def _read_ahead(self, instance_ids: Sequence[str], tag: Tag | None, at: float) -> None:
        answers = self._answers(set(instance_ids), tag)
        self._kept |= {one["InstanceId"]: _Description(one, at) for one in answers}

    def just_read(self, instance_ids: Iterable[str]) -> dict[str, Reply]:
        """Return descriptions by id, from the last observation if it is recent; read those that it lacks."""
        wanted, now = set(instance_ids), self._aws.clock.monotonic()
        known = {
            name: self._read[name].value for name in wanted & self._read.keys() if _is_recent(self._read[name], now)
        }
        return known | {one["InstanceId"]: one for one in self._aws.ec2.instances(wanted - known.keys())}

    def keep_after(self, results: Sequence[Result]) -> None:
        """Keep what some calls have left as it was, and the tags that they set, for the pass that follows at once."""
        actions = [result.action for result in results]
        if not all(isinstance(action, _NAMED_SERVERS + _NO_SERVERS) for action in actions):
            self._read = {}
        changed = {
            name for action in actions if not isinstance(action, _NO_SERVERS) for name in instance_ids_of(action)
        }
        self._kept = {name: one for name, one in self._read.items() if name not in changed}
        for result in results:
            if isinstance(result.action, act.TagInstances) and result.answer is Answer.DONE:
                for name in self._read.keys() & set(result.instance_ids):
                    one = self._read[name]
                    self._kept[name] = _Description(_with_tags(one.value, dict(result.action.tags)), one.at)
        self._read = {}


def _read_on_the_side(resting: dict[str, _Description], due: int, now: float) -> list[str]:
    """Return the servers at rest that the calls for the servers that are due have room for: the oldest answers."""
    old = sorted((one.at, name) for name, one in resting.items() if now - one.at >= _AT_REST_SECONDS / 2)
    return [name for _, name in old[: -due % FILTER_VALUES]]


def _calls(instances: int, tag: Tag | None) -> int:
    """Return how many calls describe that number of instances."""
    is_by_tag = tag is not None and instances > FILTER_VALUES
    return math.ceil(instances / (INSTANCES_PER_PAGE if is_by_tag else FILTER_VALUES))


def _is_recent(one: _Description, now: float) -> bool:
    return now - one.at < _RECENT_SECONDS


def _with_tags(answer: Reply, tags: dict[str, str]) -> Reply:
    others = [tag for tag in answer.get("Tags", []) if tag["Key"] not in tags]
    return {**answer, "Tags": [*others, *tag_list(tags)]}
