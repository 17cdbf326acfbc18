"""The judge and the rehearsal in rollouts that functions drive step by step."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from awsroll.sandbox.traffic import VirtualTraffic
from tests.lambdas.driven import Machine, machine

FAILING = ({"sandbox:error-percent": "5"},)
HOOKS = [{"point": "while_judging", "name": "errors", "function": "count", "timeout": 5}]
CANARY = {"checkpoint": ["1"], "on_failure": "rollback"}


@contextmanager
def loaded_machine(folder: Path, *, grouped: bool, **shape: Any) -> Iterator[Machine]:
    """A fleet that takes 50 requests/s, which a function counts."""
    with machine(folder, grouped=grouped, **shape) as driven:
        sandbox, groups = driven.rolling.sandbox, driven.rolling.fleet.target_group_arns
        with VirtualTraffic(sandbox.world, target_groups=groups, requests_per_second=50) as traffic:
            sandbox.functions["count"] = traffic.answer
            yield driven


def set_error_percent(driven: Machine, percent: int) -> None:
    """Let all servers fail a share of the requests, as if a dependency of all of them failed."""
    tags = [{"Key": "sandbox:error-percent", "Value": str(percent)}]
    driven.rolling.sandbox.session().client("ec2").create_tags(Resources=sorted(driven.rolling.running()), Tags=tags)


def judged(driven: Machine, **more: Any) -> dict[str, Any]:
    return driven.run(hooks=HOOKS, **CANARY, **more)


def at_the_checkpoint(driven: Machine, **wanted: Any) -> datetime:
    """Roll until the checkpoint waits, and return since when."""
    driven.prepare(driven.request(hooks=HOOKS, **CANARY, **wanted))
    driven.go_on(until=lambda answer: answer["phase"] == "checkpoint")
    return driven.rolling.clock.now()


def test_a_version_with_five_percent_errors_on_one_of_ten_servers_is_rolled_back(tmp_path: Path) -> None:
    with loaded_machine(tmp_path, grouped=False, servers=10, further_versions=FAILING) as driven:
        since = at_the_checkpoint(driven, version=3)
        last = driven.go_on()
        (failure,) = driven.rolling.store.load(driven.name).status.failures

        assert last["outcome"] == "rolled_back"
        assert "worse than the old version by errors: bad requests: " in last["reason"]
        assert (failure.at - since).total_seconds() <= 60
        assert driven.rolling.serving_versions() == {"v1": 10}
        assert "hook" not in driven.phases


def test_an_outage_of_all_servers_rolls_nothing_back(tmp_path: Path) -> None:
    with loaded_machine(tmp_path, grouped=False, servers=10, deregistration_delay_seconds=5) as driven:
        since = at_the_checkpoint(driven, checkpoint_delay=50, judge_interval=10, judge_timeout=1)
        set_error_percent(driven, 60)
        driven.go_on(until=lambda _: driven.rolling.clock.now() >= since + timedelta(seconds=40))
        set_error_percent(driven, 0)
        driven.go_on(until=lambda answer: answer["phase"] != "checkpoint")
        status = driven.rolling.store.load(driven.name).status

        assert status.judge["errors"].new.share > 0.2
        assert (status.failures, status.rolling_back, status.gate.passed) == ((), False, 1)


def test_a_good_version_is_rehearsed_judged_and_rolled_out(tmp_path: Path) -> None:
    usual = {"sandbox:error-percent": "1"}
    with loaded_machine(tmp_path, grouped=True, servers=3, template_tags=usual) as driven:
        last = judged(driven, rehearse=True, judge_timeout=60)
        report = driven.rolling.store.load(driven.name).status

        assert last["outcome"] == "succeeded"
        assert driven.rolling.serving_versions() == {"v2": 3}
        assert report.rehearsal == "passed"


def test_a_version_that_the_load_balancer_finds_anomalous_is_rolled_back_without_a_function(tmp_path: Path) -> None:
    flags = [{"point": "while_judging", "name": "flags", "anomalies": True}]
    with machine(tmp_path, grouped=False, servers=10, further_versions=({"sandbox:anomalous": "yes"},)) as driven:
        last = driven.run(version=3, hooks=flags, checkpoint_delay=300, **CANARY)

        assert last["outcome"] == "rolled_back"
        assert "worse than the old version by flags" in last["reason"]
