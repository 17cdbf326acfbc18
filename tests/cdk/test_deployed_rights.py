"""The roles of a deployment: each function may do what its own policy says."""

import json
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.store_parts import OF_DRIVERS
from awsroll.iam import Fleets, FunctionKind, Place, Rollouts, function_policy, policy
from tests.cdk.synthesized import ALERTS, ALL, GROUP, OTHER_ACCOUNT, TARGET_GROUP, Synthesized
from tests.cdk.template_parts import links_key, listed, signing_key, spelt

HERE = Place(partition="<AWS::Partition>", region="<AWS::Region>", account="<AWS::AccountId>")


def test_fleet_role_may_do_what_the_policy_says_and_little_else(synthesized: Synthesized) -> None:
    (table,) = synthesized.resources("standalone", "AWS::DynamoDB::Table")
    said = function_policy(
        FunctionKind.DRIVE,
        HERE,
        Fleets(names=("api",), target_groups=(TARGET_GROUP,)),
        Rollouts(
            store=f"dynamodb://<{table}>",
            roles_to_assume=(OTHER_ACCOUNT,),
            launches_batches=True,
            notify=(f"sns:{ALERTS}",),
        ),
    )["Statement"]
    allowed = synthesized.statements("standalone", "FleetRole")
    assert {one["Sid"]: plain(one) for one in allowed if "Sid" in one} == {one["Sid"]: plain(one) for one in said}
    beside = [one for one in allowed if "Sid" not in one]
    assert actions(beside) == {"logs:CreateLogStream", "logs:PutLogEvents", "states:SendTaskSuccess"}


@pytest.mark.parametrize(
    ("role", "kind", "more"),
    [
        ("PrepareRole", FunctionKind.CHECK, set()),
        ("ControlRole", FunctionKind.ASK, {"states:SendTaskSuccess"}),
        ("PageRole", FunctionKind.ASK, {"states:SendTaskSuccess", "kms:VerifyMac"}),
        ("PlanRole", FunctionKind.PIN, set()),
        ("JudgeRole", None, set()),
        ("WatchRole", FunctionKind.WATCH, {"states:SendTaskSuccess"}),
        ("KeepRole", FunctionKind.KEEP, {"states:StartExecution", "states:DescribeExecution"}),
    ],
)
def test_every_other_function_may_do_what_its_own_policy_says(
    synthesized: Synthesized, role: str, kind: FunctionKind | None, more: set[str]
) -> None:
    (table,) = synthesized.resources("group", "AWS::DynamoDB::Table")
    fleets = Fleets(groups=(GROUP,), target_groups=(TARGET_GROUP,))
    rollouts = Rollouts(
        surges=True,
        store=f"dynamodb://<{table}>",
        sign_key=f"<{signing_key(synthesized)}>",
        notify=(f"sns:{ALERTS}",),
    )
    said = [] if kind is None else function_policy(kind, HERE, fleets, rollouts)["Statement"]
    allowed = synthesized.statements("group", role)
    logs = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}

    assert {one["Sid"]: plain(one) for one in allowed if "Sid" in one} == {one["Sid"]: plain(one) for one in said}
    assert actions([one for one in allowed if "Sid" not in one]) == logs | more


@pytest.mark.parametrize("stack", ALL)
def test_each_function_has_the_role_of_its_kind(synthesized: Synthesized, stack: str) -> None:
    functions = synthesized.resources(stack, "AWS::Lambda::Function").values()
    roles = {one["Properties"]["Handler"].removesuffix(".handler"): one["Properties"]["Role"] for one in functions}
    named = {name: role["Fn::GetAtt"][0] for name, role in roles.items()}
    own = {
        "prepare": "PrepareRole",
        "control": "ControlRole",
        "approval_page": "PageRole",
        "plan_waves": "PlanRole",
        "judge_wave": "JudgeRole",
        "watch_waves": "WatchRole",
        "keep": "KeepRole",
    }
    driving = {"reconcile", "codepipeline", "durable"}

    for name, role in named.items():
        wanted = own.get(name) or ("FleetRole" if name in driving else "StagesRole")
        assert wanted in role, (name, role)


