"""docs/events.md: every event and phase of the program, with the fields that events have."""

import ast
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import awsroll
from awsroll.core.model.action_results import Answer
from awsroll.core.model.phases import RolloutPhase, ServerPhase, UntouchedServer
from awsroll.core.model.rollout_events import PERSON_AWAITED, EventName
from awsroll.driver.step_events import EVENTS
from awsroll.testing import FakeFleet
from tests.docs import events_page as page

PACKAGE = Path(awsroll.__file__).parent
OF_COMMANDS = ("cli", "sandbox", "probe")  # what commands print, and is no event of a rollout
KNOWN = {name: fields for events in page.EVENTS.values() for name, (fields, _) in events.items()}


class Collected:
    """Collects the names and fields of events."""

    def __init__(self) -> None:
        self.fields: dict[str, set[str]] = {}

    def event(self, name: str, at: datetime, **fields: object) -> None:
        self.fields.setdefault(name, set()).update(key for key, value in fields.items() if value not in (None, "", ()))

    def observed(self, *_: object) -> None:
        """Collect nothing."""


def _emitted() -> Iterator[str]:
    """Return the dotted names in calls of `emit` and `event`."""
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] in OF_COMMANDS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {
                "emit",
                "event",
                "emit_rollout",
                "_emit",
            }:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and re.fullmatch(r"[a-z-]+\.[a-z-]+", str(first.value)):
                    yield str(first.value)


def test_the_page_is_current() -> None:
    assert page.PATH.read_text() == page.events_page(), "run `python -m tests.docs.events_page`"


def test_every_event_of_the_program_is_on_the_page_and_no_other() -> None:
    of_waves = set(re.findall(r'"(wave\.[a-z]+)"', (PACKAGE / "waves" / "wave_events.py").read_text()))
    found = {*map(str, EventName), *EVENTS.values(), PERSON_AWAITED, *_emitted(), *of_waves}

    assert set(KNOWN) == found


def test_every_phase_and_answer_is_on_the_page() -> None:
    assert set(page.SERVER_PHASES) == set(ServerPhase)
    assert set(page.UNTOUCHED) == set(UntouchedServer)
    assert set(page.ROLLOUT_PHASES) == set(RolloutPhase)
    assert page.ANSWERS.split(", ") == [str(answer) for answer in Answer]


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_events_have_the_fields_of_the_page(good: bool) -> None:
    collected, fleet = Collected(), FakeFleet.auto_scaling()
    if not good:
        fleet.spoil(2)
    spec = awsroll.RolloutSpec(
        asg="web", launch_first=True, checkpoint=(1,), approve_checkpoints=True, bake_time=10, deregistration_delay=5
    )

    hooks = {"after_healthy": print}
    awsroll.roll(spec, session=fleet, sink=collected, approve=lambda _: True, hooks=hooks)

    assert len(collected.fields) > 10
    for name, fields in collected.fields.items():
        assert fields <= set(KNOWN[name].split(", ")), name
