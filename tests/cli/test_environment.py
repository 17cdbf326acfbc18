"""Options from the environment, and the rollout file of the current folder."""

from pathlib import Path
from unittest.mock import patch

import pytest
from click.shell_completion import BashComplete

from awsroll.cli.command_table import COMMANDS
from awsroll.cli.common_options import COMMON_FLAGS
from awsroll.cli.main import app, run
from awsroll.cli.read_request import build_request
from awsroll.cli.spec_flags import SPEC_FLAGS
from awsroll.core.request.spec import RolloutSpec
from awsroll.stores import LocalStore
from awsroll.version import __version__
from tests.stores.records import busy_record


def request_of(*arguments: str) -> RolloutSpec:
    """Return the request that the options of `awsroll policy` and the environment give."""
    command = COMMANDS["policy"].load()
    with command.make_context("policy", list(arguments)) as context:
        given = {flag.field: context.params[flag.field] for flag in SPEC_FLAGS}
        return build_request(file=context.params["file"], **given)


def test_a_variable_gives_an_option_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text("asg: web\nconcurrent: 1\nbake-time: 5\nlaunch-first: true\n")
    monkeypatch.setenv("AWSROLL_FILE", str(path))
    monkeypatch.setenv("AWSROLL_CONCURRENT", "2")
    monkeypatch.setenv("AWSROLL_POLL", "7")
    monkeypatch.setenv("AWSROLL_LAUNCH_FIRST", "no")
    monkeypatch.setenv("AWSROLL_ALARM", "web 5xx\n\napi 5xx\n")

    assert request_of("--poll", "9") == RolloutSpec(
        asg="web", concurrent="2", bake_time=5, poll=9, launch_first=False, alarm=("web 5xx", "api 5xx")
    )


@pytest.mark.parametrize("flag", [*SPEC_FLAGS, *COMMON_FLAGS], ids=lambda flag: flag.name)
def test_every_option_has_a_variable(flag) -> None:
    assert flag.parameter().envvar == f"AWSROLL_{flag.name.upper().replace('-', '_')}"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("CONCURRENT", "150%", "1% to 100%"), ("LAUNCH_FIRST", "maybe", "not a valid boolean")],
)
def test_a_wrong_value_names_its_variable(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"AWSROLL_{name}", value)

    assert run(["plan", "--asg", "web"]) == 2

    err = capsys.readouterr().err
    option = f"--{name.lower().replace('_', '-')}"
    assert message in err
    assert f"({option} is from AWSROLL_{name})" in err


def test_a_variable_turns_json_on_also_for_a_refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWSROLL_JSON", "1")

    assert run(["plan", "--nope"]) == 2
    assert '"event": "refused"' in capsys.readouterr().out


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "awsroll.yaml").write_text("asg: web\nconcurrent: 0\n")
    (tmp_path / "other.yaml").write_text("asg: web\nmax-surge: 300%\n")
    return tmp_path


@pytest.mark.parametrize("command", ["roll", "plan", "doctor", "policy"])
def test_the_file_of_the_folder_is_used_and_named(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command]) == 2

    first, second = capsys.readouterr().err.splitlines()
    assert first == "awsroll: using awsroll.yaml of this folder; -f FILE names another file"
    assert second.startswith("awsroll: awsroll.yaml: --concurrent: pass 1 or more")


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "-f", "other.yaml"],
        ["plan", "--asg", "api", "--max-surge", "300%"],
        ["resume", "web-1", "--command", "x", "--poll", "0"],
    ],
    ids=["file", "fleet", "resume"],
)
def test_the_file_of_the_folder_is_not_used(words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--state", str(folder / "state")]) == 2
    assert "awsroll.yaml" not in capsys.readouterr().err


def test_a_file_that_everyone_may_write_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "awsroll.yaml").chmod(0o666)

    assert run(["plan"]) == 2
    assert "everyone may write it; nothing was changed" in capsys.readouterr().err


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"awsroll {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_AWSROLL_COMPLETE=" in capsys.readouterr().out


def test_commands_are_completed_with_their_help() -> None:
    with app.make_context("awsroll", [], resilient_parsing=True) as context:
        completed = {each.value: each.help for each in app.shell_complete(context, "ro")}

    assert completed == {name: COMMANDS[name].help for name in ("roll", "rollback")}


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["roll", "--strategy", "d"], ["double-half"]),
        (["list", "--status", "su"], ["succeeded"]),
        (["roll", "--plan", "pl"], ["pl (a file)"]),
        (["roll", "-f", ""], [" (a file)"]),
        (["keep", "-f", "fl"], ["fl (a file)"]),
        (["report", "-o", "r"], ["r (a file)"]),
        (["status", "web-"], ["web-1"]),
        (["resume", "api-"], []),
        (["state", "create", "--ret"], ["--retention"]),
    ],
)
def test_values_are_completed(words: list[str], completed: list[str], tmp_path: Path) -> None:
    LocalStore(tmp_path).save(busy_record())
    shell = BashComplete(app, {}, "awsroll", "_AWSROLL_COMPLETE")

    with patch.dict("os.environ", {"AWSROLL_STATE": str(tmp_path)}):
        found = shell.get_completions(words[:-1], words[-1])

    assert [f"{each.value} (a file)" if each.type == "file" else each.value for each in found] == completed


@pytest.mark.parametrize(("command", "option"), [("demo", "json"), ("sandbox", "json"), ("status", "state")])
def test_the_help_explains_variables_with_an_option_that_it_shows(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--help"]) == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert f"AWSROLL_{option.upper()} for --{option}. The command line wins over the environment." in shown


def test_the_options_are_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--help"]) == 0

    shown = capsys.readouterr().out
    headings = [line[:-1] for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    groups = ["Fleet", "Version", "Pace", "Gates", "Failure", "Waiting", "Output", "Connection"]
    assert headings == ["Options", *groups]
    assert "AWSROLL_STATE for --state" in " ".join(shown.split())