@pytest.mark.parametrize("stack", ALL)
def test_only_the_functions_that_drive_rollouts_write_what_steers_them(synthesized: Synthesized, stack: str) -> None:
    writers: dict[str, set[str]] = {}
    for policy_ in synthesized.resources(stack, "AWS::IAM::Policy").values():
        for statement in policy_["Properties"]["PolicyDocument"]["Statement"]:
            if {"dynamodb:PutItem", "dynamodb:DeleteItem"} & set(listed(statement["Action"])):
                (keys,) = statement["Condition"].values()
                parts = set(listed(keys["dynamodb:LeadingKeys"]))
                for role in policy_["Properties"]["Roles"]:
                    writers.setdefault(role["Ref"], set()).update(parts)
    found = {role[role.index("Functions") + 9 : role.index("Role") + 4]: parts for role, parts in writers.items()}
    page = {"PageRole": {"requests"}} if stack == "group" else {}
    watching = {} if stack == "standalone" else {"WatchRole": {"notes", "requests"}}  # it has no machine of many fleets
    keeping = {"KeepRole": {"notes"}} if stack == "group" else {}
    drivers = {"FleetRole": set(OF_DRIVERS), "PrepareRole": set(OF_DRIVERS)}
    assert found == {**drivers, "ControlRole": {"requests"}, **page, **watching, **keeping}


