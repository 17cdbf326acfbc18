"""The filters of `awsroll list`."""

from dataclasses import replace
from pathlib import Path

import pytest

from awsroll.cli import listing
from awsroll.cli.main import run
from awsroll.core.model.status import Outcome
from awsroll.stores import LocalStore
from tests.stores.records import record


@pytest.fixture
def state(tmp_path: Path) -> str:
    store = LocalStore(tmp_path)
    for name, fleet in (("web-1", "web"), ("web-2", "web"), ("api-1", "api")):
        made = record(name)
        store.save(replace(made, rollout=replace(made.rollout, fleet=fleet)))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([], {"web-1", "web-2", "api-1"}),
        (["--fleet", "web"], {"web-1", "web-2"}),
        (["--fleet", "api", "--status", "interrupted"], {"api-1"}),
        (["--status", "succeeded"], set()),
    ],
)
def test_the_filters_choose_rollouts(
    filters: list[str], names: set[str], state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["list", "--state", state, *filters]) == 0

    out, err = capsys.readouterr()
    assert {line.split()[0] for line in out.splitlines()[1:]} == names
    assert ("there are no such rollouts" in err) is (not names)


def test_the_limit_counts_rollouts(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--state", state, "--limit", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_every_status_can_be_named() -> None:
    assert set(listing._STATUSES) == {each.value for each in Outcome}
