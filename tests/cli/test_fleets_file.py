"""The file of many fleets: formats, precedence of values, and mistakes."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from awsroll.cli.main import run
from awsroll.cli.read_request import read_fleets
from awsroll.cli.spec_flags import SPEC_FLAGS
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.file_schema import fleets_schema
from awsroll.core.request.spec import RolloutSpec, spec_of
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.errors import SpecError
from awsroll.files.rollout_file import content_of_fleets, load_fleets, plain_fleets, plain_request, to_fleets
from tests.support.patience import PATIENCE_SECONDS

ROLE = "arn:aws:iam::111122223333:role/deploy"
EXAMPLE = f"""
defaults: {{strategy: replace, concurrent: 25%}}
waves:
  - name: canary
    concurrency: 1
    tolerated_failures: 0
    fleets:
      - {{asg: web, region: eu-west-1, role: "{ROLE}", external_id: shared, launch_template: "web:7"}}
  - fleets:
      - {{asg: web, region: us-east-1, max-surge: 2}}
      - {{name: api, target-group: [api, admin], launch-template: "api:3", strategy: double-half, concurrent: null}}
    tolerated-failures: 50%
"""
MEANS = FleetsSpec(
    waves=(
        WaveSpec(
            name="canary",
            concurrency=1,
            fleets=(
                FleetSpec(
                    name="web@eu-west-1",
                    region="eu-west-1",
                    role=ROLE,
                    external_id="shared",
                    request=RolloutSpec(asg="web", launch_template="web:7", concurrent="25%"),
                ),
            ),
        ),
        WaveSpec(
            name="2",
            tolerated_failures="50%",
            fleets=(
                FleetSpec(name="web@us-east-1", region="us-east-1", request=RolloutSpec(asg="web", max_surge=2)),
                FleetSpec(
                    name="api",
                    request=RolloutSpec(
                        target_group=("api", "admin"), launch_template="api:3", strategy=Strategy.DOUBLE_HALF
                    ),
                ),
            ),
        ),
    )
)


def test_each_fleet_gets_its_whole_request(tmp_path: Path) -> None:
    (tmp_path / "fleets.yaml").write_text(EXAMPLE)

    assert load_fleets(tmp_path / "fleets.yaml") == MEANS


@pytest.mark.parametrize("suffix", ["json", "yml"])
def test_each_format_defines_the_same_waves(tmp_path: Path, suffix: str) -> None:
    values = msgspec.yaml.decode(EXAMPLE)
    (tmp_path / f"fleets.{suffix}").write_text(json.dumps(values))

    assert load_fleets(str(tmp_path / f"fleets.{suffix}")) == MEANS


def test_toml_is_read(tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text('[[waves]]\nfleets = [{ asg = "web" }]\n')

    wave = WaveSpec(name="1", fleets=(FleetSpec(name="web", request=RolloutSpec(asg="web")),))
    assert load_fleets(tmp_path / "fleets.toml") == FleetsSpec(waves=(wave,))


def test_an_option_overrides_every_fleet_and_replaces_the_other_form_of_an_amount(tmp_path: Path) -> None:
    path = tmp_path / "fleets.yaml"
    path.write_text("defaults: {asg: web, max-surge: 1, region: eu-west-1}\nwaves: [{fleets: [{poll: 3}]}]\n")

    waves = read_fleets(str(path), {"concurrent": "10%", "poll": 5.0, "launch_first": False, "alarm": []})

    assert waves is not None
    assert waves.fleets == (
        FleetSpec(name="web@eu-west-1", region="eu-west-1", request=RolloutSpec(asg="web", concurrent="10%", poll=5.0)),
    )


def test_a_file_without_waves_defines_one_fleet(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text("asg: web\n")

    assert read_fleets(str(path), {}) is None
    with pytest.raises(SpecError, match="has no `waves`: it describes one fleet"):
        load_fleets(path)


def test_the_resolved_waves_are_plain_json_without_defaults() -> None:
    plain = plain_fleets(MEANS)

    assert json.loads(json.dumps(plain)) == plain
    assert [(wave["name"], wave["concurrency"], wave["tolerated_failures"]) for wave in plain["waves"]] == [
        ("canary", 1, 0),
        ("2", 2, 1),
    ]
    assert plain["waves"][0]["fleets"] == [
        {
            "name": "web@eu-west-1",
            "wave": "canary",
            "region": "eu-west-1",
            "role": ROLE,
            "external_id": "shared",
            "request": {"asg": "web", "launch_template": "web:7", "concurrent": "25%"},
        }
    ]
    requests = [fleet["request"] for wave in plain["waves"] for fleet in wave["fleets"]]
    assert [spec_of(request) for request in requests] == [fleet.request for fleet in MEANS.fleets]


def test_the_content_of_waves_is_read_back_unchanged() -> None:
    kept = replace(MEANS.fleets[0], image_parameter="/images/web", max_age_days=30)
    wave = replace(MEANS.waves[0], fleets=(kept, *MEANS.waves[0].fleets[1:]), bake_time=60, alarm=("errors",))
    spec = FleetsSpec(waves=(wave, *MEANS.waves[1:]))

    assert to_fleets(json.loads(json.dumps(content_of_fleets(spec)))) == spec


def test_a_plain_request_is_read_back_unchanged() -> None:
    request = RolloutSpec(
        asg="web",
        strategy=Strategy.RELOAD,
        document="Deploy",
        parameter={"Mode": ["fast"]},
        app_version="2",
        checkpoint=(1, "50%"),
        bake_time=30,
    )

    assert spec_of(plain_request(request)) == request


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("poll: 1\nwaves: [{fleets: [{asg: web}]}]\n", "the file has an unknown key 'poll'"),
        ("waves: [{bake: 1, fleets: [{asg: web}]}]\n", "wave 1 has an unknown key 'bake'"),
        ("waves: [{fleets: [{asg: web, pol: 1}]}]\n", "wave 1, fleet 1 has an unknown key 'pol'"),
    ],
    ids=["file", "wave", "fleet"],
)
def test_an_unknown_key_is_the_only_problem_of_a_file(text: str, problem: str) -> None:
    with pytest.raises(SpecError) as refused:
        to_fleets(msgspec.yaml.decode(text))

    (only,) = refused.value.problems
    assert only.startswith(problem)


WRONG: dict[str, tuple[str, list[str]]] = {
    "unknown-key": ("wave: 1\nwaves: []\n", ["the file has an unknown key 'wave': did you mean waves?"]),
    "no-list": ("waves: {fleets: []}\n", ["`waves` must be a list with at least one item"]),
    "nothing": ("waves:\n", ["`waves` must be a list with at least one item"]),
    "wave-no-mapping": ("waves: [web]\n", ["wave 1 must be a mapping of keys to values, not 'web'"]),
    "no-fleets": ("waves: [{name: a}]\n", ["`fleets` of wave a must be a list with at least one item"]),
    "unknown-in-wave": (
        "waves: [{tolerated-failure: 1, fleets: [{asg: web}]}]\n",
        ["wave 1 has an unknown key 'tolerated-failure': did you mean tolerated-failures?"],
    ),
    "unknown-in-fleet": (
        "waves: [{fleets: [{asg: web}, {agg: api}]}]\n",
        ["wave 1, fleet 2 has an unknown key 'agg': did you mean asg?"],
    ),
    "unknown-in-defaults": (
        "defaults: {name: x}\nwaves: [{fleets: [{asg: web}]}]\n",
        ["`defaults` has an unknown key 'name'"],
    ),
    "wrong-in-defaults": (
        "defaults: {concurrent: many, role: x}\nwaves: [{fleets: [{asg: web, concurrent: 1, role: null}]}]\n",
        ["`defaults`: --concurrent: pass 1 or more servers", "`defaults`: role: pass the ARN of a role"],
    ),
    "empty-name": ("waves: [{fleets: [{name: '', asg: web}]}]\n", ["wave 1, fleet 1: name: pass a name of 1 to 255"]),
    "both-spellings": (
        "waves: [{fleets: [{asg: web, launch-template: a, launch_template: b}]}]\n",
        ["wave 1, fleet 1 gives launch-template twice"],
    ),
    "wrong-type": (
        "waves: [{name: a, fleets: [{asg: web, poll: soon}]}]\n",
        ["wave a, fleet 1: --poll: pass a time in seconds from 0.01 seconds to 30 days"],
    ),
    "name-is-a-number": (
        "waves: [{fleets: [{name: 7, asg: web}]}]\n",
        ["wave 1, fleet 1: name: pass a name of 1 to 255", "not 7: put it in quotes"],
    ),
    "concurrency-of-a-word": (
        "waves: [{concurrency: many, fleets: [{asg: web}]}]\n",
        ["wave 1: concurrency: pass 1 or more fleets"],
    ),
    "concurrency-of-a-list": (
        "waves: [{concurrency: [1], fleets: [{asg: web}]}]\n",
        ["concurrency: pass 1 or more fleets", "not [1]"],
    ),
    "all-at-once": (
        "waves: [{fleets: [{asg: web, concurrent: 0}]}, {fleets: [{target-group: api, role: x}]}]\n",
        [
            "wave 1, fleet 1: --concurrent: pass 1 or more servers",
            "wave 2, fleet 1: role: pass the ARN of a role",
        ],
    ),
    "all-meanings-at-once": (
        "waves: [{fleets: [{asg: web, max-surge: 0}]}, {fleets: [{target-group: api, external-id: x}]}]\n",
        [
            "wave 1: fleet web: max unavailable and max surge are both 0",
            "wave 2: fleet api: no version is named",
            "wave 2: fleet api: external-id needs a role",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "messages"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("command", ["roll", "plan"])
def test_a_wrong_file_is_refused_in_plain_lines(
    command: str, text: str, messages: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fleets.yaml"
    path.write_text(text)

    assert run([command, "-f", str(path), "--state", str(tmp_path / "state")]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert all(line.startswith(f"awsroll: {path}: ") for line in err.splitlines())
    for message in messages:
        assert message in err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["roll", "--asg", "web"],
            "--asg cannot be combined with the file {path}, which names its fleets; omit the option",
        ),
        (["plan", "--target-group", "web"], "--target-group cannot be combined with the file {path}"),
        (["plan", "--out", "web.plan"], "--out web.plan: a plan can be saved for one fleet only"),
        (["doctor"], "the file {path} defines many fleets; only `awsroll roll -f` and `awsroll plan -f` accept it"),
        (["roll", "--plan", "web.plan"], "the plan file web.plan cannot be read"),
    ],
    ids=["asg", "target-group", "out", "doctor", "plan"],
)
def test_an_option_of_one_fleet_is_refused_with_a_file_of_many_fleets(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fleets.yaml"
    path.write_text("waves: [{fleets: [{asg: web}]}]\n")

    assert run([*words, "-f", str(path)]) == 2

    assert message.format(path=path) in capsys.readouterr().err


def test_the_schema_accepts_the_example_and_refuses_wrong_files() -> None:
    schema = fleets_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    assert list(validator.iter_errors(msgspec.yaml.decode(EXAMPLE))) == []
    known = set(schema["$defs"]["fleet"]["properties"])
    assert {flag.name for flag in SPEC_FLAGS} | {flag.field for flag in SPEC_FLAGS} <= known
    for name in (
        "unknown-key",
        "no-list",
        "nothing",
        "wave-no-mapping",
        "no-fleets",
        "unknown-in-wave",
        "unknown-in-fleet",
    ):
        assert not validator.is_valid(msgspec.yaml.decode(WRONG[name][0])), name


def test_the_schema_of_fleets_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "--fleets"]) == 0

    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(fleets_schema()))


def test_reading_needs_neither_the_command_line_nor_boto3() -> None:
    code = "import sys, awsroll.files.rollout_file; print(sorted({'boto3', 'click', 'rich'} & set(sys.modules)))"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    )

    assert loaded.stdout == "[]\n"


def test_reading_is_pure() -> None:
    values: dict[str, Any] = msgspec.yaml.decode(EXAMPLE)
    before = json.dumps(values)

    assert to_fleets(values) == to_fleets(values) == MEANS
    assert json.dumps(values) == before
