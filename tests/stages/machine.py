"""State machines composed of the stages by hand, with plain JSON in and out, and virtual time.

A `Machine` calls a stage as a state machine does: it keeps the answer, waits for `wait_seconds`, and calls again until
the stage is done. It can make each call twice, or let the process die in a call.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_type_hints

import msgspec

from awsroll import stages
from awsroll.aws.connection import Connection
from awsroll.sandbox import Fleet, Sandbox, SandboxOptions
from awsroll.testing.clock import VirtualClock
from tests.crash.knife import Crash, Instant, Knife, never
from tests.crash.watch import Watch

ROLLOUT = "deploy-42"
MOST_CALLS = 200
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds of the fleet in numbers of the test, for `Watch`."""

    floor: int
    ceiling: int


def call(name: str, event: Json, aws: Connection) -> Json:
    """Call a stage as its handler does."""
    stage = getattr(stages, name)
    checked = msgspec.convert(event, get_type_hints(stage)["event"], strict=True)
    answer: Json = msgspec.json.decode(msgspec.json.encode(stage(checked, aws)))
    return answer


class KeptClients:
    """A session that creates each client once, because creating a client takes longer than many calls."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._made: dict[str, Any] = {}
        self.region_name = session.region_name

    def client(self, service: str, **settings: Any) -> Any:
        if service not in self._made:
            self._made[service] = self._session.client(service, **settings)
        return self._made[service]


@dataclass
class Machine:
    """Call stages of one fleet, and record the calls."""

    sandbox: Sandbox
    fleet: Fleet
    rollout_id: str = ROLLOUT
    doubled: bool = False
    fork: Callable[[Instant], bool] = never
    events: list[tuple[str, Json]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._session = KeptClients(self.sandbox.session())

    def connection(self) -> Connection:
        """Return a new connection for each call. Only the clients are reused."""
        return Connection(self._session, clock=self.sandbox.clock)

    @property
    def named(self) -> Json:
        grouped = {"asg": self.fleet.group_name} if self.fleet.group_name else {}
        known = {} if self.fleet.group_name else {"target_group": list(self.fleet.target_group_arns)}
        return {"rollout_id": self.rollout_id, **grouped, **known}

    def template(self, version: int = 2) -> str:
        return f"{self.fleet.template_id}:{version}"

    def call(self, name: str, **event: Any) -> Json:
        made = {**self.named, **event}
        self.events.append((name, made))
        answer = self._once(name, made)
        return self._once(name, made) if self.doubled else answer

    def _once(self, name: str, event: Json) -> Json:
        """Make a call, and repeat it if it dies, as Lambda and Step Functions do."""
        put_away = Knife(self.sandbox.clock.now, fork=self.fork).watch(self.sandbox)
        try:
            return call(name, event, self.connection())
        except Crash:
            put_away()
            self.sandbox.jump(1)
            return self._once(name, event)
        finally:
            put_away()

    def until_done(self, name: str, **event: Any) -> Json:
        for _ in range(MOST_CALLS):
            answer = self.call(name, **event)
            if answer["done"]:
                return answer
            assert answer["wait_seconds"] >= 1
            assert answer["details"]
            self.sandbox.jump(answer["wait_seconds"])
        message = f"{name} is never done: {answer['details']}"
        raise AssertionError(message)


@contextmanager
def machine(*, grouped: bool, bounds: Bounds, options: Json | None = None, **shape: Any) -> Iterator["Watched"]:
    """Yield a machine for a fleet of a sandbox in virtual time, and a watch over its invariants."""
    with Sandbox(clock=VirtualClock(), options=SandboxOptions(**(options or {}))) as sandbox:
        servers = shape.pop("servers", 3)
        made = (
            sandbox.auto_scaling_fleet(desired=servers, **shape)
            if grouped
            else sandbox.standalone_fleet(servers=servers, **shape)
        )
        yield Watched(machine=Machine(sandbox, made), watch=Watch(sandbox, made, bounds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    machine: Machine
    watch: Watch

    @property
    def sandbox(self) -> Sandbox:
        return self.machine.sandbox

    @property
    def fleet(self) -> Fleet:
        return self.machine.fleet

    def client(self, service: str) -> Any:
        return self.sandbox.session().client(service)

    def group(self) -> Json:
        found = self.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[self.fleet.group_name])
        described: Json = found["AutoScalingGroups"][0]
        return described

    def group_tags(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.group()["Tags"]}

    def state(self) -> Json:
        """Return all state that a late call could change."""
        sandbox = self.sandbox
        seen: Json = {
            "instances": {
                one.instance_id: (one.state, dict(one.tags), one.version_label) for one in sandbox.ec2.instances()
            },
            "targets": {
                arn: sorted((one.instance_id, one.port, one.state) for one in sandbox.elb.targets(arn))
                for arn in self.fleet.target_group_arns
            },
            "deliveries": len({(one.instance_id, one.text) for one in sandbox.ssm.deliveries()}),
        }
        if self.fleet.group_name:
            group = self.group()
            kept = ("MinSize", "MaxSize", "DesiredCapacity", "SuspendedProcesses", "Tags")
            seen["group"] = {key: group.get(key) for key in kept}
            seen["members"] = [(one["InstanceId"], one["LifecycleState"]) for one in group["Instances"]]
        return seen

    def launches_version(self, number: int) -> None:
        """Set the launch template version of the group, as a pipeline does before it calls the stages."""
        template = {"LaunchTemplateId": self.fleet.template_id, "Version": str(number)}
        name = self.fleet.group_name
        self.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=name, LaunchTemplate=template)

    def versions(self) -> dict[str, int]:
        """Count the servers that serve by the version that their application reports."""
        found: dict[str, int] = {}
        for name in self.watch.serving:
            label = self.sandbox.ec2.instance(name).version_label
            found[label] = found.get(label, 0) + 1
        return found


Story = Callable[[Watched, Sequence[str]], None]


def replace_standalone(world: Watched, names: Sequence[str]) -> None:
    """Replace servers one by one: deregister, drain, terminate and launch, check health."""
    machine = world.machine
    for name in names:
        out = machine.call("deregister_targets", instance_ids=[name])
        world.sandbox.jump(out["wait_seconds"])
        machine.until_done("check_drained", instance_ids=out["instance_ids"], targets=out["targets"])
        come = machine.until_done(
            "terminate_and_launch",
            instance_ids=out["instance_ids"],
            launch_template=machine.template(),
            targets=out["targets"],
        )
        machine.until_done(
            "check_healthy", instance_ids=come["new_instance_ids"], launch_template=machine.template(), at_least=1
        )
    world.sandbox.jump(120)


def replace_in_group(world: Watched, names: Sequence[str]) -> None:
    """Have the group replace members one by one."""
    machine, size = world.machine, len(world.fleet.instance_ids)
    world.launches_version(2)
    for name in names:
        machine.until_done("terminate_and_launch", instance_ids=[name], launch_template=machine.template())
        machine.until_done("check_healthy", at_least=size)
    world.sandbox.jump(120)


def double_half(world: Watched, _: Sequence[str]) -> None:
    """Launch as many new members as there are, then retire the old half."""
    machine = world.machine
    world.launches_version(2)
    doubled = machine.call("double_group", launch_template=machine.template())
    world.sandbox.jump(doubled["wait_seconds"])
    machine.until_done("check_healthy", launch_template=machine.template(), at_least=doubled["desired_before"])
    machine.until_done(
        "retire_old_half", old_instance_ids=doubled["old_instance_ids"], launch_template=machine.template()
    )
    world.sandbox.jump(120)


def reload(world: Watched, names: Sequence[str]) -> None:
    """Reload servers one by one: deregister, drain, run the command, register, check health."""
    machine = world.machine
    for name in names:
        out = machine.call("deregister_targets", instance_ids=[name])
        world.sandbox.jump(out["wait_seconds"])
        machine.until_done("check_drained", instance_ids=[name], targets=out["targets"])
        machine.until_done("reload_instances", instance_ids=[name], command=["sandbox-version v2"], app_version="2.0")
        machine.until_done("check_healthy", instance_ids=[name])
    world.sandbox.jump(120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way to compose the stages, its fleet, and the bounds that must hold."""

    story: Story
    grouped: bool
    bounds: Bounds
    shape: Json = field(default_factory=dict)

    def run(self, world: Watched, servers: int | None = None) -> list[str]:
        """Run the scenario for all servers or the first ones. Return the problems at the end."""
        names = world.fleet.instance_ids[:servers]
        self.story(world, names)
        return ending(world, self, len(world.fleet.instance_ids) if self.story is double_half else len(names))

    @contextmanager
    def started(self, **options: Any) -> Iterator[Watched]:
        with machine(grouped=self.grouped, bounds=self.bounds, options=options, **self.shape) as world:
            yield world


