"""One run in virtual time: a process rolls a fleet and dies at a given instant, other processes continue to the end.

    story = tell(SCENARIOS["group-replace"], cuts=(17, 4))

The first process dies at its 17th instant, the second process at its 4th, and a third continues. Runs repeat
exactly, so that the numbers identify a run. `tests.crash.branches` makes many such runs at once.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import awsroll
from awsroll.core.model.status import Outcome
from awsroll.report import Report
from awsroll.sandbox import Fleet, Sandbox, SandboxOptions, SandboxServer
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock
from tests.crash.ending import Ending
from tests.crash.knife import Crash, CutStore, Endless, Instant, Knife, never
from tests.crash.scenarios import ALARM, Scenario
from tests.crash.watch import Watch

AFTERWARDS_SECONDS = 900.0  # long enough for a group to do what the rollout had suspended


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The result of a run.

    Attributes:
        cuts: at which instant each process but the last died.
        gap: seconds between a death and the next process.
        problems: descriptions of the problems.
        trails: the instants of each process, for example `before ec2:RunInstances`.
        history: the writing calls, with their time.
    """

    scenario: str
    cuts: tuple[int, ...]
    gap: float
    problems: tuple[str, ...]
    trails: tuple[tuple[str, ...], ...]
    history: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.scenario}, resumed after {self.gap:g} s"

    @property
    def is_cut(self) -> bool:
        return bool(self.cuts)

    def __str__(self) -> str:
        where = ", then ".join(
            f"{cut} ({trail[cut - 1] if cut <= len(trail) else 'never reached'})"
            for cut, trail in zip(self.cuts, self.trails, strict=False)
        )
        return "\n".join((f"{self.title}, cut at {where or 'nothing'}:", *(f"  {one}" for one in self.problems)))


def tell(scenario: Scenario, cuts: Sequence[int] = (), *, gap: float = 0) -> Story:
    """Run a scenario whose first, second, ... process is cut at these instants.

    Args:
        scenario: what to roll.
        cuts: one per process; the process after the last cut runs to the end.
        gap: seconds between a death and the next process.
    """
    with begun(scenario, gap=gap) as run:
        for cut in cuts:
            if run.is_over:
                break
            run.process(cut)
        while not run.is_over:
            run.process()
        return run.story()


@contextmanager
def begun(scenario: Scenario, *, gap: float = 0) -> Iterator["Run"]:
    """Build the scenario's fleet in its own sandbox; yield the run."""
    with Sandbox(clock=VirtualClock(), options=SandboxOptions(**scenario.options)) as sandbox, folder() as made:
        yield Run(sandbox, scenario, made, gap=gap)


@contextmanager
def folder() -> Iterator[Path]:
    """Make a temporary directory for records, in memory if possible, because records are synced to disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a fresh directory inside it
    made = Path(tempfile.mkdtemp(prefix="awsroll-crash-", dir=memory if memory.is_dir() else None))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def build(sandbox: Sandbox | SandboxServer, scenario: Scenario) -> Fleet:
    """Build the scenario's fleet, on version 1."""
    if not scenario.grouped:
        return sandbox.standalone_fleet(servers=scenario.servers, **scenario.shape)
    fleet = sandbox.auto_scaling_fleet(desired=scenario.servers, **scenario.shape)
    autoscaling, group = sandbox.session().client("autoscaling"), {"AutoScalingGroupName": fleet.group_name}
    if scenario.suspended:
        autoscaling.suspend_processes(**group, ScalingProcesses=list(scenario.suspended))
    for transition in scenario.hooks:
        autoscaling.put_lifecycle_hook(
            **group,
            LifecycleHookName=transition,
            LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition.upper()}",
            HeartbeatTimeout=30,
            DefaultResult="CONTINUE",
        )
    return fleet


