"""The colours of a plan: on a terminal, with NO_COLOR, with TERM=dumb and in a pipeline."""

import io

import pytest

from awsroll.cli import output
from awsroll.cli.plan_colours import coloured

TEXT = "fleet     web\nchanges   ~ image  ami-1 -> ami-2\n          + tag    a\n          - user data  x\nwarning   a"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, **environment: str) -> str:
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", stream)
    output.Output().result(TEXT, paint=coloured)
    return stream.getvalue()


def test_a_terminal_shows_what_is_added_removed_and_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _shown(monkeypatch, _Terminal()).splitlines()

    assert lines[1] == "changes   \x1b[33m~ image  ami-1 -> ami-2\x1b[0m"
    assert lines[2].startswith("          \x1b[32m+ tag")
    assert lines[3].startswith("          \x1b[31m- user data")
    assert lines[4].startswith("\x1b[33mwarning")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}])
def test_no_colour_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    assert _shown(monkeypatch, _Terminal(), **environment) == f"{TEXT}\n"


def test_a_pipe_gets_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _shown(monkeypatch, io.StringIO()) == f"{TEXT}\n"
