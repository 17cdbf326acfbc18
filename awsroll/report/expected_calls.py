"""About how many AWS calls a rollout makes, as a range. No decision uses the figures.

`benchmarks.calls` measures large fleets, and `tests.rollouts.calibration` small ones. Servers that come later than the
first are looked at again and again, so the same rollout makes more or fewer calls from one time to the next.
"""

import math
from dataclasses import dataclass

from awsroll.core.model.observation import FleetKind
from awsroll.core.model.rollout import Rollout
from awsroll.report.simulate import Simulated, Work

_CHECKS = {FleetKind.STANDALONE: 25, FleetKind.AUTO_SCALING: 37}  # before the first change, and at the end
_READS = {FleetKind.STANDALONE: 1, FleetKind.AUTO_SCALING: 3}  # of an observation, beside one for each target group
_LAST_LOOKS = 6  # observations from the time when the last replacement serves until the last old server is gone
_LOOKS = 9  # observations from the time when servers leave until their replacements serve
_LOOKS_OF_MEMBERS = 6
_LOOKS_OF_RELOADED_MEMBERS = 18
_WRITES = {FleetKind.STANDALONE: 4, FleetKind.AUTO_SCALING: 2}  # of each such time
_SETTING_WRITES = 4
_REHEARSED = 2  # replacements of a rehearsal: to the new version and back
_SECONDS_OF_A_WAIT = 30
_FEWER, _MORE = 0.5, 2.0  # the range of the observations, as multiples of the expected number


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCalls:
    """About how many AWS calls a rollout makes.

    Attributes:
        total: the expected number.
        mutating: the number of calls that change resources.
        lowest: nine of ten such rollouts make more calls.
        highest: nine of ten such rollouts make fewer.
    """

    total: int
    mutating: int
    lowest: int = 0
    highest: int = 0


def expected_calls(rollout: Rollout, work: Work, course: Simulated) -> ExpectedCalls:
    """Return about how many AWS calls a rollout makes, from its expected course."""
    checks = _CHECKS[rollout.kind]
    if not work.outdated:
        return ExpectedCalls(total=checks, mutating=0, lowest=checks, highest=checks)
    rehearsed = _REHEARSED if rollout.gates.rehearses else 0
    # Servers that arrive together in the model are seen one by one.
    turns = math.sqrt(course.turns * work.outdated) + rehearsed
    gates = len(work.checkpoints) + rehearsed
    waits = (work.checkpoint_seconds * gates + work.bake_seconds) / _SECONDS_OF_A_WAIT
    looks = turns * _looks(rollout) + waits + _LAST_LOOKS
    reads = looks * (_READS[rollout.kind] + max(1, len(rollout.target_groups)))
    tags = (work.outdated + rehearsed) if rollout.kind is FleetKind.STANDALONE or rollout.reloads else _SETTING_WRITES
    writes = tags + turns * _WRITES[rollout.kind]
    fixed = checks + writes
    return ExpectedCalls(
        total=_about(fixed + reads),
        mutating=_about(writes),
        lowest=_about(fixed + _FEWER * reads),
        highest=_about(fixed + _MORE * reads),
    )


def _looks(rollout: Rollout) -> int:
    if rollout.kind is FleetKind.STANDALONE:
        return _LOOKS
    return _LOOKS_OF_RELOADED_MEMBERS if rollout.reloads else _LOOKS_OF_MEMBERS


def _about(number: float) -> int:
    """Return a number with two significant digits: more would promise too much."""
    digits = max(0, len(str(round(number))) - 2)
    return int(round(number, -digits))
