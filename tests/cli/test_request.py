"""Requests from options and rollout files, and the JSON Schema of the file."""

from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest

from awsroll.cli.read_request import build_request
from awsroll.cli.spec_flags import SPEC_FLAGS
from awsroll.core.model.rollout_choices import SkipPolicy, Strategy
from awsroll.core.request.file_schema import rollout_schema
from awsroll.core.request.spec import RolloutSpec

EVERY_KEY = """
asg: web
target-group: [api]
launch_template: web:7
strategy: replace
concurrent: 25%
launch-first: true
parameter: {Mode: fast, Steps: [1, 2]}
min-healthy-time: 30
drain_timeout: 90.5
deregistration-delay: 20
protected: ignore
standby: replace
warm-pool: purge
strict: true
poll: 0.5
settle-time: 30
"""


def test_there_is_one_option_for_each_field() -> None:
    flags = [flag.field for flag in SPEC_FLAGS]
    in_a_file_alone = ["hooks", "windows", "freezes"]
    assert sorted([*flags, *in_a_file_alone]) == sorted(field.name for field in fields(RolloutSpec))


def test_a_file_sets_the_same_fields_as_options(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(EVERY_KEY)

    assert build_request(file=str(path)) == RolloutSpec(
        asg="web",
        target_group=("api",),
        launch_template="web:7",
        strategy=Strategy.REPLACE,
        concurrent="25%",
        launch_first=True,
        parameter={"Mode": ["fast"], "Steps": ["1", "2"]},
        min_healthy_time=30,
        drain_timeout=90.5,
        deregistration_delay=20,
        protected=SkipPolicy.IGNORE,
        standby=SkipPolicy.REPLACE,
        warm_pool="purge",
        strict=True,
        poll=0.5,
        settle_time=30,
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("web.toml", 'asg = "web"\nconcurrent = 2\ntarget-group = "api"\n'),
        ("web.json", '{"asg": "web", "concurrent": 2, "target_group": ["api"]}'),
        ("web.yml", "asg: web\nconcurrent: 2\ntarget-group: api\n"),
    ],
    ids=["toml", "json", "yaml"],
)
def test_each_format_is_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    assert build_request(file=str(tmp_path / name)) == RolloutSpec(asg="web", concurrent=2, target_group=("api",))


def test_an_option_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text("asg: web\nconcurrent: 2\nlaunch-first: true\nstrict: true\n")

    request = build_request(file=str(path), asg="db", concurrent="50%", launch_first=False, strict=None)

    assert request == RolloutSpec(asg="db", concurrent="50%", launch_first=False, strict=True)


def test_repeated_parameters_are_collected() -> None:
    request = build_request(file=None, parameter=["Mode=fast", "Steps=1", "Steps=2", "Text=a=b"])

    assert request.parameter == {"Mode": ["fast"], "Steps": ["1", "2"], "Text": ["a=b"]}


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("# nothing yet\n")

    assert build_request(file=str(tmp_path / "web.yaml"), asg="web") == RolloutSpec(asg="web")


def test_the_schema_knows_every_option_and_nothing_else() -> None:
    schema = rollout_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    names = [field.name for field in fields(RolloutSpec)]
    assert set(schema["properties"]) == {*names, *(name.replace("_", "-") for name in names)}
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"asg": "web", "target-group": "api", "concurrent": "25%", "strategy": "double-half"})
    assert not validator.is_valid({"asg": "web", "concurent": 2})
    assert not validator.is_valid({"strategy": "canary"})
