"""Users' mistakes: one line that names the problem and the fix, exit code 2, no call to AWS, no traceback."""

import json
import sys
from pathlib import Path

import pytest

from awsroll.cli.main import run

MISTAKES = {
    "no-fleet-and-no-version": (["roll"], ["no fleet is named", "no version is named"]),
    "concurrent-0": (["roll", "--asg", "web", "--concurrent", "0"], ["1 or more servers"]),
    "concurrent-150-percent": (["roll", "--asg", "web", "--concurrent", "150%"], ["1% to 100%"]),
    "concurrent-word": (
        ["roll", "--asg", "web", "--concurrent", "many"],
        ["--concurrent: pass 1 or more servers", "not 'many'"],
    ),
    "concurrent-and-surge": (["roll", "--asg", "web", "--concurrent", "1", "--max-surge", "1"], ["pass one form only"]),
    "reload-without-command": (["plan", "--asg", "web", "--strategy", "reload"], ["--command"]),
    "unknown-option": (["roll", "--aasg", "web"], ["No such option '--aasg'", "'--asg'", "awsroll roll --help"]),
    "unknown-command": (["rol"], ["Did you mean 'roll'"]),
    "unknown-command-nearest": (["pln"], ["Did you mean 'plan'"]),
    "unknown-strategy": (["roll", "--strategy", "canary"], ["pass one of replace, double-half, reload, not 'canary'"]),
    "option-of-a-later-word": (["list", "extra"], ["extra"]),
    "seconds-as-a-word": (["roll", "--asg", "web", "--poll", "soon"], ["--poll"]),
    "seconds-not-finite": (["roll", "--asg", "web", "--poll", "nan"], ["--poll: pass a time in seconds"]),
    "missing-rollout": (["resume"], ["ROLLOUT"]),
    "parameter-without-value": (["roll", "--asg", "web", "--parameter", "x"], ["NAME=VALUE"]),
    "unknown-profile": (["roll", "--asg", "web", "--profile", "unknown"], ["no AWS profile 'unknown'"]),
    "state-in-no-known-place": (["list", "--state", "gs://bucket/state"], ["directory", "s3://", "dynamodb://"]),
    "state-in-no-bucket": (["list", "--state", "s3:///state"], ["name of a bucket"]),
    "state-in-no-table": (["list", "--state", "dynamodb://my/table"], ["name of a table"]),
    "state-nowhere": (["list", "--state", ""], ["--state is empty"]),
    "lease-of-a-second-on-resume": (["resume", "web-1", "--lease", "1"], ["--lease", "from 5 seconds to 1 day"]),
    "lease-of-a-second": (["roll", "--asg", "web", "--lease", "1"], ["--lease", "from 5 seconds to 1 day"]),
    "sandbox-speed-0": (["sandbox", "--speed", "0"], ["above 0"]),
    "sandbox-option-without-value": (["sandbox", "--port", "0", "--option", "speed"], ["NAME=VALUE"]),
    "sandbox-unknown-option": (["sandbox", "--port", "0", "--option", "x=1"], ["no such option: x"]),
    "sandbox-option-of-no-kind": (["sandbox", "--port", "0", "--option", "boot_seconds=long"], ["boot_seconds"]),
    "sandbox-switches-missing": (["sandbox", "--port", "0", "--switches", "/missing"], ["--switches: /missing cannot"]),
    "sandbox-switches-of-another-kind": (
        ["sandbox", "--port", "0", "--switches", __file__],
        ["is not a JSON file with the key `switches`"],
    ),
    "plan-file-without-an-end": (["roll", "--plan", "/dev/zero"], ["the plan file /dev/zero", "more than"]),
    "sandbox-fleet-without-servers": (["sandbox", "--port", "0", "--fleet", "web"], ["--fleet web", "web:9"]),
    "sandbox-fleet-of-a-short-name": (["sandbox", "--port", "0", "--fleet", "a:2"], ["3 to 28 letters"]),
    "sandbox-fleet-of-a-reserved-name": (["sandbox", "--port", "0", "--fleet", "internal-a:2"], ["internal-"]),
    "sandbox-fleet-of-two-hyphens": (["sandbox", "--port", "0", "--fleet", "a--b:2"], ["single hyphens"]),
    "sandbox-fleet-of-no-server": (["sandbox", "--port", "0", "--fleet", "web:0"], ["must be 1 to 100"]),
    "sandbox-fleet-of-no-kind": (["sandbox", "--port", "0", "--fleet", "asg:web:2"], ["tg:api:4"]),
    "sandbox-fleets-of-one-name": (
        ["sandbox", "--port", "0", "--fleet", "web:2", "--fleet", "tg:web:2"],
        ["two fleets have the name web"],
    ),
    "sandbox-unknown-fault": (["sandbox", "--port", "0", "--fault", "slow"], ["'slow' is not one of throttled"]),
    "demo-concurrent-150-percent": (["demo", "--concurrent", "150%"], ["1% to 100%"]),
    "demo-without-servers": (["demo", "--servers", "0"], ["--servers"]),
}


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("arguments", "messages"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused_in_plain_lines(
    arguments: list[str], messages: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(arguments) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert all(line.startswith("awsroll: ") for line in err.splitlines())
    assert "Traceback" not in err
    for message in messages:
        assert message in err
    assert ("othing was changed" in err) >= (arguments[0] in ("roll", "resume", "rollback"))
    assert not (tmp_path / "state-home").exists()


FILES = {
    "unknown-key": ("web.yaml", "asg: web\nconcurent: 2\n", "unknown key 'concurent': did you mean concurrent?"),
    "no-near-key": ("web.yaml", "frobnicate: 2\n", "`awsroll schema`"),
    "key-twice": ("web.yaml", "max-surge: 1\nmax_surge: 2\n", "max-surge twice"),
    "broken-yaml": ("web.yaml", "asg: [web\n", "cannot be read"),
    "broken-toml": ("web.toml", "asg = \n", "cannot be read"),
    "broken-json": ("web.json", "{", "cannot be read"),
    "not-a-mapping": ("web.yaml", "- web\n", "must contain options with values"),
    "wrong-type": (
        "web.yaml",
        "asg: 5\n",
        "without control characters, not 5: put it in quotes",
    ),
    "wrong-choice": (
        "web.yaml",
        "strategy: canary\n",
        "--strategy: pass one of replace, double-half, reload, not 'canary'",
    ),
    "not-finite": ("web.yaml", "asg: web\npoll: .inf\n", "--poll: pass a time in seconds"),
}


@pytest.mark.parametrize(("name", "text", "message"), FILES.values(), ids=FILES)
def test_a_bad_file_is_refused_by_its_name(
    name: str, text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text)

    assert run(["roll", "-f", str(tmp_path / name)]) == 2

    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["sandbox", "--port", "0", "--switches"], ["roll", "--plan"], ["plan", "-f"]], ids=lambda words: words[-1]
)
def test_deeply_nested_json_is_refused(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep.json"
    path.write_text('{"a":' * 50_000 + "1" + "}" * 50_000)

    assert run([*words, str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["roll", "-f", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml cannot be read: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [(("--endpoint-url", "nonsense"), "Invalid endpoint: nonsense"), (("--region", "no where"), "'no where'")],
    ids=["endpoint-that-is-no-url", "region-that-is-no-region"],
)
def test_a_wrong_endpoint_or_region_exits_5(
    option: tuple[str, str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1" if name == "AWS_REGION" else "fake")

    assert run(["plan", "--asg", "web", *option]) == 5

    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_refusal_is_also_a_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["roll", "--asg", "web", "--concurrent", "0", "--json"]) == 2

    out, err = capsys.readouterr()
    line = json.loads(out)
    assert line["event"] == "refused"
    assert "1 or more servers" in line["reason"]
    assert line["at"].endswith("Z")
    assert err.startswith("awsroll: ")


@pytest.mark.parametrize("command", [["demo", "--servers", "1"], ["sandbox", "--port", "0"]], ids=["demo", "sandbox"])
def test_a_missing_extra_names_the_install_command(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "moto"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "moto", None)

    assert run([*command, "--quiet"]) == 2

    assert capsys.readouterr().err == (
        "awsroll: the sandbox is not installed (moto is missing). Install it with: pip install 'awsroll[sandbox]'\n"
    )
