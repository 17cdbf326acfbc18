"""Invariants of the fleet, checked at each change in the simulated AWS.

No other process touches the fleet in these runs, so awsroll causes every shortage and every surplus. Violations are
collected, not raised: the code under test would take a failure inside an API call for a failure of AWS.
"""

from collections.abc import Mapping
from typing import Any

from awsroll.core.tags import KEEP_UNTIL_TAG
from awsroll.sandbox import Fleet, Sandbox, SandboxServer
from tests.crash.scenarios import Scenario

READING = ("Describe", "List", "Get")
GROUP_RETIRES = ("TerminateInstanceInAutoScalingGroup",)


class Watch:
    """Checks one fleet from its creation.

    Attributes:
        problems: descriptions of the violations, each once.
        launched: instances launched since, including those that EC2 no longer shows.
        history: the mutating calls and crashes, with their time, to explain a failure.
    """

    def __init__(self, sandbox: Sandbox | SandboxServer, fleet: Fleet, scenario: Scenario) -> None:
        self.problems: list[str] = []
        self.history: list[str] = []
        self.launched: set[str] = set()
        self._sandbox = sandbox
        self._fleet = fleet
        self._scenario = scenario
        self._others = {one.instance_id for one in sandbox.ec2.instances()} - set(fleet.instance_ids)
        self._first = {one.instance_id for one in sandbox.ec2.instances()}
        self._registered_once: set[str] = set()
        self._deliveries = len(sandbox.ssm.deliveries())
        sandbox.on_call(self._before_call)
        sandbox.on_call(self._after_call, "after")
        sandbox.ec2.on_change(self._instance_changed)
        sandbox.elb.on_change(lambda *_: self.check())
        self.check()

    def note(self, text: str) -> None:
        at = self._sandbox.world.now()
        self.history.append(f"{at:%H:%M:%S.%f}"[:-4] + f" {text}")

    def blame(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
            self.note(f"!!! {problem}")

    # --- the state of the fleet ---

    @property
    def live(self) -> set[str]:
        """Instances of the fleet that run or boot and are not being terminated or detached by a group."""
        leaving = ("Terminating", "Detaching")
        ending = {name for name, state in self.lifecycles.items() if state.startswith(leaving)}
        return {one.instance_id for one in self._sandbox.ec2.live_instances()} - self._others - ending - self.kept

    @property
    def kept(self) -> set[str]:
        """Failed instances that are kept for inspection, out of the fleet."""
        members = self.lifecycles
        live = (one for one in self._sandbox.ec2.live_instances() if KEEP_UNTIL_TAG in one.tags)
        kept = {one.instance_id for one in live if one.instance_id not in members}
        return {name for name in kept if all(state.startswith("draining") for state in self.registered(name))}

    @property
    def counted(self) -> set[str]:
        """The live instances that count against the ceiling: in a standalone fleet not those that drain or are out."""
        targets = [one for arn in self._fleet.target_group_arns for one in self._sandbox.elb.targets(arn)]
        active = {one.instance_id for one in targets if one.state != "draining"}
        self._registered_once |= active
        if self._fleet.group_name or not getattr(self._scenario, "replaces", True):
            return self.live
        return self.live - (self._registered_once - active)

    @property
    def lifecycles(self) -> dict[str, str]:
        return {name: str(one.state) for group in self._groups for name, one in group.members.items()}

    @property
    def _groups(self) -> list[Any]:
        return [one for one in self._sandbox.autoscaling.groups() if one.name == self._fleet.group_name]

    @property
    def serving(self) -> set[str]:
        """Instances that are healthy on every port of every target group."""
        ports = self._fleet.ports[:1] if self._fleet.group_name else self._fleet.ports
        found = None
        for arn in self._fleet.target_group_arns:
            for port in ports:
                targets = self._sandbox.elb.targets(arn)
                healthy = {one.instance_id for one in targets if one.port == port and one.state == "healthy"}
                found = healthy if found is None else found & healthy
        return found or set()

    def registered(self, instance_id: str) -> list[str]:
        """Return the states in which target groups still list the instance; a listed instance may hold a request."""
        targets = (one for arn in self._fleet.target_group_arns for one in self._sandbox.elb.targets(arn))
        return [f"{one.state} on port {one.port}" for one in targets if one.instance_id == instance_id]

    # --- the checks ---

    def check(self) -> None:
        """Check the bounds, and that no instance is reloaded under traffic."""
        if len(self.serving) < self._scenario.floor:
            self.blame(f"only {len(self.serving)} serve, the floor is {self._scenario.floor}")
        if len(counted := self.counted) > self._scenario.ceiling:
            self.blame(f"{len(counted)} are live, the ceiling is {self._scenario.ceiling}")
        deliveries = self._sandbox.ssm.deliveries()
        for one in deliveries[self._deliveries :]:
            self.note(f"    command delivered to {one.instance_id}")
            if states := self.registered(one.instance_id):
                self.blame(f"{one.instance_id} got its reload command while it was {', '.join(states)}")
        self._deliveries = len(deliveries)

    def _instance_changed(self, instance: Any) -> None:
        if instance.instance_id not in self._first:
            self.launched.add(instance.instance_id)
        if instance.instance_id in self._others:
            if not instance.is_live:
                self.blame(f"{instance.instance_id}, which is not of the fleet, was ended")
            return
        if instance.state == "shutting-down" and (states := self.registered(instance.instance_id)):
            self.blame(f"{instance.instance_id} was ended while it was {', '.join(states)}")
        self.check()

    def _before_call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        if not operation.startswith(READING):
            self.note(f"{service}:{operation} {_words(parameters)}")
            self._check_ours(operation, parameters)
            if operation == "SendCommand":
                for name in parameters.get("InstanceIds", []):
                    if states := self.registered(name):
                        self.blame(f"a reload command was sent to {name} while it was {', '.join(states)}")
        self.check()

    def _after_call(self, _service: str, _operation: str, _parameters: Mapping[str, Any]) -> None:
        self.check()

    def _check_ours(self, operation: str, parameters: Mapping[str, Any]) -> None:
        for text in _texts(parameters):
            if text in self._others:
                self.blame(f"{operation} names {text}, which is not of the fleet")
            if ":targetgroup/" in text and text not in self._fleet.target_group_arns:
                self.blame(f"{operation} names {text}, which is not of the fleet")
        group = parameters.get("AutoScalingGroupName")
        if group is not None and group != self._fleet.group_name:
            self.blame(f"{operation} names the group {group}, which is not of the fleet")


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, (list, tuple)):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def _words(parameters: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in parameters.items() if name not in ("Parameters", "TagSpecifications")}
    return " ".join(f"{name}={value}" for name, value in kept.items())
