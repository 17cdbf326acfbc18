"""What a user asks for: one flat request, with the same names in Python, in a file and on the command line.

`RolloutSpec` holds what was said, in plain values; `problems` finds everything that is wrong with it without looking at
AWS; `amounts` and `limits` read it. Looking things up is the preflight's part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from awsroll.core.aws_limits import DEREGISTRATION_DELAY_SECONDS
from awsroll.core.model.amount import EVERYTHING, NONE, Amount
from awsroll.core.model.hooks import HookPoint, HookSpec, problems_of
from awsroll.core.model.rollout import OnFailure, SkipPolicy, Strategy
from awsroll.errors import SpecError

_COMMAND_FIELDS = ("command", "document", "app_version")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSpec:
    """A request to take one fleet to one version.

    Name the fleet by `asg`, or by `target_group` (one or several) alone. Name the version by `launch_template`, or for
    `strategy="reload"` by `command` or `document`. All durations are seconds.

    Attributes:
        asg: name or ARN of an Auto Scaling group.
        target_group: names or ARNs of the target groups that a standalone fleet is registered in; together with `asg`:
            further ones, not attached to the group, that its members are registered in.
        launch_template: `ID|NAME[:VERSION]`; VERSION is a number, `$Latest` or `$Default`, resolved once. Left out for
            a group: its own template at `$Latest`.
        strategy: `replace`, `double-half` or `reload`.
        concurrent: how many servers at a time, a count or a percentage (`2`, `"25%"`); None: 1.
        launch_first: with `replace`: launch a new server before an old one goes.
        max_unavailable: instead of `concurrent`: how many may be out of service at a time.
        max_surge: instead of `concurrent`: how many more than desired may run at a time.
        command: for `reload`: shell lines, run in order on each server by SSM's AWS-RunShellScript.
        document: for `reload`, instead of `command`: an SSM document of your own.
        parameter: the document's parameters.
        rollback_command: for `reload`: shell lines that bring the old version back.
        app_version: for `reload`: the new version's name; servers that carry it already are left alone.
        checkpoint: so many servers (counts or percentages) may be touched before each next gate opens.
        checkpoint_delay: how long each gate stays closed at the least.
        approve_checkpoints: each gate waits for a person.
        approval_timeout: how long each gate waits for one, its delay over, before it is a failure; None: for ever.
        bake_time: how long the whole new fleet is watched before success is declared.
        alarm: names of CloudWatch alarms; one in ALARM is a failure at any time.
        hooks: what is run at fixed points of the rollout; see docs/hooks.md.
        max_failures: so many replacements may fail and be tried again.
        on_failure: what one more leads to: `rollback`, `pause` or `stop`; None: rollback, or for a reload without a
            rollback command: stop.
        keep_old: the old servers stay, out of traffic, until the bake time has passed.
        min_healthy_time: how long a new server must stay healthy before it counts.
        drain_timeout: None: the deregistration delay + 60 + the group's terminate hooks.
        launch_timeout: None: 600 + the group's launch hooks.
        healthy_timeout: None: 600, or more where the health check needs more.
        progress_timeout: the longest time without any progress.
        deregistration_delay: set on the target groups for this rollout only; None: as it is.
        protected: instances protected from scale-in or termination: `wait`, `ignore` or `replace`.
        standby: instances in standby: likewise.
        warm_pool: `refuse` a group with a warm pool, or `purge`: delete the pool for the time of the rollout.
        strict: refuse when a target group holds instances that are not of the fleet.
        poll: the longest time between two looks; None: as fits what is awaited.
        settle_time: how long a call whose answer was lost may stay unseen before it is taken to have had no effect.
        lease: how long the fleet stays held without a sign of life from the process that rolls it.
    """

    asg: str = ""
    target_group: tuple[str, ...] = ()
    launch_template: str = ""
    strategy: Strategy = Strategy.REPLACE
    concurrent: str | int | None = None
    launch_first: bool = False
    max_unavailable: str | int | None = None
    max_surge: str | int | None = None
    command: tuple[str, ...] = ()
    document: str = ""
    parameter: dict[str, list[str]] = field(default_factory=dict)
    rollback_command: tuple[str, ...] = ()
    app_version: str = ""
    checkpoint: tuple[str | int, ...] = ()
    checkpoint_delay: float = 0
    approve_checkpoints: bool = False
    approval_timeout: float | None = None
    bake_time: float = 0
    alarm: tuple[str, ...] = ()
    hooks: tuple[HookSpec, ...] = ()
    max_failures: int = 0
    on_failure: OnFailure | None = None
    keep_old: bool = False
    min_healthy_time: float = 0
    drain_timeout: float | None = None
    launch_timeout: float | None = None
    healthy_timeout: float | None = None
    progress_timeout: float = 3600
    deregistration_delay: int | None = None
    protected: SkipPolicy = SkipPolicy.WAIT
    standby: SkipPolicy = SkipPolicy.WAIT
    warm_pool: str = "refuse"
    strict: bool = False
    poll: float | None = None
    settle_time: float = 60
    lease: float = 60

    def amounts(self) -> tuple[Amount, Amount]:
        """Return max unavailable and max surge, as the strategy and the short form `concurrent` mean them.

        Raises:
            SpecError: if they contradict each other.
        """
        if self.concurrent is not None and (self.max_unavailable is not None or self.max_surge is not None):
            problem = "--concurrent is the short form of --max-unavailable and --max-surge: give one or the other"
            raise SpecError(problem)
        if self.strategy is Strategy.DOUBLE_HALF:
            return NONE, EVERYTHING
        if self.concurrent is not None or (self.max_unavailable is None and self.max_surge is None):
            return self._from_concurrent()
        unavailable = NONE if self.max_unavailable is None else Amount.parse(self.max_unavailable)
        surge = NONE if self.max_surge is None else Amount.parse(self.max_surge)
        if unavailable.value == 0 and surge.value == 0:
            problem = "max unavailable and max surge are both 0: nothing could ever be replaced; raise one of them"
            raise SpecError(problem)
        if self.strategy is Strategy.RELOAD and surge.value:
            problem = "reload restarts servers in place and launches none: leave --max-surge out"
            raise SpecError(problem)
        return unavailable, surge

    def _from_concurrent(self) -> tuple[Amount, Amount]:
        amount = Amount.parse(1 if self.concurrent is None else self.concurrent)
        if amount.value == 0:
            problem = "--concurrent 0 would replace nothing: give 1 or more servers, or 1% to 100%"
            raise SpecError(problem)
        return (NONE, amount) if self.launch_first else (amount, NONE)

    def problems(self) -> tuple[str, ...]:
        """Return everything that is wrong with the request on its own, one line each."""
        found = [*self._fleet_problems(), *self._version_problems(), *self._number_problems()]
        try:
            self.amounts()
        except SpecError as error:
            found += error.problems
        if self.launch_first and self.strategy is not Strategy.REPLACE:
            found.append(f"--launch-first goes with --strategy replace, not with {self.strategy}")
        if self.strategy is Strategy.DOUBLE_HALF and not (
            self.concurrent is None and self.max_unavailable is None and self.max_surge is None
        ):
            found.append("double-half launches as many servers as there are: leave the amounts out")
        found += self._gate_problems()
        found += problems_of(self.hooks)
        if self.strategy is Strategy.RELOAD:
            late = (one for one in self.hooks if one.point == HookPoint.AFTER_LAUNCH)
            found += [f"hook {one.name or one.point}: reload launches no servers to run it for" for one in late]
        if self.warm_pool not in ("refuse", "purge"):
            found.append(f"--warm-pool is refuse or purge, not {self.warm_pool!r}")
        return tuple(found)

    @property
    def after_failure(self) -> OnFailure:
        """What a failure leads to, with the default filled in."""
        if self.on_failure is not None:
            return self.on_failure
        undone = self.strategy is not Strategy.RELOAD or self.rollback_command
        return OnFailure.ROLLBACK if undone else OnFailure.STOP

    def checkpoints(self) -> tuple[Amount, ...]:
        """Return the checkpoints, in the order given.

        Raises:
            SpecError: if one is no amount, or 0.
        """
        amounts = tuple(Amount.parse(one) for one in self.checkpoint)
        if any(one.value == 0 for one in amounts):
            problem = "--checkpoint 0 comes before anything is done: give 1 or more servers, or 1% to 100%"
            raise SpecError(problem)
        return amounts

    def _gate_problems(self) -> list[str]:
        found = []
        try:
            checkpoints = self.checkpoints()
        except SpecError as error:
            return [*error.problems]
        if (self.checkpoint_delay or self.approve_checkpoints) and not checkpoints:
            found.append("--checkpoint-delay and --approve-checkpoints wait at checkpoints: give --checkpoint N|N%")
        if self.approval_timeout is not None and not self.approve_checkpoints:
            found.append("--approval-timeout bounds the wait for a person: give --approve-checkpoints too")
        for kind in (True, False):
            values = [one.value for one in checkpoints if one.is_percentage is kind]
            if values != sorted(set(values)):
                found.append(f"--checkpoint {', '.join(map(str, checkpoints))}: each must be more than the one before")
        if self.max_failures < 0:
            found.append(f"--max-failures is 0 or more, not {self.max_failures}")
        return found + self._keep_old_problems() + self._rollback_problems()

    def _keep_old_problems(self) -> list[str]:
        if not self.keep_old:
            return []
        if self.strategy is not Strategy.DOUBLE_HALF and not self.launch_first and self.max_surge is None:
            return [
                "--keep-old needs room for old and new servers side by side: --strategy double-half or --launch-first"
            ]
        if self.after_failure is OnFailure.STOP:
            return ["--keep-old is for going back at once: it does not go with --on-failure stop"]
        return []

    def _rollback_problems(self) -> list[str]:
        reloads = self.strategy is Strategy.RELOAD
        if self.rollback_command and not reloads:
            return ["--rollback-command: only --strategy reload runs commands"]
        if reloads and self.after_failure is OnFailure.ROLLBACK and not self.rollback_command:
            problem = "a reload is rolled back by a command that brings the old version back"
            return [f"{problem}: give --rollback-command 'SHELL', or choose --on-failure stop or pause"]
        return []

    def _fleet_problems(self) -> list[str]:
        if not self.asg and not self.target_group:
            return ["no fleet is named: give --asg NAME, or --target-group NAME for servers registered by hand"]
        return []

    def _version_problems(self) -> list[str]:
        given = [f"--{name.replace('_', '-')}" for name in _COMMAND_FIELDS if getattr(self, name)]
        if self.strategy is not Strategy.RELOAD:
            found = [f"{', '.join(given)}: only --strategy reload runs commands"] if given else []
            if not self.asg and not self.launch_template:
                found.append("no version is named: give --launch-template ID|NAME[:VERSION]")
            return found
        found = []
        if self.launch_template:
            found.append("reload keeps the servers as they are: leave --launch-template out")
        if bool(self.command) == bool(self.document):
            found.append("reload needs what to run: --command 'SHELL' (repeatable), or --document NAME")
        if self.parameter and not self.document:
            found.append("--parameter goes with --document")
        return found

    def _number_problems(self) -> list[str]:
        found = [*problems_of_times({name: getattr(self, name) for name in _LEAST_SECONDS})]
        delay = self.deregistration_delay
        if delay is not None and not 0 <= delay <= DEREGISTRATION_DELAY_SECONDS:
            found.append(f"--deregistration-delay is 0 to {DEREGISTRATION_DELAY_SECONDS} seconds, not {delay}")
        return found


def problems_of_times(values: Mapping[str, float | None]) -> tuple[str, ...]:
    """Return what is wrong with times of a request, by their names; None is no time, and right."""
    return tuple(
        f"--{name.replace('_', '-')} is a time in seconds: {value:g} is too small (at least {_LEAST_SECONDS[name]:g})"
        for name, value in values.items()
        if value is not None and value < _LEAST_SECONDS[name]
    )


_LEAST_SECONDS: dict[str, float] = {
    "min_healthy_time": 0,
    "checkpoint_delay": 0,
    "approval_timeout": 1,
    "bake_time": 0,
    "drain_timeout": 1,
    "launch_timeout": 1,
    "healthy_timeout": 1,
    "progress_timeout": 1,
    "poll": 0.01,
    "settle_time": 1,
    "lease": 5,
}
