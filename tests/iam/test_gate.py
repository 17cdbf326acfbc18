"""Fleets of the sandbox, rolled under exactly their policy: each permission is needed, and none is missing."""

from pathlib import Path

import pytest

import awsroll
from awsroll.core.model.status import Outcome
from tests.iam.cases import CASES, Case, gated, judge, with_an_instance_role


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_policy_is_enough_and_every_action_of_it_is_needed(tmp_path: Path, case: Case) -> None:
    judged = judge(case, tmp_path)
    allowed = {(one["Sid"], each) for made in judged.policies for one in made["Statement"] for each in one["Action"]}

    assert allowed == judged.used


@pytest.mark.parametrize(
    ("grouped", "missing", "refusal"),
    [
        (False, "ec2:RunInstances", "ec2:RunInstances: UnauthorizedOperation"),
        (False, "ec2:TerminateInstances", "ec2:TerminateInstances: UnauthorizedOperation"),
        (True, "iam:PassRole", "autoscaling:UpdateAutoScalingGroup: AccessDenied"),
    ],
    ids=["launch", "terminate", "role"],
)
def test_a_rollout_without_a_permission_pauses(tmp_path: Path, grouped: bool, missing: str, refusal: str) -> None:
    case = Case(grouped=grouped, wanted={"version": 4}, prepare=with_an_instance_role)
    with gated(case, tmp_path) as trial:
        for one in trial.gate.policy["Statement"]:
            one["Action"] = [each for each in one["Action"] if each != missing]
        report = awsroll.roll(trial.rolling.request(**case.wanted), **trial.around)

    assert report.status is Outcome.PAUSED
    assert f"{refusal}: not authorized to perform: {missing} on resource: arn:aws:" in report.reason, report.reason