# A replacement boots while the old server is out of traffic and terminates: for a short time there is one more.
SCENARIOS = {
    "replace-standalone": Scenario(story=replace_standalone, grouped=False, bounds=Bounds(floor=2, ceiling=4)),
    "replace-standalone-two-ports-two-groups": Scenario(
        story=replace_standalone,
        grouped=False,
        bounds=Bounds(floor=1, ceiling=3),
        shape={"servers": 2, "ports": (80, 81), "target_groups": 2},
    ),
    "replace-in-group": Scenario(story=replace_in_group, grouped=True, bounds=Bounds(floor=2, ceiling=3)),
    "double-half": Scenario(story=double_half, grouped=True, bounds=Bounds(floor=3, ceiling=6)),
    "double-half-at-max": Scenario(
        story=double_half, grouped=True, bounds=Bounds(floor=2, ceiling=4), shape={"servers": 2, "max_size": 2}
    ),
    "reload-standalone": Scenario(story=reload, grouped=False, bounds=Bounds(floor=2, ceiling=3)),
    "reload-in-group": Scenario(
        story=reload, grouped=True, bounds=Bounds(floor=2, ceiling=3), shape={"min_size": 3, "target_groups": 2}
    ),
}


def ending(world: Watched, scenario: Scenario, touched: int) -> list[str]:
    """Return the problems at the end, one line each; empty if all is well."""
    size, found = len(world.fleet.instance_ids), list(world.watch.problems)
    wanted = {"v2": touched} | ({"v1": size - touched} if touched < size else {})
    if world.versions() != wanted:
        found.append(f"{world.versions()} serve, not {wanted}")
    if len(world.watch.live) != size:
        found.append(f"{sorted(world.watch.live)} live, not {size}")
    launched = 0 if scenario.story is reload else touched
    if len(world.watch.live - set(world.fleet.instance_ids)) != launched:
        found.append(f"{sorted(world.watch.live)} live, at first {world.fleet.instance_ids}")
    if len(world.watch.launched) != launched:
        found.append(f"{len(world.watch.launched)} were launched, not {launched}")
    effects = {(one.instance_id, one.text) for one in world.sandbox.ssm.deliveries()}
    if scenario.story is reload and len(effects) != touched:
        found.append(f"{len(effects)} reloads, not {touched}")
    if scenario.grouped:
        found += _settings(world, scenario)
    return found


def _settings(world: Watched, scenario: Scenario) -> list[str]:
    group = world.group()
    wanted = (scenario.shape.get("min_size", 0), scenario.shape.get("max_size", 20), len(world.fleet.instance_ids), [])
    now = (group["MinSize"], group["MaxSize"], group["DesiredCapacity"], group["SuspendedProcesses"])
    left = [key for key in world.group_tags() if key.startswith("awsroll:was:")]
    return [f"the group is {now}, it was {wanted}"] * (now != wanted) + [f"{left} are left"] * bool(left)
