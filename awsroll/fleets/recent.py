"""What was read just before a call of our own, and is still true after it.

A pass that follows a call at once would read everything again, within a second. It needs to read only what the call can
have changed: the servers that it tagged, launched or terminated, and the target groups that it registered them in. The
other answers of the pass before are used once more, if they are at most two seconds old.

Any other pass reads everything. So does the check before each call that terminates a server.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

from awsroll.aws.batches import batches
from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.ec2 import tag_list
from awsroll.core.aws_limits import FILTER_VALUES
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action, Answer, Result, instance_ids_of

_RECENT_SECONDS = 2.0

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


class RecentInstances:
    """Describes instances, and again only those that a call of our own can have changed."""

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._read: dict[str, Reply] = {}
        self._read_at = float("-inf")
        self._kept: dict[str, Reply] = {}
        self._wanted: set[str] = set()

    def describe(self, instance_ids: Iterable[str], *, tag: tuple[str, str] | None = None) -> dict[str, Reply]:
        """Return EC2's descriptions by id, without instances that EC2 does not know.

        Args:
            instance_ids: the instances.
            tag: a tag that most of them carry. Many are described by it, page by page.
        """
        wanted = self._wanted = set(instance_ids)
        now = self._aws.clock.monotonic()
        kept = self._kept if now - self._read_at < _RECENT_SECONDS else {}
        known = {name: kept[name] for name in wanted & kept.keys()}
        missing = wanted - known.keys()
        if tag is None or len(missing) <= FILTER_VALUES:
            answers = self._aws.ec2.instances(missing)
        else:
            answers = self._aws.ec2.instances_among(missing, key=tag[0], value=tag[1])
        self._read_at = self._read_at if known else now
        self._read = known | {answer["InstanceId"]: answer for answer in answers}
        self._kept = {}
        return dict(self._read)

    def reads_ahead(self, *, tag: tuple[str, str] | None = None) -> list[Callable[[], None]]:
        """Return the calls that read the instances of the last observation, to be made before the next `describe`."""
        now = self._aws.clock.monotonic()
        if now - self._read_at >= _RECENT_SECONDS:
            self._kept = {}
        missing = sorted(self._wanted - self._kept.keys())
        if not self._kept:
            self._read_at = now
        if tag is not None and len(missing) > FILTER_VALUES:
            return [partial(self._read_among, missing, tag)]
        return [partial(self._read_some, some) for some in batches(missing, FILTER_VALUES)]

    def _read_some(self, instance_ids: Sequence[str]) -> None:
        self._kept |= {one["InstanceId"]: one for one in self._aws.ec2.instances(instance_ids)}

    def _read_among(self, instance_ids: Sequence[str], tag: tuple[str, str]) -> None:
        answers = self._aws.ec2.instances_among(instance_ids, key=tag[0], value=tag[1])
        self._kept |= {one["InstanceId"]: one for one in answers}

    def just_read(self, instance_ids: Iterable[str]) -> dict[str, Reply]:
        """Return descriptions by id, from the last observation if it is recent; read those that it lacks."""
        wanted = set(instance_ids)
        is_recent = self._aws.clock.monotonic() - self._read_at < _RECENT_SECONDS
        known = {name: self._read[name] for name in wanted & self._read.keys()} if is_recent else {}
        return known | {one["InstanceId"]: one for one in self._aws.ec2.instances(wanted - known.keys())}

    def keep_after(self, results: Sequence[Result]) -> None:
        """Keep what some calls have left as it was, and the tags that they set, for the pass that follows at once."""
        actions = [result.action for result in results]
        if not all(isinstance(action, _NAMED_SERVERS + _NO_SERVERS) for action in actions):
            self._read = {}
        changed = {
            name for action in actions if not isinstance(action, _NO_SERVERS) for name in instance_ids_of(action)
        }
        self._kept = {name: answer for name, answer in self._read.items() if name not in changed}
        for result in results:
            if isinstance(result.action, act.TagInstances) and result.answer is Answer.DONE:
                for name in self._read.keys() & set(result.instance_ids):
                    self._kept[name] = _with_tags(self._read[name], dict(result.action.tags))
        self._read = {}


def _with_tags(answer: Reply, tags: dict[str, str]) -> Reply:
    others = [tag for tag in answer.get("Tags", []) if tag["Key"] not in tags]
    return {**answer, "Tags": [*others, *tag_list(tags)]}
