import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from awsroll.aws.dynamodb import PARTITION_KEY, SORT_KEY
from awsroll.iam import Fleets, Place, Rollouts, policy
from tests.cdk.synthesized import ALERTS, GROUP, OTHER_ACCOUNT, TARGET_GROUP, Synthesized
from tests.lambdas.bundles import handler_names
from tests.support.patience import PATIENCE_SECONDS

ALL = ("group", "standalone", "released_group", "released_standalone")
_VALIDATOR = "asl-validator@4.0.0"
_NEEDLESS = "W3005"  # a dependency that a reference implies already: the CDK writes both


def test_functions_have_a_handler_file_a_time_limit_and_a_current_runtime(synthesized: Synthesized) -> None:
    found = [one["Properties"] for one in synthesized.resources("standalone", "AWS::Lambda::Function").values()]
    assert {one["Handler"]: (one["Runtime"], one["Timeout"]) for one in found} == {
        "prepare.handler": ("python3.13", 300),
        "reconcile.handler": ("python3.13", 300),
        "control.handler": ("python3.13", 60),
    }


def test_every_function_has_its_file_in_the_bundle(synthesized: Synthesized) -> None:
    found = synthesized.resources("group", "AWS::Lambda::Function").values()
    named = {one["Properties"]["Handler"].removesuffix(".handler") for one in found}
    assert len(named) == 14
    assert named - set(handler_names()) == set()


def test_functions_run_on_arm_are_traced_and_know_the_store(synthesized: Synthesized) -> None:
    (table,) = synthesized.resources("group", "AWS::DynamoDB::Table")
    store = {"Fn::Join": ["", ["dynamodb://", {"Ref": table}]]}
    for one in synthesized.resources("group", "AWS::Lambda::Function").values():
        assert one["Properties"]["Architectures"] == ["arm64"]
        assert one["Properties"]["Environment"] == {"Variables": {"AWSROLL_STATE": store}}
        assert one["Properties"]["TracingConfig"] == {"Mode": "Active"}


def test_table_is_the_one_that_state_create_makes_and_outlives_the_stack(synthesized: Synthesized) -> None:
    (table,) = synthesized.resources("standalone", "AWS::DynamoDB::Table").values()
    assert table["Properties"]["KeySchema"] == [
        {"AttributeName": PARTITION_KEY, "KeyType": "HASH"},
        {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
    ]
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True}
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("stack", ALL)
def test_every_log_group_is_encrypted_and_kept_for_a_year(synthesized: Synthesized, stack: str) -> None:
    (key,) = synthesized.resources(stack, "AWS::KMS::Key")
    groups = synthesized.resources(stack, "AWS::Logs::LogGroup").values()
    functions = synthesized.resources(stack, "AWS::Lambda::Function").values()
    encrypted = {"KmsKeyId": {"Fn::GetAtt": [key, "Arn"]}, "RetentionInDays": 365}
    machines = synthesized.resources(stack, "AWS::StepFunctions::StateMachine")
    assert [one["Properties"] for one in groups] == [encrypted] * (len(functions) + len(machines))
    assert all("LogGroup" in one["Properties"]["LoggingConfig"] for one in functions)


def test_fleet_role_may_do_what_the_policy_says_and_little_else(synthesized: Synthesized) -> None:
    (table,) = synthesized.resources("standalone", "AWS::DynamoDB::Table")
    said = policy(
        Place(partition="<AWS::Partition>", region="<AWS::Region>", account="<AWS::AccountId>"),
        Fleets(names=("api",), target_groups=(TARGET_GROUP,)),
        Rollouts(store=f"dynamodb://<{table}>"),
    )["Statement"]
    allowed = synthesized.statements("standalone", "FleetRole")
    assert {one["Sid"]: plain(one) for one in allowed if "Sid" in one} == {one["Sid"]: plain(one) for one in said}
    beside = [one for one in allowed if "Sid" not in one]
    assert actions(beside) == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "states:SendTaskSuccess",
        "sts:AssumeRole",
    }
    assert [one["Resource"] for one in beside if one["Action"] == "sts:AssumeRole"] == [OTHER_ACCOUNT]


