"""About how many AWS calls a rollout makes. The figures are measured with `benchmarks.calls`; no decision uses them."""

import math
from dataclasses import dataclass

from awsroll.core.model.observation import FleetKind
from awsroll.core.model.rollout import Rollout
from awsroll.report.simulate import Simulated, Work

_CHECKS = {FleetKind.STANDALONE: 25, FleetKind.AUTO_SCALING: 37}  # before the first change, and at the end
_READS = {FleetKind.STANDALONE: 1, FleetKind.AUTO_SCALING: 3}  # of an observation, beside one for each target group
_LOOKS = 9  # observations from the time when servers leave until their replacements serve
_LOOKS_OF_MEMBERS = 6
_LOOKS_OF_RELOADED_MEMBERS = 18
_WRITES = {FleetKind.STANDALONE: 4, FleetKind.AUTO_SCALING: 2}  # of each such time
_SETTING_WRITES = 4
_REHEARSED = 2  # replacements of a rehearsal: to the new version and back
_SECONDS_OF_A_WAIT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCalls:
    """About how many AWS calls a rollout makes, and how many of them change resources."""

    total: int
    mutating: int


def expected_calls(rollout: Rollout, work: Work, course: Simulated) -> ExpectedCalls:
    """Return about how many AWS calls a rollout makes, from its expected course."""
    if not work.outdated:
        return ExpectedCalls(total=_CHECKS[rollout.kind], mutating=0)
    rehearsed = _REHEARSED if rollout.gates.rehearses else 0
    # Servers that arrive together in the model are seen one by one.
    turns = math.sqrt(course.turns * work.outdated) + rehearsed
    gates = len(work.checkpoints) + rehearsed
    waits = (work.checkpoint_seconds * gates + work.bake_seconds) / _SECONDS_OF_A_WAIT
    looks = turns * _looks(rollout) + waits
    reads = looks * (_READS[rollout.kind] + max(1, len(rollout.target_groups)))
    tags = (work.outdated + rehearsed) if rollout.kind is FleetKind.STANDALONE or rollout.reloads else _SETTING_WRITES
    writes = tags + turns * _WRITES[rollout.kind]
    return ExpectedCalls(total=_about(_CHECKS[rollout.kind] + reads + writes), mutating=_about(writes))


def _looks(rollout: Rollout) -> int:
    if rollout.kind is FleetKind.STANDALONE:
        return _LOOKS
    return _LOOKS_OF_RELOADED_MEMBERS if rollout.reloads else _LOOKS_OF_MEMBERS


def _about(number: float) -> int:
    """Return a number with two significant digits: more would promise too much."""
    digits = max(0, len(str(round(number))) - 2)
    return int(round(number, -digits))
