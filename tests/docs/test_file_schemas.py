"""The JSON Schemas of the files: they are published, editors can use them, and every example of the docs is valid."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from awsroll.cli.main import run
from awsroll.core.model.keys import named
from awsroll.core.request.file_schema import FLEETS_FILE, PLACE, ROLLOUT_FILE, fleets_schema, rollout_schema
from awsroll.core.request.spec import spec_of
from awsroll.core.request.waves_file import OPTIONS
from awsroll.files.decode import Syntax, decode
from awsroll.files.rollout_file import to_fleets

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(yaml|toml|json|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ROLLOUT = jsonschema.Draft202012Validator(rollout_schema())
FLEETS = jsonschema.Draft202012Validator(fleets_schema())


def _blocks(*languages: str) -> list[tuple[str, str]]:
    return [
        (f"{page.name}-{number}", text)
        for page in PAGES
        for number, (language, text) in enumerate(BLOCK.findall(page.read_text()), 1)
        if language in languages
    ]


def _check_file(values: dict[str, Any]) -> None:
    if "waves" in values:
        FLEETS.validate(values)
        to_fleets(values)
        return
    ROLLOUT.validate(values)
    assert spec_of(named(values, OPTIONS, where="the file", listed_by="")).problems() == ()


def _requests(values: Any) -> list[dict[str, Any]]:
    """Return the requests in a JSON value, at any depth."""
    if isinstance(values, list):
        return [request for value in values for request in _requests(value)]
    if not isinstance(values, dict):
        return []
    own = [values["request"]] if "request" in values else []
    return own + [request for value in values.values() for request in _requests(value)]


@pytest.mark.parametrize(
    ("file", "option", "schema"),
    [(ROLLOUT_FILE, [], rollout_schema()), (FLEETS_FILE, ["--fleets"], fleets_schema())],
    ids=["rollout", "fleets"],
)
def test_the_published_schema_is_the_printed_one(
    file: str, option: list[str], schema: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schema", *option]) == 0

    assert capsys.readouterr().out == (ROOT / "docs" / file).read_text(), (
        f"run: awsroll schema {' '.join(option)} > docs/{file}"
    )
    assert json.loads((ROOT / "docs" / file).read_text()) == json.loads(json.dumps(schema))
    assert schema["$id"] == f"{PLACE}{file}"


@pytest.mark.parametrize("validator", [ROLLOUT, FLEETS], ids=["rollout", "fleets"])
def test_an_editor_can_use_the_schema(validator: Any) -> None:
    schema = validator.schema
    validator.check_schema(schema)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith("https://")
    assert schema["title"]
    assert schema["description"]
    for pattern in re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(schema)):
        assert not re.search(r"\\\\[AZzb]|\(\?[P<#]", pattern), "JavaScript does not have this syntax"


# Files of CI systems have tests of their own, beside those of the recipes.
YAML_BLOCKS = [(name, text) for name, text in _blocks("yaml") if not name.startswith("ci.md-")]


@pytest.mark.parametrize("text", [text for _, text in YAML_BLOCKS], ids=[name for name, _ in YAML_BLOCKS])
def test_every_yaml_block_of_the_docs_is_valid(text: str) -> None:
    values = decode(text.encode(), Syntax.YAML)
    if isinstance(values, list):  # an action of a pipeline, with the request in its UserParameters
        parameters = [json.loads(action["Configuration"]["UserParameters"]) for action in values]
        assert _requests(parameters)
        for request in _requests(parameters):
            _check_file(request)
        return
    _check_file(values)


def test_every_request_in_json_of_the_docs_is_valid() -> None:
    inputs = [text for _, block in _blocks("sh") for text in re.findall(r"--input '(\{.*?\})'", block, re.DOTALL)]
    texts = [text for _, text in _blocks("json")] + inputs
    requests = [request for text in texts for request in _requests(json.loads(text))]

    assert len(requests) > 2
    for request in requests:
        _check_file(request)


def test_every_file_of_the_docs_in_toml_or_here_documents_is_valid() -> None:
    for _, text in _blocks("toml"):
        _check_file(decode(text.encode(), Syntax.TOML))
    for _, block in _blocks("sh"):
        for text in re.findall(r"<<'?(?:YAML|EOF)'?[^\n]*\n(.*?)^(?:YAML|EOF)$", block, re.MULTILINE | re.DOTALL):
            _check_file(decode(text.encode(), Syntax.YAML))


GOOD: dict[str, dict[str, Any]] = {
    "parameters": {
        "asg": "web",
        "strategy": "reload",
        "document": "Deploy",
        "parameter": {"Mode": "fast", "Steps": [1, 2]},
    },
    "underscores": {"target_group": "web", "launch_template": "web:7", "min_healthy_time": "90s"},
    "a-time-as-text": {"asg": "web", "bake-time": "10m", "healthy-timeout": "2h", "poll": 0.5},
    "null": {"asg": "web", "bake-time": None},
    "hooks": {"asg": "web", "hooks": [{"point": "after_drain", "script": ["true"], "timeout": "90s"}]},
}
BAD: dict[str, dict[str, Any]] = {
    "empty": {},
    "no-fleet": {"launch-template": "web"},
    "no-name": {"asg": "", "target-group": []},
    "more-than-all": {"asg": "web", "concurrent": "200%"},
    "negative": {"asg": "web", "concurrent": -5},
    "negative-text": {"asg": "web", "max-surge": "-5"},
    "negative-time": {"asg": "web", "poll": -5},
    "none-at-a-time": {"asg": "web", "concurrent": "0%"},
    "a-boolean": {"asg": "web", "bake-time": True},
    "too-long": {"asg": "web", "bake-time": 2592001},
    "both-spellings": {"asg": "web", "bake-time": 1, "bake_time": 1},
    "mixed-spelling": {"asg": "web", "exclude-target_group": "x"},
    "a-word": {"asg": "web", "strategy": "dubble"},
    "a-line-break": {"asg": "web\n"},
    "hook-without-point": {"asg": "web", "hooks": [{"script": ["true"]}]},
    "one-hook": {"asg": "web", "hooks": {"point": "after_drain", "script": ["true"]}},
}


@pytest.mark.parametrize("values", GOOD.values(), ids=GOOD)
def test_the_schema_accepts(values: dict[str, Any]) -> None:
    ROLLOUT.validate(values)


@pytest.mark.parametrize("values", BAD.values(), ids=BAD)
def test_the_schema_refuses(values: dict[str, Any]) -> None:
    assert not ROLLOUT.is_valid(values)
