from dataclasses import replace

import pytest

from awsroll.core.model.amount import EVERYTHING, NONE, Amount
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import SpecError

GROUP = RolloutSpec(asg="web")
STANDALONE = RolloutSpec(target_group=("web",), launch_template="web:2")
RELOAD = RolloutSpec(asg="web", strategy=Strategy.RELOAD, command=("restart",))


@pytest.mark.parametrize(
    ("spec", "unavailable", "surge"),
    [
        pytest.param(GROUP, "1", "0", id="one-at-a-time-by-default"),
        pytest.param(replace(GROUP, concurrent="25%"), "25%", "0", id="concurrent-means-unavailable"),
        pytest.param(replace(GROUP, concurrent=2, launch_first=True), "0", "2", id="launch-first-means-surge"),
        pytest.param(replace(GROUP, max_unavailable=2), "2", "0", id="unavailable-alone"),
        pytest.param(replace(GROUP, max_surge="10%"), "0", "10%", id="surge-alone"),
        pytest.param(replace(GROUP, max_unavailable=0, max_surge=1), "0", "1", id="one-of-them-may-be-0"),
    ],
)
def test_every_strategy_is_an_amount_of_each_kind(spec: RolloutSpec, unavailable: str, surge: str) -> None:
    assert spec.problems() == ()
    assert spec.amounts() == (Amount.parse(unavailable), Amount.parse(surge))


def test_double_half_surges_by_everything() -> None:
    assert replace(GROUP, strategy=Strategy.DOUBLE_HALF).amounts() == (NONE, EVERYTHING)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        pytest.param(RolloutSpec(), "no fleet is named", id="no-fleet"),
        pytest.param(RolloutSpec(target_group=("web",)), "no version is named", id="no-version"),
        pytest.param(replace(GROUP, concurrent=1, max_surge=1), "pass one form only", id="both-forms"),
        pytest.param(replace(GROUP, max_unavailable=0), "are both 0", id="both-zero"),
        pytest.param(replace(GROUP, command=("x",)), "only --strategy reload runs commands", id="stray-command"),
        pytest.param(replace(RELOAD, launch_template="web"), "remove --launch-template", id="stray-template"),
        pytest.param(replace(RELOAD, command=()), "reload needs one command", id="nothing-to-run"),
        pytest.param(replace(RELOAD, document="Doc"), "reload needs one command", id="two-things-to-run"),
        pytest.param(replace(RELOAD, parameter={"a": ["b"]}), "--parameter needs --document", id="parameter"),
        pytest.param(replace(RELOAD, max_surge=1), "launches none", id="reload-with-surge"),
        pytest.param(replace(RELOAD, max_running=9), "remove --max-running", id="reload-with-a-cap"),
        pytest.param(replace(RELOAD, launch_first=True), "--launch-first needs", id="reload-launch-first"),
        pytest.param(
            replace(GROUP, strategy=Strategy.DOUBLE_HALF, concurrent=2),
            "launches the whole new fleet",
            id="double-half",
        ),
    ],
)
def test_reports_each_problem(spec: RolloutSpec, problem: str) -> None:
    assert any(problem in found for found in spec.problems()), spec.problems()


def test_reports_all_problems_at_once() -> None:
    assert len(RolloutSpec(max_unavailable=0, checkpoint_delay=5, command=("x",)).problems()) == 5


def test_amounts_that_contradict_each_other_are_an_error() -> None:
    with pytest.raises(SpecError, match="short form"):
        replace(GROUP, concurrent=1, max_unavailable=1).amounts()


def test_right_requests_have_no_problems() -> None:
    assert [spec.problems() for spec in (GROUP, STANDALONE, RELOAD)] == [(), (), ()]
