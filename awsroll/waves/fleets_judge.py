"""The judge of waves: counts the requests of fleets by their own hooks, and says which waves have become worse.

`core.judge.fleets` has the statistics. A hook at `while_judging` of a fleet is asked for the requests of its servers;
hooks of the same name are one metric. A script on a server takes too long for it, a Python callable belongs to one
rollout, and anomaly flags compare the servers of one fleet: these are left out.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from awsroll.aws.connection import Connection
from awsroll.core.judge.fleets import JudgedFleets, JudgedWave, add_counts, worse_waves
from awsroll.core.model.evidence import Tally
from awsroll.core.model.hook_calls import HookCall, HookEvent, HookRun, HookState
from awsroll.core.model.hooks import Hook, HookKind
from awsroll.core.request.waves import FleetEnding, FleetSpec, FleetsSpec, judging_hooks
from awsroll.core.wave_turns import FleetFacts
from awsroll.errors import AwsrollError
from awsroll.hooks import HookRunner
from awsroll.ports import Clock
from awsroll.preflight.findings import Findings
from awsroll.preflight.lookups import find_group, find_target_groups
from awsroll.preflight.target_group_checks import targets_in
from awsroll.waves.stored_progress import StoredProgress
from awsroll.waves.threads import in_parallel

INTERVAL_SECONDS = 30.0
"""The time between two comparisons."""

_FIRST_SECONDS = 300.0  # the usual requests are those of this time before the first wave
_LONGEST_SECONDS = 60.0  # after a longer pause, only the end of it is counted
_TIMEOUT_SECONDS = 10.0
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFleets:
    """What one look says.

    Attributes:
        worse: why the fleets of a wave are worse than those that have not begun, by the name of the wave.
        warning: why fleets could not be counted; empty if they could.
    """

    worse: Mapping[str, str] = field(default_factory=dict)
    warning: str = ""


class FleetsJudge:
    """Judges the waves of a file.

    Args:
        spec: the waves.
        connect: returns the connection with which a fleet is rolled.
        progress: keeps the evidence.
        clock: the time. If it is not real, hooks run one after the other.
        runs_commands: hooks that are commands are run, too.
    """

    def __init__(
        self,
        spec: FleetsSpec,
        connect: Callable[[FleetSpec], Connection],
        *,
        progress: StoredProgress,
        clock: Clock,
        runs_commands: bool,
    ) -> None:
        self._spec = spec
        self._connect = connect
        self._progress = progress
        self._clock = clock
        self._hooks = {
            fleet.name: tuple(
                hook for hook in judging_hooks(fleet.request) if runs_commands or hook.kind is not HookKind.COMMAND
            )
            for fleet in spec.fleets
        }
        self._metrics = sorted({hook.name for hooks in self._hooks.values() for hook in hooks})

    def look(self, facts: Iterable[FleetFacts]) -> SeenFleets:
        """Compare the fleets that have succeeded with those that have not begun, if it is time."""
        if not is_judged(self._spec):
            return SeenFleets()
        fleets = self._fleets(tuple(facts))
        at, known, warning = self._clock.now(), self._progress.value.judge, ""
        since = known.sampled_at or at - timedelta(seconds=_FIRST_SECONDS)
        if fleets.waiting and (at - since).total_seconds() >= INTERVAL_SECONDS:
            if known.sampled_at is not None:
                since = max(since, at - timedelta(seconds=_LONGEST_SECONDS))
            counts, warning = self._counts({*fleets.finished, *fleets.waiting}, since, at)
            self._progress.judged(add_counts(known, counts, fleets, at))
        worse = worse_waves(self._progress.value.judge, fleets, self._metrics)
        return SeenFleets(worse=worse, warning=warning)

    def _fleets(self, facts: Sequence[FleetFacts]) -> JudgedFleets:
        finished = {fleet.name for fleet in facts if fleet.ending is FleetEnding.SUCCEEDED}
        judged = [(wave, wave.judge_alpha) for wave in self._spec.waves]
        return JudgedFleets(
            waves=tuple(
                JudgedWave(
                    name=wave.name,
                    alpha=alpha,
                    finished=tuple(fleet.name for fleet in wave.fleets if fleet.name in finished),
                )
                for wave, alpha in judged
                if alpha is not None
            ),
            waiting=tuple(fleet.name for fleet in facts if not fleet.has_begun),
            effects={fleet.name: fleet.request.judging().effect for fleet in self._spec.fleets},
        )

    def _counts(
        self, names: Collection[str], since: datetime, until: datetime
    ) -> tuple[dict[str, dict[str, Tally]], str]:
        """Return the requests of an interval by metric and fleet, and the first problem."""
        fleets = [fleet for fleet in self._spec.fleets if fleet.name in names and self._hooks[fleet.name]]
        counted = self._each(fleets, lambda fleet: self._count(fleet, since, until))
        counts: dict[str, dict[str, Tally]] = {name: {} for name in self._metrics}
        problems = []
        for fleet, result in zip(fleets, counted, strict=True):
            if isinstance(result, AwsrollError):
                problems.append(f"{fleet.name}: {result}")
            elif isinstance(result, BaseException):
                raise result
            else:
                tallies, failed = result
                problems += [f"{fleet.name}: {each}" for each in failed]
                for metric, tally in tallies.items():
                    counts[metric][fleet.name] = tally
        warning = f"the judge of the waves got no counts of {problems[0]}" if problems else ""
        return counts, warning

    def _each(self, fleets: Sequence[FleetSpec], count: "_Count") -> Sequence["_Counted | BaseException"]:
        if getattr(self._clock, "is_real_time", False):
            return in_parallel(fleets, count, at_once=_AT_ONCE)
        return [_caught(count, fleet) for fleet in fleets]

    def _count(self, fleet: FleetSpec, since: datetime, until: datetime) -> "_Counted":
        aws = self._connect(fleet)
        servers = _servers(fleet, aws)
        tallies, failed = {}, []
        for hook in self._hooks[fleet.name]:
            seen = _run(hook, aws, _event(fleet, hook, servers, since, until))
            if isinstance(seen, str):
                failed.append(f"{hook.name}: {seen}")
            else:
                tallies[hook.name] = seen
        return tallies, failed


def is_judged(spec: FleetsSpec) -> bool:
    """Return whether a wave has a judge."""
    return any(wave.judge is not None for wave in spec.waves)


_Counted = tuple[dict[str, Tally], list[str]]
_Count = Callable[[FleetSpec], _Counted]


def _caught(count: _Count, fleet: FleetSpec) -> _Counted | AwsrollError:
    try:
        return count(fleet)
    except AwsrollError as error:
        return error


def _run(hook: Hook, aws: Connection, event: HookEvent) -> Tally | str:
    """Return the requests of a fleet, or why its hook has failed."""
    call = HookCall(name=hook.name, number=event.run)
    runner = HookRunner(aws, in_background=False)
    short = replace(hook, timeout_seconds=min(hook.timeout_seconds, _TIMEOUT_SECONDS))
    runner.start(HookRun(hook=short, call=call, event=event))
    (seen,) = runner.observe([call])
    if seen.state is not HookState.SUCCEEDED:
        return seen.detail
    return Tally(bad=sum(one.bad for one in seen.readings), total=sum(one.total for one in seen.readings))


def _event(fleet: FleetSpec, hook: Hook, servers: Sequence[str], since: datetime, until: datetime) -> HookEvent:
    return HookEvent(
        point=hook.point,
        hook=hook.name,
        run=1,
        phase="waves",
        rollout_id="",
        fleet=fleet.name,
        from_version="",
        to_version="",
        instance_ids=tuple(servers),
        since=since.timestamp(),
        until=until.timestamp(),
    )


def _servers(fleet: FleetSpec, aws: Connection) -> list[str]:
    """Return the instance ids of a fleet.

    Raises:
        AwsrollError: if they cannot be read.
    """
    findings = Findings()
    if fleet.request.asg:
        group = find_group(aws, fleet.request.asg, findings)
        findings.raise_refusals()
        return [member["InstanceId"] for member in (group or {}).get("Instances", [])]
    targets = targets_in(aws, find_target_groups(aws, fleet.request.target_group, findings))
    findings.raise_refusals()
    return sorted({name for each in targets.values() for name in each if name.startswith("i-")})
