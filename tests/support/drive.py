"""Runs a rollout of a fake fleet in virtual time with the real planner, without store, sink or log.

`Driver.step` is one pass; a test leaves parts of it out to simulate a crash. Each step converts the record to JSON and
back, so that only stored data survives.
"""

from dataclasses import dataclass, field, replace

import msgspec

from awsroll.core.decide.gates import restart_approval_timer
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.observe.settle import settle
from awsroll.core.planner import decide
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.hooks import FakeHooks

AFTER_NO_EFFECT = 2.0


class StuckError(AssertionError):
    """The rollout did not end."""


def through_json(status: Status) -> Status:
    return msgspec.json.decode(msgspec.json.encode(status), type=Status)


@dataclass
class Driver:
    fleet: FakeFleet
    rollout: Rollout
    status: Status = field(init=False)
    hooks: FakeHooks = field(init=False)
    plans: list[Plan] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    def __post_init__(self) -> None:
        now = self.fleet.clock.now()
        self.status = Status(started_at=now, progress_at=now)
        self.hooks = FakeHooks(self.fleet.clock)

    @property
    def ended(self) -> bool:
        return self.status.mode is Mode.ENDED

    @property
    def target(self) -> Rollout:
        """The current target: the rollout request, or its rollback."""
        return self.rollout.target(rolling_back=self.status.rolling_back)

    def look(self) -> Plan:
        """Observe and plan; change nothing."""
        observation = self.fleet.observe(self.target, self.status)
        observation = replace(observation, hooks=self.hooks.observe(self.status.hooks.announced))
        return self.planned(observation)

    def planned(self, observation: Observation) -> Plan:
        """Plan, given an observation."""
        return decide(self.rollout, observation, self.status)

    def step(self) -> Plan:
        """Make one whole pass without waiting."""
        decided = self.look()
        self.save(decided)
        self.execute(decided)
        if not decided.actions:
            self.fleet.safety.check_gate(self.status)
        return decided

    def save(self, decided: Plan) -> None:
        self.plans.append(decided)
        self.status = through_json(decided.status)

    def execute(self, decided: Plan) -> None:
        if self.status.ended_at is not None and self.status.ended_at < self.fleet.clock.now():
            return  # changes after the end do not concern the rollout
        for run in decided.hooks:
            self.hooks.start(run)
        results = self.fleet.execute(self.target, decided.actions)
        self.results += results
        self.status = through_json(settle(self.status, results, self.fleet.clock.now()))
        if self.ended:
            self.fleet.safety.check_end(self.status)

    def unhurried(self, decided: Plan) -> float:
        """Return how long to wait: like the controller, longer if no action had an effect."""
        last = self.results[len(self.results) - len(decided.actions) :]
        no_effect = bool(last) and all(result.answer is not Answer.DONE for result in last)
        return max(decided.requeue_seconds, AFTER_NO_EFFECT if no_effect else 0)

    def run(self, *, steps: int = 3000) -> Status:
        """Run until the rollout ends or pauses, waiting after each plan as it requests; then check the end."""
        for _ in range(steps):
            if self.ended or (self.status.outcome is Outcome.PAUSED and not self.status.must_rest):
                break
            self.fleet.clock.sleep(self.unhurried(self.step()))
        else:
            message = f"no end after {steps} steps: {self.status}\n{self.plans[-1]}\n{self.fleet.world.history(30)}"
            raise StuckError(message)
        return self.status

    def resume(self) -> None:
        """Resume after a pause, as the library does."""
        at = self.fleet.clock.now()
        settings = replace(self.status.settings, abandoned=())
        status = replace(
            self.status, outcome=Outcome.RUNNING, reason="", progress_at=at, must_rest=False, settings=settings
        )
        self.status = restart_approval_timer(self.rollout, status, at)

    def stopped(self) -> Status:
        """Return the status with an abort request."""
        return replace(self.status, user_requests=replace(self.status.user_requests, abort=True))

    def run_until(self, wanted: type[Action], *, steps: int = 500) -> Plan:
        """Run until a plan with such an action has been executed; return the plan."""
        for _ in range(steps):
            decided = self.step()
            if any(isinstance(action, wanted) for action in decided.actions):
                return decided
            self.fleet.clock.sleep(decided.requeue_seconds)
        message = f"no {wanted.__name__} in {steps} steps\n{self.fleet.world.history()}"
        raise StuckError(message)

    def wait(self, seconds: float, *, look_every: float = 5) -> None:
        """Run for some time."""
        end = self.fleet.clock.monotonic() + seconds
        while self.fleet.clock.monotonic() < end and not self.ended:
            requeue = self.step().requeue_seconds
            self.fleet.clock.sleep(min(requeue, look_every, max(0.0, end - self.fleet.clock.monotonic())))

    def done(self, wanted: type[Action]) -> list[Action]:
        """Return the executed actions of a type, in order."""
        return [one.action for one in self.results if isinstance(one.action, wanted) and one.answer is Answer.DONE]


def drive(fleet: FakeFleet, rollout: Rollout) -> Driver:
    """Run a rollout to its end."""
    driver = Driver(fleet, rollout)
    driver.run()
    return driver


def versions(fleet: FakeFleet) -> dict[str, int]:
    """Count the live instances by the version that they run."""
    counts: dict[str, int] = {}
    for one in fleet.instances.all():
        if one.live:
            counts[one.application_version] = counts.get(one.application_version, 0) + 1
    return counts