def hang_bell(sandbox: Sandbox | SandboxServer, scenario: Scenario, fleet: Fleet) -> None:
    """Make the scenario's alarm, which goes off once at its time and stays on."""
    if scenario.rings is None:
        return
    number, seconds = scenario.rings
    cloudwatch = sandbox.session().client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=1,
        Namespace="web",
        MetricName="5xx",
        Period=60,
        Statistic="Sum",
    )
    set_state = sandbox.world.cloudwatch.operations["SetAlarmState"]
    set_state({"AlarmName": ALARM, "StateValue": "OK", "StateReason": "fine"})
    rung: list[object] = []

    def look(*_: object) -> None:
        targets = (one for arn in fleet.target_group_arns for one in sandbox.elb.targets(arn))
        serving = {one.instance_id for one in targets if one.state != "draining"}
        if not rung and len(set(fleet.instance_ids) - serving) >= number:
            rung.append(sandbox.world.after(seconds, ring))

    def ring() -> None:
        set_state({"AlarmName": ALARM, "StateValue": "ALARM", "StateReason": "too many errors"})

    sandbox.elb.on_change(look)


class Run:
    """A run in progress: one process after the other until its end.

    Attributes:
        records: the state directory that all processes share.
        is_over: a process has ended by itself.
    """

    def __init__(self, sandbox: Sandbox, scenario: Scenario, records: Path, *, gap: float) -> None:
        self.records = records
        self.is_over = False
        self._sandbox = sandbox
        self._scenario = scenario
        self._gap = gap
        sandbox.standalone_fleet(name="bystander", servers=1, zones=1)
        self._fleet = build(sandbox, scenario)
        hang_bell(sandbox, scenario, self._fleet)
        self._ending = Ending(sandbox, self._fleet, scenario)
        self._watch = Watch(sandbox, self._fleet, scenario)
        self._problems: list[str] = []
        self._knives: list[Knife] = []

    def process(self, cut: int | None = None, fork: Callable[[Instant], bool] = never) -> None:
        """Run one process: start, or continue from the stored record; die, or run to the end."""
        if self._knives:
            self._sandbox.jump(self._gap)
        knife = Knife(self._sandbox.world.now, cut, fork)
        self._knives.append(knife)
        put_away = knife.watch(self._sandbox)
        try:
            report = self._command(knife)
        except Crash:
            self._watch.note(f"--- death {knife.trail[-1]}")
            return
        except Endless:
            self._problems.append("it never ends")
        except Exception as error:  # noqa: BLE001 - any error is a problem of this run
            self._problems.append(f"{type(error).__name__}: {error}")
        else:
            put_away()
            if self._scenario.pauses and report.status is Outcome.PAUSED:
                return
            self._judge(report)
        finally:
            put_away()
        self.is_over = True

    def _command(self, knife: Knife) -> Report:
        """Resume the recorded rollout; if the process died before it had a record, start a new rollout."""
        store, session, clock = CutStore(self.records, knife), self._sandbox.session(), self._sandbox.clock
        spec = self._scenario.spec(self._fleet)
        for record in LocalStore(self.records).list():
            rollout_id = record.rollout.rollout_id
            return awsroll.resume(rollout_id, session=session, store=store, clock=clock, request=spec)
        return awsroll.roll(spec, session=session, store=store, clock=clock)

    def _judge(self, report: Report) -> None:
        scenario = self._scenario
        if report.status is not scenario.outcome:
            self._problems.append(f"{report.status}: {report.reason}")
        if scenario.outcome is Outcome.SUCCEEDED:
            counts = report.instances
            if counts.replaced + counts.reloaded != scenario.servers or counts.failed:
                self._problems.append(f"the report says {counts}")
            if report.warnings:
                self._problems.append(f"warned: {'; '.join(report.warnings)}")
        self._sandbox.jump(AFTERWARDS_SECONDS)
        self._problems += self._ending.problems(self._watch)

    def story(self) -> Story:
        """Return the result so far."""
        return Story(
            scenario=self._scenario.name,
            cuts=tuple(len(knife.trail) for knife in self._knives if knife.is_dead),
            gap=self._gap,
            problems=(*self._problems, *self._watch.problems),
            trails=tuple(tuple(knife.trail) for knife in self._knives),
            history=tuple(self._watch.history),
        )