def test_stages_may_do_what_their_policy_says_and_have_no_records(synthesized: Synthesized) -> None:
    said = policy(
        Place(partition="<AWS::Partition>", region="<AWS::Region>", account="<AWS::AccountId>"),
        Fleets(groups=(GROUP,), target_groups=(TARGET_GROUP,)),
        Rollouts(stages=True),
    )["Statement"]
    allowed = synthesized.statements("group", "StagesRole")
    assert {one["Sid"]: plain(one) for one in allowed if "Sid" in one} == {one["Sid"]: plain(one) for one in said}
    beside = actions([one for one in allowed if "Sid" not in one])
    assert beside == {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_a_server_by_hand_gets_its_role_from_stages_too_and_a_member_from_its_group(synthesized: Synthesized) -> None:
    for stack, has_it in (("released_standalone", True), ("released_group", False)):
        allowed = actions(synthesized.statements(stack, "StagesRole"))
        assert ("iam:PassRole" in allowed) is has_it


def test_control_can_look_and_keep_what_people_want_but_change_nothing(synthesized: Synthesized) -> None:
    allowed = actions(synthesized.statements("standalone", "ControlRole"))
    assert {one for one in allowed if ":Describe" not in one} == {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "states:SendTaskSuccess",
    }


def test_group_is_steered_by_its_very_name(synthesized: Synthesized) -> None:
    (steering,) = (one for one in synthesized.statements("group", "FleetRole") if one.get("Sid") == "SteerGroup")
    assert spelt(steering["Resource"]).endswith(f":autoScalingGroup:*:autoScalingGroupName/{GROUP}")


def test_machine_invokes_its_three_functions_and_starts_itself_alone(synthesized: Synthesized) -> None:
    allowed = synthesized.statements("standalone", "RolloutRole")
    (invoking,) = (one["Resource"] for one in allowed if one["Action"] == "lambda:InvokeFunction")
    (starting,) = (one["Resource"] for one in allowed if one["Action"] == "states:StartExecution")
    (machine,) = synthesized.resources("standalone", "AWS::StepFunctions::StateMachine")
    functions = synthesized.resources("standalone", "AWS::Lambda::Function")
    assert {spelt(one) for one in invoking} == {f"<{name}.Arn>" for name in functions}
    assert starting == {"Ref": machine}


@pytest.mark.parametrize("stack", ALL)
def test_logs_of_machines_have_every_event_but_no_request_and_no_task_token(
    synthesized: Synthesized, stack: str
) -> None:
    for machine in synthesized.resources(stack, "AWS::StepFunctions::StateMachine").values():
        logging = machine["Properties"]["LoggingConfiguration"]
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)


def test_machine_is_watched(synthesized: Synthesized) -> None:
    (name,) = synthesized.resources("standalone", "AWS::StepFunctions::StateMachine")
    alarms = [one["Properties"] for one in synthesized.resources("standalone", "AWS::CloudWatch::Alarm").values()]
    watched = {"ExecutionsAborted", "ExecutionsFailed", "ExecutionsTimedOut"}
    assert {one["MetricName"] for one in alarms} == watched
    for one in alarms:
        assert one["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": name}}]
        assert one["AlarmActions"] == [ALERTS]


@pytest.mark.parametrize("stack", ALL)
def test_template_is_clean_to_cfn_lint(synthesized: Synthesized, stack: str, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps(synthesized.templates[stack]))
    command = [
        sys.executable,
        "-c",
        "import cfnlint.runner; cfnlint.runner.main()",
        "--ignore-checks",
        _NEEDLESS,
        "--",
        str(file),
    ]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize("name", ["Rollout", "Fleets"])
