"""Laws of a wave: they hold for all limits, all outcomes of its fleets, and all orders."""

from hypothesis import given, strategies as st

from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetEnding, FleetSpec, WaveSpec

COUNTS = st.integers(0, 12)
AMOUNTS = st.one_of(COUNTS, st.integers(0, 100).map("{}%".format))
ENDINGS = st.sampled_from([
    FleetEnding.SUCCEEDED,
    FleetEnding.ROLLED_BACK,
    FleetEnding.PAUSED,
    FleetEnding.STOPPED,
    FleetEnding.REFUSED,
])  # fmt: skip


@st.composite
def waves(draw: st.DrawFn) -> WaveSpec:
    names = [f"web-{number}" for number in range(draw(st.integers(1, 10)))]
    return WaveSpec(
        name="all",
        fleets=tuple(FleetSpec(name=name, request=RolloutSpec(asg=name)) for name in names),
        concurrency=draw(st.none() | AMOUNTS.filter(lambda one: one not in (0, "0%"))),
        tolerated_failures=draw(AMOUNTS),
    )


@given(waves())
def test_the_limits_are_within_the_wave(wave: WaveSpec) -> None:
    assert wave.problems() == ()
    assert 1 <= wave.at_once <= len(wave.fleets)
    assert 0 <= wave.may_fail <= len(wave.fleets)


@given(st.integers(0, 100), st.integers(1, 50))
def test_a_tolerated_percentage_is_never_exceeded_by_rounding(percentage: int, count: int) -> None:
    fleets = (FleetSpec(name="web", request=RolloutSpec(asg="web")),) * count
    may_fail = WaveSpec(name="all", fleets=fleets, tolerated_failures=f"{percentage}%").may_fail

    assert may_fail * 100 <= percentage * count < (may_fail + 1) * 100


@given(waves(), st.data())
def test_fleets_begin_in_order_never_too_many_and_none_after_too_many_failures(
    wave: WaveSpec, data: st.DataObject
) -> None:
    begun: list[str] = []
    running: list[str] = []
    ended: dict[str, FleetEnding] = {}
    while True:
        failed_before = wave.limits.is_failed(ended.values())
        room = wave.limits.room(ended.values(), waiting=len(wave.fleets) - len(begun), running=len(running))
        assert not (failed_before and room)
        for fleet in wave.fleets[len(begun) : len(begun) + room]:
            begun.append(fleet.name)
            running.append(fleet.name)
        assert len(running) <= wave.at_once
        if not running:
            break
        ended[running.pop(data.draw(st.integers(0, len(running) - 1)))] = data.draw(ENDINGS)

    assert begun == [fleet.name for fleet in wave.fleets[: len(begun)]]
    assert set(begun) == set(ended)
    assert len(begun) == len(wave.fleets) or wave.limits.is_failed(ended.values())
    if wave.at_once == 1:
        failures = [one for one in ended.values() if one is not FleetEnding.SUCCEEDED]
        assert len(failures) <= wave.may_fail + 1
