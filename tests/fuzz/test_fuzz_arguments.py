"""Whatever the arguments are, the program ends with a documented exit code and without a traceback."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import awsroll.aws.sessions
from awsroll.cli.main import run
from awsroll.cli.spec_flags import SPEC_FLAGS
from tests.fuzz.mutations import TEXTS, fuzzed
from tests.fuzz.refusing_aws import RefusingSession

CLEAN = {0, 2, 3, 4, 5}
SERVERS = {"demo", "sandbox", "probe"}  # these start servers, and have tests of their own
COMMANDS = ("roll", "plan", "doctor", "policy", "repair", "list", "status", "resume", "rollback", "pause", "approve")
OPTIONS = tuple(f"--{flag.name}" for flag in SPEC_FLAGS)
COMMON = ("--json", "--quiet", "--yes", "--no-wait", "--help", "--region", "--state", "--plan", "--out", "-f", "--nope")
WORDS = st.one_of(
    st.sampled_from(OPTIONS),
    st.sampled_from(COMMON),
    st.sampled_from([text for text in TEXTS if "/" not in text]),
    st.sampled_from(["web", "1", "25%", "0", "90s", "K=V", "reload", "double-half", "state", "web-1"]),
    st.text(alphabet=st.characters(exclude_characters="/"), max_size=8),
)
VALUES = st.sampled_from(
    ["web", "1", "25%", "0", "90s", "10m", "K=V", "reload", "ignore", "pause", "-5", "200%", "x" * 300]
)
PAIRS = st.tuples(st.sampled_from(OPTIONS), VALUES)
ARGUMENTS = st.one_of(
    st.tuples(st.sampled_from(COMMANDS), st.lists(PAIRS, max_size=4)).map(
        lambda made: [made[0], *(word for pair in made[1] for word in pair)]
    ),
    st.tuples(st.sampled_from(COMMANDS), st.lists(WORDS, max_size=6)).map(lambda made: [made[0], *made[1]]),
    st.lists(WORDS, max_size=5),
)


@pytest.fixture(scope="module", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run in an empty folder, with an AWS that refuses every call."""
    session = RefusingSession()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("empty"))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setattr(awsroll.aws.sessions, "open_session", lambda **_: session)
        yield


@given(arguments=ARGUMENTS)
@fuzzed
def test_every_list_of_arguments_ends_cleanly(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if SERVERS & set(arguments):
        arguments = []
    code = run(arguments)

    out, err = capsys.readouterr()
    assert code in CLEAN, (code, err)
    assert "Traceback" not in err
    if code and "--json" in arguments:
        assert [json.loads(line) for line in out.splitlines()]


@given(values=st.lists(st.tuples(st.sampled_from(SPEC_FLAGS), st.sampled_from(TEXTS)), min_size=1, max_size=3))
@fuzzed
def test_every_value_of_an_option_is_taken_or_refused_by_name(
    values: list[tuple[Any, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    given_options = [f"--{flag.name}={text}" if flag.type is not bool else f"--{flag.name}" for flag, text in values]

    code = run(["plan", "--asg", "web", *given_options])

    err = capsys.readouterr().err
    assert code in {2, 5}, err
    assert all(line.startswith("awsroll: ") for line in err.splitlines())
    assert err.strip()


def test_the_arguments_leave_no_files_behind() -> None:
    assert [path.name for path in Path().iterdir() if path.suffix == ".json"] == []
