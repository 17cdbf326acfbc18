"""The user's request: one flat dataclass, with the same names in Python, in a file and on the command line.

`RolloutOptions` has the fields and checks each value when the request is made. `problems` checks the values against
each other, without calls to AWS; the preflight looks up the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from awsroll.core.model.amount import EVERYTHING, MOST_PERCENT, NONE, Amount
from awsroll.core.model.hooks import HookPoint, HookSpec, problems_of
from awsroll.core.model.period import problems_of_periods
from awsroll.core.model.rollout_choices import Judging, OnFailure, Pace, Strategy, Zones
from awsroll.core.model.values import share_of
from awsroll.core.request.drain_probe import probe_of
from awsroll.core.request.rollout_options import RolloutOptions
from awsroll.errors import SpecError

_COMMAND_FIELDS = ("command", "document", "app_version")
NO_VERSION = "no version is named: pass --launch-template ID|NAME[:VERSION]"
"""The problem of a request whose servers have no group, and that names no launch template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSpec(RolloutOptions):
    """A request to roll one fleet to one version.

    Name the fleet by `asg`, or by one or several `target_group` alone. Name the version by `launch_template`, or for
    `strategy="reload"` by `command` or `document`. docs/options.md describes each field. All times are in seconds, also
    those given as text, such as `"10m"`. A plain string is converted to an enum's value, and a list or one string to a
    tuple.

    Raises:
        SpecError: if a value has the wrong type or is out of bounds; with all such values.
    """

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

    def cap(self) -> Amount | None:
        """Return the highest number of servers that may run, draining servers included; None: no limit."""
        return None if self.max_running is None else Amount.parse(self.max_running, most_percent=MOST_PERCENT)

    def judging(self) -> Judging:
        """Return how old and new servers are compared."""
        return Judging(
            alpha=share_of(self.judge_alpha),
            effect=share_of(self.judge_effect),
            interval_seconds=self.judge_interval,
            warm_up_seconds=self.judge_warm_up,
            wait_seconds=self.judge_timeout,
        )

    @property
    def all_hooks(self) -> tuple[HookSpec, ...]:
        """The hooks, with the drain probe last."""
        return (*self.hooks, *probe_of(self.drain_probe))

    @property
    def sets_target_groups(self) -> bool:
        """Whether the request sets settings of the target groups."""
        settings = (self.deregistration_delay, self.health_check_interval, self.health_check_threshold)
        return any(setting is not None for setting in settings)

    def _from_concurrent(self) -> tuple[Amount, Amount]:
        amount = Amount.parse(1 if self.concurrent is None else self.concurrent)
        return (NONE, amount) if self.launch_first else (amount, NONE)

    def problems(self) -> tuple[str, ...]:
        """Return the problems of the request, one line each, without calls to AWS."""
        problems = [*self._fleet_problems(), *self._version_problems()]
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
        problems += problems_of(self.all_hooks)
        if self.strategy is Strategy.RELOAD and self.max_running is not None:
            problems.append("reload updates servers in place and launches none: remove --max-running")
        if self.strategy is Strategy.RELOAD:
            late = (hook for hook in self.hooks if hook.point == HookPoint.AFTER_LAUNCH)
            problems += [f"hook {hook.name or hook.point}: reload launches no servers" for hook in late]
        return tuple(problems)

    @property
    def after_failure(self) -> OnFailure:
        """The reaction to a failure, with the default filled in."""
        if self.on_failure is not None:
            return self.on_failure
        can_roll_back = self.strategy is not Strategy.RELOAD or self.rollback_command
        return OnFailure.ROLLBACK if can_roll_back else OnFailure.STOP

    def checkpoints(self) -> tuple[Amount, ...]:
        """Return the checkpoints in their order."""
        return tuple(Amount.parse(checkpoint) for checkpoint in self.checkpoint)

    def _gate_problems(self) -> list[str]:
        problems, checkpoints = [], self.checkpoints()
        by_zone = self.zones is Zones.ONE_BY_ONE
        if by_zone and (checkpoints or self.checkpoint_delay):
            problem = "remove --checkpoint and --checkpoint-delay; --zone-bake is the wait at each of them"
            problems.append(f"--zones one-by-one has a checkpoint at the end of each zone: {problem}")
        if by_zone and self.strategy is Strategy.DOUBLE_HALF:
            problems.append("double-half launches the whole new fleet at once: remove --zones one-by-one")
        if self.zone_bake and not by_zone:
            problems.append("--zone-bake is the wait at the end of a zone: pass --zones one-by-one too")
        if (self.checkpoint_delay or self.approve_checkpoints) and not checkpoints and not by_zone:
            problems.append("--checkpoint-delay and --approve-checkpoints need checkpoints: pass --checkpoint N|N%")
        if self.approval_timeout is not None and not self.approve_checkpoints:
            problems.append("--approval-timeout limits the wait for an approval: pass --approve-checkpoints too")
        for kind in (True, False):
            values = [checkpoint.value for checkpoint in checkpoints if checkpoint.is_percentage is kind]
            if values != sorted(set(values)):
                problems.append(f"--checkpoint {', '.join(map(str, checkpoints))}: pass them in increasing order")
        problems += problems_of_periods("window", self.windows) + problems_of_periods("freeze", self.freezes)
        return problems + self._keep_old_problems() + self._keep_failed_problems() + self._rollback_problems()

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

    def _keep_failed_problems(self) -> list[str]:
        if not self.keep_failed:
            return []
        if self.strategy is Strategy.RELOAD:
            return ["--keep-failed keeps new servers, and a reload launches none: remove it"]
        if self.after_failure is OnFailure.STOP and not self.max_failures:
            problem = "--keep-failed keeps servers that would be terminated, and --on-failure stop terminates none"
            return [f"{problem}: remove it, or pass --max-failures"]
        return []

    def _rollback_problems(self) -> list[str]:
        reloads = self.strategy is Strategy.RELOAD
        if self.rollback_command and not reloads:
            return ["--rollback-command: only --strategy reload runs commands"]
        if reloads and self.rehearse and not self.rollback_command:
            return ["--rehearse returns a server to the old version: pass --rollback-command 'SHELL' too"]
        if reloads and self.after_failure is OnFailure.ROLLBACK and not self.rollback_command:
            problem = "the rollback of a reload needs a command that restores the old version"
            return [f"{problem}: pass --rollback-command 'SHELL', or --on-failure stop or pause"]
        return []

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
                problems.append(NO_VERSION)
            return problems
        problems = []
        if self.launch_template:
            problems.append("reload does not launch servers: remove --launch-template")
        if bool(self.command) == bool(self.document):
            problems.append("reload needs one command: pass --command 'SHELL' (repeatable), or --document NAME")
        if self.parameter and not self.document:
            problems.append("--parameter needs --document")
        return problems


def spec_of(values: Mapping[str, Any], *, where: str = "") -> RolloutSpec:
    """Return the request that plain values define, by the names of the fields. None leaves a field at its default.

    Args:
        values: the values.
        where: the start of each problem, such as `web.yaml: `.

    Raises:
        SpecError: if a value has the wrong type or is out of bounds.
    """
    try:
        return RolloutSpec(**{name: value for name, value in values.items() if value is not None})
    except SpecError as error:
        raise SpecError(*(f"{where}{problem}" for problem in error.problems)) from error


def pace_of(**times: object) -> Pace:
    """Return the waiting times that are given, for the rest of a rollout.

    Raises:
        SpecError: if a time has the wrong type or is out of bounds.
    """
    spec = spec_of(times)
    return Pace(**{name: getattr(spec, name) for name, time in times.items() if time is not None})