def test_signing_key_is_an_hmac_key_that_outlives_the_stack_and_is_made_only_if_asked_for(
    synthesized: Synthesized,
) -> None:
    key = synthesized.resources("group", "AWS::KMS::Key")[signing_key(synthesized)]
    assert (key["Properties"]["KeySpec"], key["Properties"]["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert len(synthesized.resources("standalone", "AWS::KMS::Key")) == 1
    for role in ("FleetRole", "PrepareRole", "ControlRole"):
        assert "kms:GenerateMac" not in actions(synthesized.statements("standalone", role))


def test_only_drivers_sign_links_and_only_the_page_verifies_them(synthesized: Synthesized) -> None:
    key, functions = links_key(synthesized), synthesized.resources("group", "AWS::Lambda::Function")
    for role, allowed in (("FleetRole", "kms:GenerateMac"), ("PageRole", "kms:VerifyMac")):
        on_key = [one for one in synthesized.statements("group", role) if key in spelt(one["Resource"])]
        assert actions(on_key) == {allowed}
    assert key not in str([synthesized.statements("group", role) for role in ("ControlRole", "PrepareRole")])
    variables = {
        one["Properties"]["Handler"]: one["Properties"]["Environment"]["Variables"] for one in functions.values()
    }
    has_page = {name for name, values in variables.items() if "AWSROLL_APPROVAL_PAGE" in values}
    assert has_page == {"reconcile.handler", "codepipeline.handler", "durable.handler"}
    assert {name for name, values in variables.items() if "AWSROLL_APPROVAL_KEY" in values} == {
        *has_page,
        "approval_page.handler",
    }


def test_the_page_is_public_by_its_alias_and_made_only_if_asked_for(synthesized: Synthesized) -> None:
    ((_, url),) = synthesized.resources("group", "AWS::Lambda::Url").items()
    assert (url["Properties"]["AuthType"], url["Properties"]["Qualifier"]) == ("NONE", "live")
    granted = {
        one["Properties"]["Action"]: one["Properties"]
        for one in synthesized.resources("group", "AWS::Lambda::Permission").values()
        if one["Properties"]["Principal"] == "*"
    }
    assert set(granted) == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    assert granted["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == "NONE"
    assert granted["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True
    assert "ApprovalPage" in synthesized.templates["group"]["Outputs"]
    for stack in ("standalone", "released_group", "released_standalone"):
        assert synthesized.resources(stack, "AWS::Lambda::Url") == {}


def test_stages_may_do_what_their_policy_says_and_have_no_records(synthesized: Synthesized) -> None:
    fleets = Fleets(groups=(GROUP,), target_groups=(TARGET_GROUP,))
    documents = [policy(HERE, fleets, Rollouts(stages=True, strategy=each.value)) for each in Strategy]
    said = {(one["Sid"], action) for document in documents for one in document["Statement"] for action in one["Action"]}
    allowed = synthesized.statements("group", "StagesRole")
    assert {(one["Sid"], action) for one in allowed if "Sid" in one for action in listed(one["Action"])} == said
    beside = actions([one for one in allowed if "Sid" not in one])
    assert beside == {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_a_server_by_hand_gets_its_role_from_stages_too_and_a_member_from_its_group(synthesized: Synthesized) -> None:
    for stack, has_it in (("released_standalone", True), ("released_group", False)):
        allowed = actions(synthesized.statements(stack, "StagesRole"))
        assert ("iam:PassRole" in allowed) is has_it


def test_control_reads_records_and_writes_requests_but_sees_no_fleet(synthesized: Synthesized) -> None:
    allowed = synthesized.statements("standalone", "ControlRole")
    assert actions(allowed) == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "states:SendTaskSuccess",
    }


def test_group_is_steered_by_its_very_name(synthesized: Synthesized) -> None:
    (steering,) = (one for one in synthesized.statements("group", "FleetRole") if one.get("Sid") == "SteerGroup")
    assert spelt(steering["Resource"]).endswith(f":autoScalingGroup:*:autoScalingGroupName/{GROUP}")


def test_durable_function_keeps_its_own_executions_and_no_others(synthesized: Synthesized) -> None:
    (name,) = (one for one in synthesized.resources("group", "AWS::Lambda::Function") if "Durable" in one)
    allowed = synthesized.statements("group", "FleetRole")
    kept = [one for one in allowed if "lambda:CheckpointDurableExecution" in listed(one["Action"])]
    assert [spelt(one["Resource"]) for one in kept] == [f"<{name}.Arn>:*"]
    assert actions(kept) == {
        "lambda:CheckpointDurableExecution",
        "lambda:GetDurableExecutionState",
        "lambda:InvokeFunction",
    }


def test_a_principal_is_granted_to_start_and_to_approve(synthesized: Synthesized) -> None:
    allowed = synthesized.statements("standalone", "Starter")
    assert actions(allowed) == {"states:StartExecution", "lambda:InvokeFunction"}
    (starting,) = (one for one in allowed if one["Action"] == "states:StartExecution")
    # AWS checks the right to start an alias on the ARN of the machine, and offers the name of the alias as a condition.
    (machine,) = synthesized.resources("standalone", "AWS::StepFunctions::StateMachine")
    assert starting["Resource"] == {"Ref": machine}
    assert starting["Condition"] == {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": "live"}}


def actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for one in statements for action in listed(one["Action"])}


def plain(statement: dict[str, Any]) -> dict[str, Any]:
    """Return a statement as the policy has it: what CloudFormation fills in as text, single values in lists."""
    lists = {key: sorted(map(spelt, listed(statement[key]))) for key in ("Action", "Resource")}
    conditions = {
        operator: {key: sorted(map(spelt, listed(value))) for key, value in keys.items()}
        for operator, keys in statement.get("Condition", {}).items()
    }
    return {**statement, **lists, "Condition": conditions}


def test_the_schedule_calls_the_function_that_may_start_the_machine_of_many_fleets_alone(
    synthesized: Synthesized,
) -> None:
    (schedule,) = synthesized.resources("group", "AWS::Scheduler::Schedule").values()
    target = schedule["Properties"]["Target"]
    starting = [one for one in synthesized.statements("group", "KeepRole") if "StartExecution" in str(one["Action"])]
    variables = [
        one["Properties"]["Environment"]["Variables"]
        for one in synthesized.resources("group", "AWS::Lambda::Function").values()
        if one["Properties"]["Handler"] == "keep.handler"
    ]

    assert schedule["Properties"]["ScheduleExpression"] == "rate(60 minutes)"
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    assert json.loads(target["Input"])["fleets"]["waves"][0]["fleets"][0]["asg"] == GROUP
    assert len(starting) == 1
    assert starting[0]["Condition"] == {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": "live"}}
    fleets_machine = synthesized.templates["group"]["Outputs"]["FleetsMachine"]["Value"]
    assert [one["AWSROLL_KEEP_MACHINE"] for one in variables] == [fleets_machine]
    assert synthesized.resources("standalone", "AWS::Scheduler::Schedule") == {}
