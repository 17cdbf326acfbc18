"""Registers and deregisters servers, several with one call."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Result
from awsroll.errors import AwsError
from awsroll.fleets.recent import RecentInstances
from awsroll.fleets.results import done, failed, refused, stale
from awsroll.fleets.target_groups import TargetGroups
from awsroll.fleets.together import Outcomes, call_together

_Call: TypeAlias = Callable[[str, Sequence[tuple[str, int]]], None]
_INVALID = "InvalidTarget"
_FRESH_SECONDS = 120  # Elastic Load Balancing may learn so late that a new instance runs


class Registrations:
    """Carries out `RegisterTargets` and `DeregisterTargets` for any number of servers, each once."""

    def __init__(self, aws: Connection, targets: TargetGroups, recent: RecentInstances) -> None:
        self._aws = aws
        self._recent = recent
        self._targets = targets

    def register(self, actions: Sequence[act.RegisterTargets]) -> tuple[Result, ...]:
        """Register the servers that run; return one result for each action."""
        ages = self._ages_of_running(self._recent.just_read(action.instance_id for action in actions).values())
        running = [action for action in actions if action.instance_id in ages]
        outcomes = _call_each_group(running, self._aws.elbv2.register)
        doubtful = [name for name, error in outcomes.items() if error is not None and error.code == _INVALID]
        still = self._ages_of_running(self._aws.ec2.instances(doubtful)).keys() if doubtful else frozenset[str]()
        results = []
        for action in actions:
            name = action.instance_id
            error = outcomes.get(name)
            if name not in ages:
                results.append(stale(action, f"{name} is not running"))
            elif error is None:
                results.append(done(action, instance_ids=(name,)))
            elif name not in doubtful:
                results.append(failed(action, error))
            elif name not in still:
                results.append(stale(action, f"{name} is no longer running"))
            else:
                results.append(refused(action, error.code, str(error), transient=ages[name] < _FRESH_SECONDS))
        return tuple(results)

    def deregister(self, actions: Sequence[act.DeregisterTargets]) -> tuple[Result, ...]:
        """Deregister the servers; return one result for each action."""
        outcomes = _call_each_group(actions, self._aws.elbv2.deregister)
        return tuple(self._deregistered(action, outcomes[action.instance_id]) for action in actions)

    def _deregistered(self, action: act.DeregisterTargets, error: AwsError | None) -> Result:
        if error is None:
            return done(action, instance_ids=(action.instance_id,))
        if error.code != _INVALID:
            return failed(action, error)
        # The call cannot name an instance that EC2 no longer knows. Such an instance is registered nowhere.
        try:
            left = self._targets.still_registered([action.instance_id], action.targets)
        except AwsError as unknown:
            return failed(action, unknown)
        return failed(action, error) if left else done(action, instance_ids=(action.instance_id,))

    def _ages_of_running(self, described: Iterable[Reply]) -> dict[str, float]:
        """Return for how many seconds each of some described instances that runs has existed."""
        ages, now = dict[str, float](), self._aws.now()
        for instance in described:
            if instance.get("State", {}).get("Name") == "running":
                launched = instance.get("LaunchTime")
                ages[instance["InstanceId"]] = 0.0 if launched is None else (now - launched).total_seconds()
        return ages


def _call_each_group(actions: Sequence[act.RegisterTargets | act.DeregisterTargets], call: _Call) -> Outcomes:
    """Make the calls of each target group in turn. A server that fails in one is left out of the next ones."""
    outcomes: Outcomes = {action.instance_id: None for action in actions}
    by_group: dict[str, dict[str, list[int]]] = {}
    for action in actions:
        for key in action.targets:
            by_group.setdefault(key.target_group, {}).setdefault(action.instance_id, []).append(key.port)
    for arn, ports in by_group.items():
        left = [name for name in ports if outcomes[name] is None]
        outcomes |= call_together(left, _on_ports(arn, ports, call))
    return outcomes


def _on_ports(arn: str, ports: dict[str, list[int]], call: _Call) -> Callable[[Sequence[str]], None]:
    return lambda ids: call(arn, [(name, port) for name in ids for port in ports[name]])
