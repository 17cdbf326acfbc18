"""A simulated account whose fleets `awsroll keep` keeps, and a watch over the requests to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.driver.context import Context
from awsroll.events import Tee
from awsroll.ports import Clock, Sink
from awsroll.sandbox import Sandbox
from awsroll.sandbox.instance import Health, SimInstance
from awsroll.stores import RecordStore
from awsroll.waves.keep_fleets import Keeper, KeepReport

PARAMETER = "/images/web"
BAD = {"sandbox:health": "unhealthy"}


@dataclass(slots=True)
class Watch:
    """What the clients of the fleets have seen: one request a second to each fleet.

    Attributes:
        since: until when the requests are counted.
        sent: the number of requests.
        dropped: requests while no target of a fleet took any, or a healthy target did not answer.
    """

    since: float = 0.0
    sent: int = 0
    dropped: int = 0

    def look(self, sandbox: Sandbox, target_groups: Mapping[str, str], now: float) -> None:
        """Count the requests since the last look, by what the targets do now."""
        seconds, self.since = int(now - self.since), max(self.since, float(int(now)))
        for arn in target_groups.values():
            healthy = [one for one in sandbox.elb.targets(arn) if one.state == "healthy"]
            answering = [one for one in healthy if sandbox.ec2.instance(one.instance_id).answers() is Health.HEALTHY]
            self.sent += seconds
            if not answering or len(answering) < len(healthy):
                self.dropped += max(1, seconds)


@dataclass(slots=True)
class KeptWorld:
    """A sandbox in virtual time with groups whose newest image is in a parameter.

    Attributes:
        bad: images that never become healthy.
        target_groups: the target group of each fleet.
    """

    sandbox: Sandbox
    clock: Clock
    store: RecordStore
    sink: Sink = field(default_factory=Tee)
    bad: set[str] = field(default_factory=set)
    target_groups: dict[str, str] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)

    def start(self) -> None:
        """Watch the requests, and spoil servers of bad images, at each call."""
        self.watch.since = float(int(self.clock.monotonic()))
        self.sandbox.on_call(self._look)

    def _look(self, *_: object) -> None:
        for one in self.sandbox.ec2.instances():
            if one.record.image_id in self.bad and one.tags.get("sandbox:health") is None:
                one.read_tags = _with_bad_health(one)
        self.watch.look(self.sandbox, self.target_groups, self.clock.monotonic())

    def publish(self, image: str) -> None:
        """Name an image in the parameter."""
        client = self.sandbox.session().client("ssm")
        client.put_parameter(Name=PARAMETER, Value=image, Type="String", Overwrite=True)

    def fleet(self, name: str, *, servers: int = 2, max_age_days: int | None = None, **options: Any) -> FleetSpec:
        """Build a group, and return it as a fleet to keep."""
        made = self.sandbox.auto_scaling_fleet(name=name, desired=servers, zones=2)
        self.target_groups[name] = made.target_group_arns[0]
        request = RolloutSpec(
            asg=name, launch_template=f"{name}:$Default", launch_first=True, healthy_timeout=300, **options
        )
        return FleetSpec(name=name, request=request, image_parameter=PARAMETER, max_age_days=max_age_days)

    def keeper(self, *fleets: FleetSpec, **more: Any) -> Keeper:
        """Return what keeps fleets, each in a wave of its own."""
        spec = FleetsSpec(waves=tuple(WaveSpec(name=fleet.name, fleets=(fleet,)) for fleet in fleets))
        stop = more.pop("stop_requested", None)
        context = Context(session=self.sandbox.session(), store=self.store, clock=self.clock, sink=self.sink)
        return Keeper(spec, context if stop is None else replace(context, stop_requested=stop), **more)

    def keep(self, *fleets: FleetSpec, **more: Any) -> KeepReport:
        """Make one pass."""
        return self.keeper(*fleets, **more).keep()

    def servers(self, name: str) -> list[SimInstance]:
        """Return the running servers of a fleet."""
        targets = {one.instance_id for one in self.sandbox.elb.targets(self.target_groups[name])}
        return [one for one in self.sandbox.ec2.instances() if one.instance_id in targets and one.state == "running"]

    def images(self, name: str) -> list[str]:
        """Return the images that the servers of a fleet run."""
        return sorted(one.record.image_id for one in self.servers(name))


def _with_bad_health(instance: SimInstance) -> Any:
    read = instance.read_tags
    return lambda: {**read(), **BAD}
