"""`awsroll report`, `--report FILE` and the summary of a pipeline."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from awsroll.cli.main import run
from awsroll.cli.report import check_report_file, write_reports
from awsroll.core.model.status import Mode, Outcome
from awsroll.errors import SpecError
from awsroll.report import build_report
from awsroll.stores import LocalStore
from tests.stores.records import T0, busy_record


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store, record = LocalStore(tmp_path / "state"), busy_record()
    ended = replace(record.status, mode=Mode.ENDED, outcome=Outcome.SUCCEEDED, ended_at=T0 + timedelta(seconds=90))
    store.save(replace(record, status=ended))
    return store


def test_report_writes_the_format_that_the_name_chooses(
    store: LocalStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, plain = tmp_path / "r.html", tmp_path / "r.json"

    assert run(["report", "web-1", "-o", str(page), "--state", str(store.directory)]) == 0
    assert run(["report", "web-1", "-o", str(plain), "--state", str(store.directory), "--json"]) == 0

    assert page.read_text().startswith("<!DOCTYPE html>")
    assert json.loads(plain.read_text())["rollout_id"] == "web-1"
    said, line = capsys.readouterr().out.splitlines()
    assert said == f"the report of rollout web-1 is in {page}"
    assert json.loads(line)["file"] == str(plain)


def test_report_and_explain_take_the_newest_rollout(
    store: LocalStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, state = tmp_path / "r.md", ["--state", str(store.directory), "--json"]

    assert run(["report", "-o", str(page), *state]) == 0
    assert run(["explain", "--region", "eu-west-1", *state]) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["rollout_id"] for line in lines} == {"web-1"}
    assert "web-1" in page.read_text()


@pytest.mark.parametrize(
    ("rollout", "file", "problem"),
    [
        ("web-1", "report.pdf", "a report file ends in .html, .md, .json or .xml"),
        ("web-1", "no-folder/report.html", "the report cannot be written to"),
        ("web-9", "report.html", "there is no rollout web-9"),
    ],
)
def test_report_refuses_what_it_cannot_write(
    store: LocalStore, capsys: pytest.CaptureFixture[str], tmp_path: Path, rollout: str, file: str, problem: str
) -> None:
    assert run(["report", rollout, "-o", str(tmp_path / file), "--state", str(store.directory)]) == 2

    assert problem in capsys.readouterr().err


def test_a_rollout_is_refused_before_its_start_if_its_report_cannot_be_written(tmp_path: Path) -> None:
    check_report_file(None)
    check_report_file(tmp_path / "report.xml")
    for name, problem in (("r.txt", "ends in"), ("none/r.html", "no file can be written there")):
        with pytest.raises(SpecError, match=problem):
            check_report_file(tmp_path / name)
    assert run(["demo", "--report", str(tmp_path / "r.txt")]) == 2


def test_the_report_goes_to_the_file_and_to_the_summary_of_the_pipeline(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, page = tmp_path / "summary.md", tmp_path / "r.html"
    summary.write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    report = build_report(store.load("web-1"), at=T0)

    write_reports(report, store, page)

    assert page.read_text().startswith("<!DOCTYPE html>")
    assert summary.read_text().startswith("# before\n## ✅ web")
    page.unlink()
    page.mkdir()
    write_reports(report, store, page)
    assert f"the report cannot be written to {page}" in capsys.readouterr().err


def test_nothing_is_written_unless_asked(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    write_reports(build_report(store.load("web-1"), at=T0), store, None)

    assert [each.name for each in tmp_path.iterdir()] == ["state"]
