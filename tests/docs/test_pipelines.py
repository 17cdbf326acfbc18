"""docs/pipelines.md: the handlers accept its examples."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import codepipeline
from event_request import to_request
from handling import check
from prepare import Event

PAGE = (Path(__file__).parent.parent.parent / "docs" / "pipelines.md").read_text()
EVENTS = re.findall(r"""^ *'?(?:--payload ')?(\{"request": .*\})'?""", PAGE, re.MULTILINE)


@pytest.mark.parametrize("event", [event for event in EVENTS if "healthy_timeout" in event])
def test_the_user_parameters_in_the_example_are_valid(event: str) -> None:
    assert to_request(msgspec.json.decode(event, type=codepipeline.Parameters).request).healthy_timeout == 300
    assert len(event) <= 1000


@pytest.mark.parametrize("event", [event for event in EVENTS if "rollout_id" in event])
def test_the_events_in_the_examples_are_valid(event: str) -> None:
    checked: Any = check(msgspec.json.decode(event), Event)
    assert to_request(checked.request).asg == "web"


def test_each_kind_of_event_has_an_example() -> None:
    assert ["healthy_timeout" in event for event in EVENTS].count(True) == 1
    assert ["rollout_id" in event for event in EVENTS].count(True) == 2