def test_definition_is_clean_to_the_validator_of_state_machines(
    synthesized: Synthesized, name: str, tmp_path: Path
) -> None:
    machines = synthesized.resources("group", "AWS::StepFunctions::StateMachine")
    (machine,) = (one for logical_id, one in machines.items() if logical_id.startswith(f"Deployment{name}"))
    file = tmp_path / "definition.json"
    file.write_text(machine["Properties"]["DefinitionString"])
    command = [str(shutil.which("npx")), "--yes", _VALIDATOR, "--json-path", str(file)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_durable_function_may_take_as_long_as_a_machine_and_is_invoked_by_an_alias(synthesized: Synthesized) -> None:
    functions = synthesized.resources("group", "AWS::Lambda::Function")
    ((name, function),) = ((name, one) for name, one in functions.items() if "DurableConfig" in one["Properties"])
    assert function["Properties"]["Handler"] == "durable.handler"
    assert function["Properties"]["DurableConfig"] == {"ExecutionTimeout": 7 * 86400}
    ((version, published),) = synthesized.resources("group", "AWS::Lambda::Version").items()
    (alias,) = (one["Properties"] for one in synthesized.resources("group", "AWS::Lambda::Alias").values())
    assert (published["DeletionPolicy"], published["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert (published["Properties"]["FunctionName"], alias["FunctionName"]) == ({"Ref": name}, {"Ref": name})
    assert (alias["Name"], alias["FunctionVersion"]) == ("live", {"Fn::GetAtt": [version, "Version"]})


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


def test_durable_executions_that_did_not_succeed_raise_alarms(synthesized: Synthesized) -> None:
    (name,) = (one for one in synthesized.resources("group", "AWS::Lambda::Function") if "Durable" in one)
    alarms = [one["Properties"] for one in synthesized.resources("group", "AWS::CloudWatch::Alarm").values()]
    watched = [one for one in alarms if one["Namespace"] == "AWS/Lambda"]
    assert {one["MetricName"] for one in watched} == {
        f"DurableExecution{how}" for how in ("Failed", "TimedOut", "Stopped")
    }
    assert all(one["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": name}}] for one in watched)


def test_a_waiting_state_is_answered_on_its_machine_and_in_the_executions_of_its_map(synthesized: Synthesized) -> None:
    (machine,) = synthesized.resources("standalone", "AWS::StepFunctions::StateMachine")
    assert answered(synthesized, "standalone") == {f"<{machine}>"}
    machines = synthesized.resources("group", "AWS::StepFunctions::StateMachine")
    (fleets,) = (name for name in machines if name.startswith("DeploymentFleets"))
    assert answered(synthesized, "group") == {*(f"<{name}>" for name in machines), f"<{fleets}>/*"}


def test_machine_of_many_fleets_runs_each_as_an_execution_of_its_own(synthesized: Synthesized) -> None:
    machines = synthesized.resources("group", "AWS::StepFunctions::StateMachine")
    (fleets,) = (name for name in machines if name.startswith("DeploymentFleets"))
    allowed = synthesized.statements("group", "FleetsRole")
    (starting,) = (one["Resource"] for one in allowed if one["Action"] == "states:StartExecution")
    assert starting == {"Ref": fleets}
    (following,) = (one for one in allowed if "states:DescribeExecution" in listed(one["Action"]))
    (redriving,) = (one for one in allowed if "states:RedriveExecution" in listed(one["Action"]))
    assert spelt(following["Resource"]).endswith(f":execution:<{fleets}.Name>:*")
    assert spelt(redriving["Resource"]).endswith(f":execution:<{fleets}.Name>/*:*")
    (invoking,) = (one["Resource"] for one in allowed if one["Action"] == "lambda:InvokeFunction")
    assert len(invoking) == 5


@pytest.mark.parametrize(("stack", "named"), [("released_group", {"AutoScalingGroup"}), ("released_standalone", set())])
def test_released_template_needs_neither_assets_nor_bootstrapping(
    synthesized: Synthesized, stack: str, named: set[str]
) -> None:
    written = synthesized.templates[stack]
    assert set(written["Parameters"]) == {"CodeBucket", "CodeKey", "InstanceRoleArn", "TargetGroupArns", *named}
    assert "cdk-" not in json.dumps(written)
    for one in synthesized.resources(stack, "AWS::Lambda::Function").values():
        assert one["Properties"]["Code"] == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}


def answered(synthesized: Synthesized, stack: str) -> set[str]:
    """Return the machines whose waiting states may be answered, the same by either role."""
    found = [
        {spelt(arn) for one in allowed if one["Action"] == "states:SendTaskSuccess" for arn in listed(one["Resource"])}
        for allowed in (synthesized.statements(stack, role) for role in ("FleetRole", "ControlRole"))
    ]
    assert found[0] == found[1]
    return found[0]


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


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def spelt(value: Any) -> str:
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [between, parts]}:
            return str(between).join(map(spelt, parts))
    return str(value)
