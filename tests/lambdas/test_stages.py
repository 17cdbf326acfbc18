"""The single stages as Lambda handlers: errors by name, plain JSON, and a whole story through them."""

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import container
from awsroll.stages.event_schema import STAGES, stage_schemas
from named import FleetLocked, HandlerError, InvalidEvent, PreflightRefused
from tests.stages.machine import SCENARIOS, Bounds, Json, Watched, machine

DOCS = Path(__file__).parents[2] / "docs"
NAMES = [stage.__name__ for stage in STAGES]
UNKNOWN = "i-0fffffffffffffff0"
IN_EVERY_EVENT = {"rollout_id", "asg", "target_group", "exclude_target_group"}


def call(name: str, event: Any) -> Json:
    """Call a handler as AWS Lambda does: JSON in, JSON out."""
    handler = importlib.import_module(name).handler
    answer: Json = json.loads(json.dumps(handler(json.loads(json.dumps(event)), None)))
    return answer


@contextmanager
def within(world: Watched) -> Iterator[Watched]:
    session = world.sandbox.session()
    with (
        patch.object(container, "clock", world.sandbox.clock),
        patch.object(container, "session", lambda _order=None: session),
    ):
        yield world


@pytest.mark.parametrize("name", ["replace-standalone", "double-half", "reload-in-group"])
def test_a_scenario_runs_through_the_handlers(name: str) -> None:
    scenario = SCENARIOS[name]
    with (
        scenario.started() as world,
        within(world),
        patch("tests.stages.machine.call", lambda one, event, _: call(one, event)),
    ):
        assert scenario.run(world, servers=1) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("event", [None, [], "x", {}, {"rollout_id": "a", "asg": "web", "instances": []}])
def test_an_event_of_another_form_is_invalid(name: str, event: Any) -> None:
    with machine(grouped=True, bounds=Bounds(floor=0, ceiling=9), servers=1) as world, within(world):
        before = world.state()
        with pytest.raises(InvalidEvent) as caught:
            call(name, event)
        assert str(caught.value).endswith("nothing was changed")
        assert world.state() == before


def test_a_misspelt_key_is_invalid() -> None:
    with pytest.raises(InvalidEvent, match=r"unknown keys \('launch-template'\)"):
        call("double_group", {"rollout_id": "deploy-42", "asg": "web", "launch-template": "web:2"})


def test_what_the_fleet_does_not_allow_is_refused_by_name() -> None:
    with machine(grouped=False, bounds=Bounds(floor=0, ceiling=9), servers=1) as world, within(world):
        event = {**world.machine.named, "instance_ids": [UNKNOWN]}
        with pytest.raises(PreflightRefused, match=f"EC2 knows no instance {UNKNOWN}"):
            call("deregister_targets", event)


def test_a_fleet_that_is_held_is_locked_by_name() -> None:
    with machine(grouped=False, bounds=Bounds(floor=0, ceiling=9), servers=2) as world, within(world):
        until = world.sandbox.clock.now() + timedelta(minutes=10)
        held = {"Key": "awsroll:held-by", "Value": f"other s3://elsewhere {until:%Y-%m-%dT%H:%M:%SZ}"}
        world.client("elbv2").add_tags(ResourceArns=list(world.fleet.target_group_arns), Tags=[held])
        with pytest.raises(FleetLocked, match="held by rollout other"):
            call("deregister_targets", {**world.machine.named, "instance_ids": [world.fleet.instance_ids[0]]})


def test_the_log_names_the_rollout(capsys: pytest.CaptureFixture[str]) -> None:
    with machine(grouped=False, bounds=Bounds(floor=0, ceiling=9), servers=1) as world, within(world):
        with pytest.raises(HandlerError):
            call("check_drained", {**world.machine.named, "instance_ids": [UNKNOWN]})
        (line,) = capsys.readouterr().out.splitlines()
        said = json.loads(line)
        assert (said["event"], said["rollout_id"], said["error"]) == ("handler.failed", "deploy-42", "PreflightRefused")


def test_the_schema_in_the_docs_is_the_one_that_events_are_checked_against() -> None:
    assert json.loads((DOCS / "stages.schema.json").read_text()) == json.loads(json.dumps(stage_schemas()))


def test_the_docs_describe_the_fields_of_every_event() -> None:
    section = (DOCS / "stages.md").read_text().partition("\n## In every event")[2].partition("\n## ")[0]
    assert {field for field in IN_EVERY_EVENT if f"| `{field}` |" not in section} == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_docs_describe_every_field(name: str) -> None:
    text = (DOCS / "stages.md").read_text()
    _, _, rest = text.partition(f"\n### {name}\n")
    section = rest.partition("\n### ")[0]
    title = "".join(word.title() for word in name.split("_"))
    for side in ("Event", "Answer"):
        fields = set(stage_schemas()["$defs"][f"{title}{side}"]["properties"]) - IN_EVERY_EVENT
        assert {field for field in fields if f"`{field}`" not in section} == set()
