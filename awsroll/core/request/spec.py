"""The user's request: one flat dataclass, with the same names in Python, in a file and on the command line.

`RolloutSpec` holds plain values. `problems` checks them without calls to AWS; the preflight looks up the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from awsroll.core.aws_limits import DEREGISTRATION_DELAY_SECONDS, TAG_VALUE_CHARACTERS
from awsroll.core.model.amount import EVERYTHING, NONE, Amount
from awsroll.core.model.field_types import convert_fields, type_problems
from awsroll.core.model.hooks import HookPoint, HookSpec, problems_of, type_problems_of
from awsroll.core.model.rollout import OnFailure, SkipPolicy, Strategy
from awsroll.errors import SpecError

_COMMAND_FIELDS = ("command", "document", "app_version")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSpec:
    """A request to roll one fleet to one version.

    Name the fleet by `asg`, or by one or several `target_group` alone. Name the version by `launch_template`, or for
    `strategy="reload"` by `command` or `document`. All durations are seconds. A plain string is converted to an enum's
    value, and a list or one string to a tuple; `problems` reports each other wrong type.

    Attributes:
        asg: name or ARN of an Auto Scaling group.
        target_group: names or ARNs of the target groups of a standalone fleet. Together with `asg`: further target
            groups, not attached to the group, in which its members are registered.
        exclude_target_group: names or ARNs of target groups that hold servers of the fleet and are not rolled: awsroll
            neither drains the servers there nor registers their replacements.
        launch_template: `ID|NAME[:VERSION]`. VERSION is a number, `$Latest` or `$Default`, resolved once. Empty for a
            group: its own template at `$Latest`.
        strategy: `replace`, `double-half` or `reload`.
        concurrent: the number of servers at a time, a count or a percentage (`2`, `"25%"`); None: 1.
        launch_first: with `replace`: launch a new server before an old one leaves.
        max_unavailable: instead of `concurrent`: the number of servers that may be out of service at a time.
        max_surge: instead of `concurrent`: the number of servers above desired that may run at a time.
        command: for `reload`: shell lines, run in order on each server by SSM's AWS-RunShellScript.
        document: for `reload`, instead of `command`: your own SSM document.
        parameter: the parameters of the document.
        rollback_command: for `reload`: shell lines that restore the old version.
        app_version: for `reload`: the name of the new version. Servers already tagged with it are skipped.
        checkpoint: the numbers of servers (counts or percentages) to update before each checkpoint.
        checkpoint_delay: the shortest time that the rollout waits at each checkpoint.
        approve_checkpoints: wait at each checkpoint for a person.
        approval_timeout: the longest wait for an approval, after the delay, until it is a failure; None: no limit.
        bake_time: how long the whole new fleet must serve before the rollout succeeds.
        alarm: names of CloudWatch alarms. An alarm in ALARM is a failure at any time.
        hooks: programs, functions and scripts that run at fixed points of the rollout; see docs/hooks.md.
        max_failures: the number of replacements that may fail and be tried again.
        on_failure: the reaction to the next failure: `rollback`, `pause` or `stop`; None: rollback, or stop for a
            reload without a rollback command.
        keep_old: keep the old servers, out of traffic, until the bake time has passed.
        min_healthy_time: how long a new server must stay healthy before it counts.
        drain_timeout: None: the deregistration delay + 60 + the group's terminate hooks.
        launch_timeout: None: 600 + the group's launch hooks.
        healthy_timeout: None: 600, or more if the health check needs more.
        progress_timeout: the longest time without progress.
        deregistration_delay: the delay of the target groups during this rollout; None: unchanged.
        protected: instances protected from scale-in or termination: `wait`, `ignore` or `replace`.
        standby: instances in standby: `wait`, `ignore` or `replace`.
        warm_pool: `refuse` a group with a warm pool, or `purge`: delete the pool for the time of the rollout.
        strict: refuse if a target group has instances that are not part of the fleet.
        poll: the longest time between two observations; None: chosen by what the rollout waits for.
        settle_time: how long to wait for the effect of a call whose answer was lost, before it counts as not made.
        lease: how long the fleet stays held if the process that rolls it shows no sign of life.
    """

    asg: str = ""
    target_group: tuple[str, ...] = ()
    exclude_target_group: tuple[str, ...] = ()
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

    def __post_init__(self) -> None:
        convert_fields(self, wraps_single_values=True)

    def amounts(self) -> tuple[Amount, Amount]:
        """Return max unavailable and max surge, also for `concurrent`.

        Raises:
            SpecError: if the amounts contradict each other or the strategy.
        """
        if self.concurrent is not None and (self.max_unavailable is not None or self.max_surge is not None):
            problem = "--concurrent is the short form of --max-unavailable and --max-surge: pass one form only"
            raise SpecError(problem)
        if self.strategy is Strategy.DOUBLE_HALF:
            return NONE, EVERYTHING
        if self.concurrent is not None or (self.max_unavailable is None and self.max_surge is None):
            return self._from_concurrent()
        unavailable = NONE if self.max_unavailable is None else Amount.parse(self.max_unavailable)
        surge = NONE if self.max_surge is None else Amount.parse(self.max_surge)
        if unavailable.value == 0 and surge.value == 0:
            problem = "max unavailable and max surge are both 0: nothing would be replaced; raise one of them"
            raise SpecError(problem)
        if self.strategy is Strategy.RELOAD and surge.value:
            problem = "reload updates servers in place and launches none: remove --max-surge"
            raise SpecError(problem)
        return unavailable, surge

    def _from_concurrent(self) -> tuple[Amount, Amount]:
        amount = Amount.parse(1 if self.concurrent is None else self.concurrent)
        if amount.value == 0:
            problem = "--concurrent 0 would replace nothing: pass 1 or more servers, or 1% to 100%"
            raise SpecError(problem)
        return (NONE, amount) if self.launch_first else (amount, NONE)

    def problems(self) -> tuple[str, ...]:
        """Return the problems of the request, one line each, without calls to AWS."""
        if wrong_types := self.type_problems():
            return tuple(wrong_types)
        problems = [*self._fleet_problems(), *self._version_problems(), *self._number_problems()]
        try:
            self.amounts()
        except SpecError as error:
            problems += error.problems
        if self.launch_first and self.strategy is not Strategy.REPLACE:
            problems.append(f"--launch-first needs --strategy replace, not {self.strategy}")
        if self.strategy is Strategy.DOUBLE_HALF and not (
            self.concurrent is None and self.max_unavailable is None and self.max_surge is None
        ):
            problems.append(
                "double-half launches the whole new fleet: remove --concurrent, --max-unavailable and --max-surge"
            )
        problems += self._gate_problems()
        problems += problems_of(self.hooks)
        if self.strategy is Strategy.RELOAD:
            late = (hook for hook in self.hooks if hook.point == HookPoint.AFTER_LAUNCH)
            problems += [f"hook {hook.name or hook.point}: reload launches no servers" for hook in late]
        if self.warm_pool not in ("refuse", "purge"):
            problems.append(f"--warm-pool is refuse or purge, not {self.warm_pool!r}")
        return tuple(problems)

    @property
    def after_failure(self) -> OnFailure:
        """The reaction to a failure, with the default filled in."""
        if self.on_failure is not None:
            return self.on_failure
        can_roll_back = self.strategy is not Strategy.RELOAD or self.rollback_command
        return OnFailure.ROLLBACK if can_roll_back else OnFailure.STOP

    def checkpoints(self) -> tuple[Amount, ...]:
        """Return the checkpoints in their order.

        Raises:
            SpecError: if a checkpoint is 0 or is not an amount.
        """
        amounts = tuple(Amount.parse(checkpoint) for checkpoint in self.checkpoint)
        if any(amount.value == 0 for amount in amounts):
            problem = "--checkpoint 0 is before the first server: pass 1 or more servers, or 1% to 100%"
            raise SpecError(problem)
        return amounts

    def _gate_problems(self) -> list[str]:
        problems = []
        try:
            checkpoints = self.checkpoints()
        except SpecError as error:
            return [*error.problems]
        if (self.checkpoint_delay or self.approve_checkpoints) and not checkpoints:
            problems.append("--checkpoint-delay and --approve-checkpoints need checkpoints: pass --checkpoint N|N%")
        if self.approval_timeout is not None and not self.approve_checkpoints:
            problems.append("--approval-timeout limits the wait for an approval: pass --approve-checkpoints too")
        for kind in (True, False):
            values = [checkpoint.value for checkpoint in checkpoints if checkpoint.is_percentage is kind]
            if values != sorted(set(values)):
                problems.append(f"--checkpoint {', '.join(map(str, checkpoints))}: pass them in increasing order")
        if self.max_failures < 0:
            problems.append(f"--max-failures is 0 or more, not {self.max_failures}")
        return problems + self._keep_old_problems() + self._rollback_problems()

    def _keep_old_problems(self) -> list[str]:
        if not self.keep_old:
            return []
        if self.strategy is not Strategy.DOUBLE_HALF and not self.launch_first and self.max_surge is None:
            return [
                "--keep-old needs old and new servers at the same time: pass --strategy double-half or --launch-first"
            ]
        if self.after_failure is OnFailure.STOP:
            return ["--keep-old is for a fast rollback: it cannot be used with --on-failure stop"]
        return []

    def _rollback_problems(self) -> list[str]:
        reloads = self.strategy is Strategy.RELOAD
        if self.rollback_command and not reloads:
            return ["--rollback-command: only --strategy reload runs commands"]
        if reloads and self.after_failure is OnFailure.ROLLBACK and not self.rollback_command:
            problem = "the rollback of a reload needs a command that restores the old version"
            return [f"{problem}: pass --rollback-command 'SHELL', or --on-failure stop or pause"]
        return []

    def type_problems(self) -> list[str]:
        """Return the problems of values that have a wrong type. Without them, the other checks can read each value."""
        problems = type_problems(self, _option_name)
        hooks: object = self.hooks  # as given, perhaps of another type
        each = hooks if isinstance(hooks, tuple) else ()
        return problems + [problem for hook in each for problem in type_problems_of(hook)]

    def _fleet_problems(self) -> list[str]:
        if not self.asg and not self.target_group:
            return ["no fleet is named: pass --asg NAME, or --target-group NAME for servers without a group"]
        both = sorted({*self.target_group} & {*self.exclude_target_group})
        return [f"--target-group and --exclude-target-group both name {name}: remove one of them" for name in both]

    def _version_problems(self) -> list[str]:
        given = [f"--{name.replace('_', '-')}" for name in _COMMAND_FIELDS if getattr(self, name)]
        if self.strategy is not Strategy.RELOAD:
            problems = [f"{', '.join(given)}: only --strategy reload runs commands"] if given else []
            if not self.asg and not self.launch_template:
                problems.append("no version is named: pass --launch-template ID|NAME[:VERSION]")
            return problems
        problems = []
        if len(self.app_version) > TAG_VALUE_CHARACTERS:
            problems.append(
                f"--app-version has {len(self.app_version)} characters: it becomes the value of a tag, which has at "
                f"most {TAG_VALUE_CHARACTERS}"
            )
        if self.launch_template:
            problems.append("reload does not launch servers: remove --launch-template")
        if bool(self.command) == bool(self.document):
            problems.append("reload needs one command: pass --command 'SHELL' (repeatable), or --document NAME")
        if self.parameter and not self.document:
            problems.append("--parameter needs --document")
        return problems

    def _number_problems(self) -> list[str]:
        problems = [*problems_of_times({name: getattr(self, name) for name in _LEAST_SECONDS})]
        delay = self.deregistration_delay
        if delay is not None and not 0 <= delay <= DEREGISTRATION_DELAY_SECONDS:
            problems.append(f"--deregistration-delay is 0 to {DEREGISTRATION_DELAY_SECONDS} seconds, not {delay}")
        return problems


def _option_name(field_name: str) -> str:
    return f"--{field_name.replace('_', '-')}"


def problems_of_times(values: Mapping[str, float | None]) -> tuple[str, ...]:
    """Return the problems of the times of a request, by their names; None has no problem."""
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
