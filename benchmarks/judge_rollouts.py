"""Simulates what the judge sees: a fleet's requests and errors, healthy or bad, in virtual time.

Requests come as a Poisson process and are spread evenly. A healthy version has the same errors as the old one: a usual
share of bad requests, bursts on one server, and outages of a dependency that make a share of all requests bad at once.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp

from awsroll.core.judge.e_process import QUIET_SECONDS, Sensitivity, add_samples
from awsroll.core.judge.verdicts import Judgement, Verdict, judge
from awsroll.core.model.evidence import Evidence, Sample

START = datetime(2026, 1, 1, tzinfo=UTC)
_MANY = 12  # from this mean on, a normal distribution is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One rollout to judge.

    Attributes:
        new: the number of new servers.
        old: the number of old servers.
        rate: requests a second, of the whole fleet.
        usual: the share of bad requests of each version.
        effect: the share of bad requests that the new version adds.
        effect_after: from which second on it adds them.
        burst_seconds: how long an error burst on one server lasts.
        bursts: how many bursts a server has in an hour.
        outages: how many outages the fleet has in an hour; in an outage, a share of all requests is bad.
        seconds: how long the judge watches.
        interval: seconds between two samples.
    """

    new: int = 1
    old: int = 9
    rate: float = 50
    usual: float = 0
    effect: float = 0
    effect_after: float = 0
    burst_seconds: float = 5
    bursts: float = 0
    outages: float = 0
    seconds: float = 600
    interval: float = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How one rollout went.

    Attributes:
        rolled_back_at: after how many seconds it was rolled back; None if it was not.
        continued_at: after how many seconds the judge said `continue` for the first time; None if it did not.
        last: the judgement at the end.
    """

    rolled_back_at: float | None
    continued_at: float | None
    last: Judgement


def run(scene: Scene, seed: int, sensitivity: Sensitivity) -> Seen:
    """Judge one simulated rollout."""
    evidence, continued_at, seconds = Evidence(), None, 0.0
    verdict = judge(evidence, sensitivity)
    for samples in _intervals(scene, random.Random(seed)):  # noqa: S311
        seconds += scene.interval
        at = START + timedelta(seconds=seconds)
        evidence = add_samples(evidence, samples, at, sensitivity, quiet_seconds=QUIET_SECONDS)
        verdict = judge(evidence, sensitivity)
        if verdict.verdict is Verdict.ROLL_BACK:
            return Seen(rolled_back_at=seconds, continued_at=continued_at, last=verdict)
        if verdict.verdict is Verdict.CONTINUE and continued_at is None:
            continued_at = seconds
    return Seen(rolled_back_at=None, continued_at=continued_at, last=verdict)


def _intervals(scene: Scene, draw: random.Random) -> Iterator[list[Sample]]:
    servers = scene.new + scene.old
    bursts = [list(_episodes(scene, draw, scene.bursts, scene.burst_seconds)) for _ in range(servers)]
    outages = list(_episodes(scene, draw, scene.outages, draw.uniform(10, 120)))
    depth = draw.uniform(0.02, 1)
    mean = scene.rate / servers * scene.interval
    begin = 0.0
    while begin < scene.seconds:
        end = begin + scene.interval
        outage = depth * _overlap(outages, begin, end) / scene.interval
        samples = []
        for server in range(servers):
            is_new = server < scene.new
            burst = 0.8 * _overlap(bursts[server], begin, end) / scene.interval
            added = scene.effect if is_new and begin >= scene.effect_after else 0.0
            bad = min(1.0, scene.usual + outage + burst + added)
            samples.append(_sample(f"i-{server}", draw, mean, bad, is_new=is_new))
        yield samples
        begin = end


def _sample(name: str, draw: random.Random, mean: float, bad: float, *, is_new: bool) -> Sample:
    count = _poisson(draw, mean * bad) if bad else 0
    return Sample(instance_id=name, is_new=is_new, bad=count, total=count + _poisson(draw, mean * (1 - bad)))


def _episodes(scene: Scene, draw: random.Random, an_hour: float, seconds: float) -> Iterator[tuple[float, float]]:
    begin = draw.expovariate(an_hour / 3600) if an_hour else scene.seconds
    while begin < scene.seconds:
        yield begin, begin + seconds
        begin += seconds + draw.expovariate(an_hour / 3600)


def _overlap(episodes: list[tuple[float, float]], begin: float, end: float) -> float:
    return sum(max(0.0, min(end, until) - max(begin, since)) for since, until in episodes)


def _poisson(draw: random.Random, mean: float) -> int:
    if mean > _MANY:
        return max(0, round(draw.gauss(mean, mean**0.5)))
    limit, count, product = exp(-mean), 0, draw.random()
    while product > limit:
        count += 1
        product *= draw.random()
    return count
