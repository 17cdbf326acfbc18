"""The examples: each file is a valid request of its schema, and the deploy script runs in the sandbox."""

import importlib.util
import shlex
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import jsonschema
import msgspec
import pytest
import yaml

import awsroll
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.file_schema import fleets_schema, rollout_schema
from awsroll.files.rollout_file import to_fleets
from awsroll.sandbox.inprocess import Sandbox
from awsroll.testing import FakeFleet
from awsroll.testing.clock import VirtualClock
from codepipeline import Parameters
from event_request import to_request
from handling import check
from prepare import Event

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_is_valid_and_names_its_own_command(path: Path) -> None:
    content = _content(path)
    waves = content if "waves" in content else {"waves": [{"fleets": [content]}]}

    jsonschema.validate(content, fleets_schema() if "waves" in content else rollout_schema())
    assert to_fleets(waves).problems() == ()
    assert shlex.split(path.read_text().splitlines()[1].lstrip("# ")) == [
        "awsroll",
        "roll",
        "-f",
        f"examples/{path.name}",
    ]


def test_each_strategy_has_an_example() -> None:
    assert {_content(path).get("strategy", "replace") for path in FILES} == {strategy.value for strategy in Strategy}


def test_the_deploy_script_rolls_and_goes_back_if_its_check_fails() -> None:
    deploy = _module(EXAMPLES / "deploy.py")

    with Sandbox(clock=VirtualClock()) as sandbox, patch.object(deploy, "answers", return_value=False):
        sandbox.auto_scaling_fleet(name="web", servers=1)
        code = deploy.main("web", "2")
        (rollout,) = awsroll.rollouts()

    assert (code, rollout.status) == (1, "rolled_back")


def test_the_input_of_an_execution_and_the_parameters_of_a_pipeline_are_valid() -> None:
    events = (msgspec.json.decode((EXAMPLES / name).read_text()) for name in ("execution.json", "durable.json"))
    execution, durable = (check(event, Event) for event in events)
    pipeline: Any = msgspec.json.decode((EXAMPLES / "codepipeline.json").read_text(), type=Parameters)

    assert [to_request(each.request).problems() for each in (execution, durable, pipeline)] == [(), (), ()]
    assert len((EXAMPLES / "codepipeline.json").read_text()) <= 1000  # the limit of CodePipeline


def test_the_deploy_script_rolls_a_fake_fleet_as_its_test_would() -> None:
    deploy, fleet = _module(EXAMPLES / "deploy.py"), FakeFleet.auto_scaling("web")

    with patch.object(deploy.awsroll, "roll", partial(awsroll.roll, session=fleet)):
        assert deploy.deploy("web", "2").succeeded
    assert fleet.versions == {"lt-web:2": 3}


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("deploy_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
