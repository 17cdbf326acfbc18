"""The default store is named if it does not outlive the job or container that awsroll runs in."""

from pathlib import Path

import pytest

from awsroll.cli.common_options import CommonOptions
from awsroll.cli.main import run
from awsroll.cli.store_warning import warn_of_lost_store
from awsroll.stores import lost_disks

JOBS = {
    "GITHUB_ACTIONS": "GitHub Actions",
    "GITLAB_CI": "GitLab CI",
    "CODEBUILD_BUILD_ID": "CodeBuild",
    "AWS_LAMBDA_FUNCTION_NAME": "Lambda",
    "CI": "CI job",
}
MOUNTS = """\
22 1 259:1 / / rw,relatime shared:1 - {root} /dev/root rw
30 22 259:2 / /home rw shared:2 - ext4 /dev/home rw
31 22 0:30 / /memory\\040disk rw - tmpfs tmpfs rw
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    mounts(monkeypatch, tmp_path, root="ext4")
    return tmp_path


def mounts(monkeypatch: pytest.MonkeyPatch, folder: Path, *, root: str) -> None:
    (folder / "mountinfo").write_text(MOUNTS.format(root=root))
    monkeypatch.setattr(lost_disks, "_MOUNTS", folder / "mountinfo")


@pytest.mark.parametrize(("name", "job"), JOBS.items(), ids=JOBS)
def test_the_default_store_of_a_job_is_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], here: Path, name: str, job: str
) -> None:
    monkeypatch.setenv(name, "true")

    warn_of_lost_store(CommonOptions())

    err = " ".join(capsys.readouterr().err.split())
    assert job in err
    assert str(here / "awsroll") in err.replace(" ", "")
    assert "--state s3://BUCKET/PREFIX or --state dynamodb://TABLE" in err


@pytest.mark.parametrize("value", ["", "0", "false", "No"])
def test_a_variable_that_is_off_is_no_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    monkeypatch.setenv("CI", value)

    warn_of_lost_store(CommonOptions())

    assert capsys.readouterr().err == ""


def test_a_store_that_was_chosen_is_not_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")

    warn_of_lost_store(CommonOptions(state="s3://bucket/prefix"))

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["roll", "plan", "doctor"])
def test_the_commands_of_a_rollout_name_it_before_their_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("CI", "true")

    run([command, "--asg", "web", "--endpoint-url", "http://127.0.0.1:1", "--region", "eu-west-1", "--profile", "none"])

    assert capsys.readouterr().err.count("does not outlive") == 1


def test_a_container_and_a_disk_in_memory_are_named(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    mounts(monkeypatch, here, root="overlay")

    assert "container" in lost_disks.lost_with(Path("/nowhere/awsroll"))
    assert lost_disks.lost_with(Path("/home")) == ""


def test_a_sandbox_needs_no_lasting_disk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    mounts(monkeypatch, here, root="overlay")

    warn_of_lost_store(CommonOptions(endpoint_url="http://127.0.0.1:5000"))
    assert capsys.readouterr().err == ""
    warn_of_lost_store(CommonOptions())
    assert "container" in capsys.readouterr().err


def test_without_proc_nothing_is_known_of_the_disk(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    monkeypatch.setattr(lost_disks, "_MOUNTS", here / "missing")

    assert lost_disks.lost_with(here) == ""
