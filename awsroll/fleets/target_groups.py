"""The target groups of a fleet: their settings, and the instances that are registered.

Settings are read every ten minutes. The deregistration delay and the saved settings are read every five minutes. All
are read after awsroll changes one of them, and before it restores one: someone else may have changed it since.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.elbv2 import TARGET_GROUP_NOT_FOUND
from awsroll.aws.parse_answers import is_not_registered, read_target_group, read_targets
from awsroll.core.model.observation import Target, TargetGroup, TargetKey, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import SAVED_SETTING_PREFIX
from awsroll.errors import AwsRefusedError

_SETTINGS_SECONDS = 600
_DELAY_SECONDS = 300
_RECENT_SECONDS = 2.0
_GONE = ("terminated", "shutting-down")


class _Cached(NamedTuple):
    value: Reply
    at: float


class _Targets(NamedTuple):
    value: dict[str, list[Target]]
    at: float


class TargetGroups:
    """Observes the target groups of one fleet."""

    def __init__(self, aws: Connection) -> None:
        self._aws = aws
        self._settings: dict[str, _Cached] = {}
        self._attributes: dict[str, _Cached] = {}
        self._tags: dict[str, _Cached] = {}
        self._deleted: set[str] = set()
        self._health: dict[str, _Targets] = {}
        self._keeps_health = False
        self._reads_anomalies = False
        self._ahead: set[str] = set()

    def observe(self, arns: Sequence[str], managed: frozenset[str]) -> tuple[TargetGroup, ...]:
        """Return the target groups that exist, with their settings, in the order of `arns`."""
        self._read_settings(self._existing(arns))
        for arn in self._expired(self._attributes, self._existing(arns), _DELAY_SECONDS):
            with self._noting_deletion(arn):
                self._attributes[arn] = self._cached(self._aws.elbv2.attributes(arn))
        return tuple(
            read_target_group(self._settings[arn].value, self._attributes[arn].value, managed=arn in managed)
            for arn in self._existing(arns)
        )

    def deleted(self, arns: Sequence[str]) -> frozenset[str]:
        """Return the target groups that no longer exist, as far as the calls until now have shown."""
        return frozenset(arn for arn in arns if arn in self._deleted)

    def _existing(self, arns: Sequence[str]) -> list[str]:
        return [arn for arn in arns if arn not in self._deleted]

    @contextmanager
    def _noting_deletion(self, arn: str) -> Iterator[None]:
        """Note that a target group was deleted, if a call says so. This holds for ever: no ARN is used again."""
        try:
            yield
        except AwsRefusedError as error:
            if error.code != TARGET_GROUP_NOT_FOUND:
                raise
            self._deleted.add(arn)

    def _read_settings(self, arns: Sequence[str]) -> None:
        expired = self._expired(self._settings, arns, _SETTINGS_SECONDS)
        described = {each["TargetGroupArn"]: each for each in self._aws.elbv2.existing_target_groups(expired)}
        self._settings |= {arn: self._cached(each) for arn, each in described.items()}
        self._deleted |= set(expired) - described.keys()

    def saved_settings(self, arns: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Return the settings that tags on the target groups hold, as pairs of ARN and setting."""
        expired = self._expired(self._tags, self._existing(arns), _DELAY_SECONDS)
        for arn, tags in self._aws.elbv2.tags(expired).items():
            self._tags[arn] = self._cached(tags)
        keys = {(arn, key) for arn in arns if arn in self._tags for key in self._tags[arn].value}
        return frozenset(
            (arn, key.removeprefix(SAVED_SETTING_PREFIX)) for arn, key in keys if key.startswith(SAVED_SETTING_PREFIX)
        )

    def forget(self, arn: str) -> None:
        """Read a target group's settings and tags again at the next observation, because they changed."""
        self._settings.pop(arn, None)
        self._attributes.pop(arn, None)
        self._tags.pop(arn, None)

    def is_as_observed(self, arn: str, *, or_forgotten: bool) -> bool:
        """Read a target group's settings again, and return whether the last observation has shown the same.

        Args:
            arn: the target group.
            or_forgotten: what this pass has changed itself, and thus forgotten, counts as observed.
        """
        before = self._settings.pop(arn, None), self._attributes.pop(arn, None)
        self.observe((arn,), frozenset())
        now = self._settings.get(arn), self._attributes.get(arn)
        return all(
            a.value == b.value if a is not None and b is not None else a is None and or_forgotten
            for a, b in zip(before, now, strict=True)
        )

    def registrations(self, arns: Sequence[str]) -> dict[str, tuple[Target, ...]]:
        """Return all registrations, also draining ones, by instance id, with one call per target group."""
        by_instance: dict[str, list[Target]] = {}
        keeps, self._keeps_health = self._keeps_health, False
        for arn in self._existing(arns):
            with self._noting_deletion(arn):
                for instance_id, targets in self._targets_of(arn, keeps=keeps).items():
                    by_instance.setdefault(instance_id, []).extend(targets)
        return {name: tuple(sorted(targets, key=lambda target: target.key)) for name, targets in by_instance.items()}

    def read_anomalies(self, rollout: Rollout) -> None:
        """Read the anomaly flags of targets with their health from now on, if the judge compares them."""
        self._reads_anomalies = any(hook.anomalies for hook in rollout.hooks)

    def keep(self) -> None:
        """Let the next observation, which follows at once, use the targets of the last one: nothing changed them."""
        self._keeps_health = True

    def reads_ahead(self, arns: Sequence[str]) -> list[Callable[[], None]]:
        """Return the calls that read the targets for `registrations`, to be made side by side before it."""
        self._ahead.clear()
        return [] if self._keeps_health else [partial(self._read_ahead, arn) for arn in self._existing(arns)]

    def _read_ahead(self, arn: str) -> None:
        with self._noting_deletion(arn):
            self._health[arn] = self._read_health(arn)
            self._ahead.add(arn)

    def _read_health(self, arn: str) -> _Targets:
        return _Targets(
            read_targets(arn, self._aws.elbv2.target_health(arn, anomalies=self._reads_anomalies)),
            self._aws.clock.monotonic(),
        )

    def _targets_of(self, arn: str, *, keeps: bool) -> dict[str, list[Target]]:
        now = self._aws.clock.monotonic()
        if arn in self._ahead:
            self._ahead.remove(arn)
        elif not keeps or arn not in self._health or now - self._health[arn].at >= _RECENT_SECONDS:
            self._health[arn] = self._read_health(arn)
        return self._health[arn].value

    def still_registered(
        self, instance_ids: Iterable[str], keys: Iterable[TargetKey], *, may_drain: Collection[str] = ()
    ) -> dict[str, str]:
        """Return the instances that may still get requests on one of the ports, with their states.

        The call names id and port: only `Target.NotRegistered` proves that a drain is over or an instance is gone.
        """
        wanted = sorted(set(keys))
        return self.still_registered_on(dict.fromkeys(instance_ids, wanted), may_drain=may_drain)

    def still_registered_on(
        self, keys: Mapping[str, Iterable[TargetKey]], *, may_drain: Collection[str] = ()
    ) -> dict[str, str]:
        """Do the same for instances with different ports. `may_drain` names those that may be listed as draining."""
        states = dict[str, str]()
        by_group: dict[str, list[tuple[str, int]]] = {}
        for name, wanted in keys.items():
            for key in wanted:
                by_group.setdefault(key.target_group, []).append((name, key.port))
        for arn, targets in by_group.items():
            for name, words in self._still_in(arn, targets):
                if not (name in may_drain and words.partition(" ")[0] == TargetState.DRAINING):
                    states.setdefault(name, words)
        return states

    def _still_in(self, arn: str, targets: list[tuple[str, int]]) -> list[tuple[str, str]]:
        try:
            answers = self._aws.elbv2.health_of(arn, targets)
        except AwsRefusedError as error:
            if error.code != "InvalidTarget":
                raise
            names = tuple(dict.fromkeys(name for name, _ in targets))
            if len(names) == 1:
                return [] if self._is_gone(names[0]) else [(names[0], str(error))]
            first = frozenset(names[: len(names) // 2])  # one unknown instance fails the whole call: ask for each half
            halves = ([one for one in targets if (one[0] in first) is wanted] for wanted in (True, False))
            return [state for half in halves for state in self._still_in(arn, half)]
        cleared = {
            (answer["Target"]["Id"], int(answer["Target"]["Port"])) for answer in answers if is_not_registered(answer)
        }
        states = {
            (answer["Target"]["Id"], int(answer["Target"]["Port"])): _describe_health(answer) for answer in answers
        }
        return [(name, states.get((name, port), "no answer")) for name, port in targets if (name, port) not in cleared]

    def _is_gone(self, instance_id: str) -> bool:
        described = self._aws.ec2.instances([instance_id])
        return not described or described[0].get("State", {}).get("Name") in _GONE

    def _expired(self, cache: dict[str, _Cached], arns: Sequence[str], seconds: float) -> list[str]:
        now = self._aws.clock.monotonic()
        return [arn for arn in arns if arn not in cache or now - cache[arn].at >= seconds]

    def _cached(self, value: Reply) -> _Cached:
        return _Cached(value, self._aws.clock.monotonic())


def _describe_health(description: Reply) -> str:
    health = description.get("TargetHealth", {})
    reason = health.get("Reason", "")
    return f"{health.get('State', 'unknown')} ({reason})" if reason else str(health.get("State", "unknown"))
