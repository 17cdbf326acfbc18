"""The judge and the rehearsal in rollouts that functions drive step by step."""

import random
from pathlib import Path
from typing import Any

from tests.lambdas.driven import Machine, machine

RATE = 50
CANARY = {"checkpoint": ["1"], "on_failure": "rollback"}


def counts_requests(driven: Machine, bad: dict[str, float]) -> None:
    """Let a function count the requests of servers: a share of them is bad, by version."""
    draw = random.Random(3)  # noqa: S311 - no secret

    def count(event: dict[str, Any]) -> dict[str, dict[str, int]]:
        names = event["instance_ids"]
        total = round(RATE * (event["until"] - event["since"]) / len(names))
        shares = {name: bad.get(driven.rolling.sandbox.world.ec2.instance(name).version_label, 0) for name in names}
        return {
            name: {"bad": sum(draw.random() < share for _ in range(total)), "total": total}
            for name, share in shares.items()
        }

    driven.rolling.sandbox.functions["count"] = count


def judged(driven: Machine, **more: Any) -> dict[str, Any]:
    hook = {"point": "while_judging", "name": "errors", "function": "count", "timeout": 5}
    return driven.run(hooks=[hook], **CANARY, **more)


def test_a_version_with_five_percent_errors_on_one_of_ten_servers_is_rolled_back(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=False, servers=10) as driven:
        counts_requests(driven, {"v2": 0.05})
        last = judged(driven)

        assert last["outcome"] == "rolled_back"
        assert "worse than the old version by errors: bad requests: " in last["reason"]
        assert driven.rolling.serving_versions() == {"v1": 10}
        assert "checkpoint" in driven.phases
        assert "hook" not in driven.phases


def test_a_good_version_is_rehearsed_judged_and_rolled_out(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True, servers=3) as driven:
        counts_requests(driven, {"v1": 0.01, "v2": 0.01})
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
