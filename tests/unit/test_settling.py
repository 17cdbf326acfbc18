"""Tags that no rollout has written, and records that a repair continues."""

import pytest

from awsroll.core.classify.view import View
from awsroll.core.model.observation import FleetKind, Instance
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.repair.reconstruct import settling, unreadable
from tests.support.looks import NEW, group, group_look, member, rollout, status

MIDDLE = group(desired=4, maximum=4)


def _old(count: int) -> tuple[Instance, ...]:
    return tuple(member(f"i-old{number}") for number in range(count))


def _new(count: int) -> tuple[Instance, ...]:
    return tuple(member(f"i-new{number}", NEW) for number in range(count))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max-size", "many"),
        ("desired-capacity", ""),
        ("warm-pool", "big"),
        ("deregistration-delay", "soon"),
        ("process:Launch", "perhaps"),
        ("colour", "blue"),
    ],
)
def test_a_tag_that_no_rollout_has_written_is_refused(name: str, value: str) -> None:
    (problem,) = unreadable({("web", name): value})

    assert problem == (
        f"the tag awsroll:was:{name} of web is {value!r}, which no rollout writes: correct or delete the tag"
    )


def test_what_rollouts_write_is_read() -> None:
    values = {
        "min-size": "1",
        "version": "lt-web:$Latest",
        "warm-pool": "min=2 max-prepared=none state=Stopped reuse=yes",
        "deregistration-delay": "30",
        "process:AZRebalance": "running",
    }

    assert unreadable({("web", name): value for name, value in values.items()}) == ()


def _stopped(*members: Instance, **more: object) -> Status:
    kept = status(
        mode=Mode.ENDED, outcome=Outcome.STOPPED, abandoned=("max-size",), found_settings={"max-size": "4"}, **more
    )
    view = View(rollout(FleetKind.AUTO_SCALING), group_look(*members, seen=MIDDLE), kept)
    return settling(view)


def test_an_ended_rollout_with_saved_settings_only_restores_when_all_run_the_target() -> None:
    settled = _stopped(*_new(4))

    assert (settled.mode, settled.outcome, settled.settings.abandoned) == (Mode.COMPLETING, Outcome.RUNNING, ())


def test_a_rollout_that_stopped_half_way_settles() -> None:
    assert _stopped(*_old(2), *_new(2)).mode is Mode.STOPPING


def test_a_rollout_that_was_restoring_continues_to_success() -> None:
    kept = status(mode=Mode.COMPLETING, outcome=Outcome.INTERRUPTED)
    view = View(rollout(FleetKind.AUTO_SCALING), group_look(*_new(4), seen=MIDDLE), kept)

    assert settling(view).mode is Mode.COMPLETING
