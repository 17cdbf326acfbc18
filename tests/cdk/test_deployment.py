import json
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from awsroll.aws.dynamodb import PARTITION_KEY, SORT_KEY
from awsroll.core.model.rollout import Strategy
from awsroll.core.model.rollout_events import PERSON_AWAITED
from awsroll.core.request.store_parts import EXPIRES, OF_DRIVERS
from awsroll.driver.paused_steps import PAUSED_SECONDS
from awsroll.iam import Fleets, FunctionKind, Place, Rollouts, function_policy, policy
from tests.cdk.synthesized import ALERTS, GROUP, OTHER_ACCOUNT, TARGET_GROUP, Synthesized
from tests.lambdas.bundles import handler_names
from tests.support.patience import PATIENCE_SECONDS

ALL = ("group", "standalone", "released_group", "released_standalone")
HERE = Place(partition="<AWS::Partition>", region="<AWS::Region>", account="<AWS::AccountId>")
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
    key = {"Fn::GetAtt": [signing_key(synthesized), "Arn"]}
    variables = {"AWSROLL_STATE": store, "AWSROLL_SIGN_KEY": key, "AWSROLL_NOTIFY": f"sns:{ALERTS}"}
    for one in synthesized.resources("group", "AWS::Lambda::Function").values():
        assert one["Properties"]["Architectures"] == ["arm64"]
        assert one["Properties"]["Environment"] == {"Variables": variables}
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
    assert "TimeToLiveSpecification" not in table["Properties"], "records are kept unless retention is asked for"
    (retaining,) = synthesized.resources("group", "AWS::DynamoDB::Table").values()
    assert retaining["Properties"]["TimeToLiveSpecification"] == {"AttributeName": EXPIRES, "Enabled": True}
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("stack", ALL)
def test_every_log_group_is_encrypted_and_kept_for_a_year(synthesized: Synthesized, stack: str) -> None:
    keys = synthesized.resources(stack, "AWS::KMS::Key").items()
    (key,) = (name for name, made in keys if "KeySpec" not in made["Properties"])
    groups = synthesized.resources(stack, "AWS::Logs::LogGroup").values()
    functions = synthesized.resources(stack, "AWS::Lambda::Function").values()
    encrypted = {"KmsKeyId": {"Fn::GetAtt": [key, "Arn"]}, "RetentionInDays": 365}
    names = [spelt(one["Properties"].pop("LogGroupName")) for one in map(deepcopy, groups)]
    assert all(name.startswith("/aws/vendedlogs/awsroll/") for name in names)
    assert len(set(names)) == len(names)
    machines = synthesized.resources(stack, "AWS::StepFunctions::StateMachine")
    found = [{name: one["Properties"][name] for name in encrypted} for one in groups]
    assert found == [encrypted] * (len(functions) + len(machines))
    assert all("LogGroup" in one["Properties"]["LoggingConfig"] for one in functions)


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
        ("PlanRole", FunctionKind.PIN, set()),
        ("JudgeRole", None, set()),
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
    own = {"prepare": "PrepareRole", "control": "ControlRole", "plan_waves": "PlanRole", "judge_wave": "JudgeRole"}
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
    assert found == {"FleetRole": set(OF_DRIVERS), "PrepareRole": set(OF_DRIVERS), "ControlRole": {"requests"}}


def test_signing_key_is_an_hmac_key_that_outlives_the_stack_and_is_made_only_if_asked_for(
    synthesized: Synthesized,
) -> None:
    key = synthesized.resources("group", "AWS::KMS::Key")[signing_key(synthesized)]
    assert (key["Properties"]["KeySpec"], key["Properties"]["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert len(synthesized.resources("standalone", "AWS::KMS::Key")) == 1
    for role in ("FleetRole", "PrepareRole", "ControlRole"):
        assert "kms:GenerateMac" not in actions(synthesized.statements("standalone", role))


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


def test_machine_invokes_its_three_functions_and_starts_itself_alone(synthesized: Synthesized) -> None:
    allowed = synthesized.statements("standalone", "RolloutRole")
    (invoking,) = (one["Resource"] for one in allowed if one["Action"] == "lambda:InvokeFunction")
    (starting,) = (one["Resource"] for one in allowed if one["Action"] == "states:StartExecution")
    (looking,) = (one["Resource"] for one in allowed if one["Action"] == "states:DescribeExecution")
    (machine,) = synthesized.resources("standalone", "AWS::StepFunctions::StateMachine")
    functions = synthesized.resources("standalone", "AWS::Lambda::Function")
    assert spelt(looking).endswith(f":execution:<{machine}.Name>:*")
    assert {spelt(one) for one in invoking} == {f"<{name}.Arn>:*" for name in functions}
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
    waits = [one for one in alarms if one["Namespace"] == "awsroll"]
    executions = [one for one in alarms if one not in waits]
    assert {one["MetricName"] for one in executions} == watched
    assert all(one["AlarmActions"] == [ALERTS] for one in alarms)
    for one in executions:
        assert one["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": name}}]


def test_a_rollout_that_waits_for_a_person_is_an_alarm_within_minutes(synthesized: Synthesized) -> None:
    for stack, functions in (("standalone", {"Reconcile"}), ("group", {"Reconcile", "Codepipeline", "Durable"})):
        filters = [one["Properties"] for one in synthesized.resources(stack, "AWS::Logs::MetricFilter").values()]
        assert {one["FilterPattern"] for one in filters} == {f'{{ $.event = "{PERSON_AWAITED}" }}'}
        assert {part for one in filters for part in functions if part in one["LogGroupName"]["Ref"]} == functions
        (metric,) = {one["MetricTransformations"][0]["MetricName"] for one in filters}
        alarms = [one["Properties"] for one in synthesized.resources(stack, "AWS::CloudWatch::Alarm").values()]
        (alarm,) = (one for one in alarms if one["MetricName"] == metric)
        assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"]) == (600, 1, 1)
        assert alarm["Period"] > PAUSED_SECONDS


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
    assert {"Value": {"Ref": live_aliases(synthesized, "group")[name]}} == synthesized.templates["group"]["Outputs"][
        "DurableAlias"
    ]


@pytest.mark.parametrize("stack", ALL)
def test_every_function_has_an_alias_for_its_published_version_and_old_versions_stay(
    synthesized: Synthesized, stack: str
) -> None:
    functions = synthesized.resources(stack, "AWS::Lambda::Function")
    versions = synthesized.resources(stack, "AWS::Lambda::Version")
    aliases = synthesized.resources(stack, "AWS::Lambda::Alias").values()
    assert {one["Properties"]["FunctionName"]["Ref"] for one in versions.values()} == set(functions)
    assert {(one["DeletionPolicy"], one["UpdateReplacePolicy"]) for one in versions.values()} == {("Retain", "Retain")}
    for alias in (one["Properties"] for one in aliases):
        assert alias["Name"] == "live"
        version = versions[alias["FunctionVersion"]["Fn::GetAtt"][0]]
        assert version["Properties"]["FunctionName"] == alias["FunctionName"]
    assert set(live_aliases(synthesized, stack)) == set(functions)


@pytest.mark.parametrize("stack", ALL)
def test_an_execution_calls_the_versions_of_functions_that_it_was_started_with(
    synthesized: Synthesized, stack: str
) -> None:
    versions = synthesized.resources(stack, "AWS::Lambda::Version")
    machines = synthesized.resources(stack, "AWS::StepFunctions::StateMachine")
    for machine in machines.values():
        called = machine["Properties"]["DefinitionSubstitutions"].values()
        assert {one["Ref"] for one in called} <= set(versions)
    published = synthesized.resources(stack, "AWS::StepFunctions::StateMachineVersion")
    for version in published.values():
        name = version["Properties"]["StateMachineArn"]["Ref"]
        assert version["Properties"]["StateMachineRevisionId"] == {"Fn::GetAtt": [name, "StateMachineRevisionId"]}
        assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")
    aliases = synthesized.resources(stack, "AWS::StepFunctions::StateMachineAlias").items()
    routed = [one["Properties"]["RoutingConfiguration"] for _, one in aliases]
    assert {route["StateMachineVersionArn"]["Fn::GetAtt"][0] for (route,) in routed} == set(published)
    assert len(published) == len(machines)
    started = synthesized.templates[stack].get("Outputs", {}).get("RolloutMachine")
    assert started is None or started["Value"]["Fn::GetAtt"][0] in dict(aliases)


def test_new_code_under_the_released_template_publishes_new_versions(synthesized: Synthesized) -> None:
    for stack in ("released_group", "released_standalone"):
        for version in synthesized.resources(stack, "AWS::Lambda::Version").values():
            assert version["Properties"]["Description"] == {"Ref": "CodeKey"}


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
    assert set(written["Parameters"]) == {
        "CodeBucket",
        "CodeKey",
        "InstanceRoleArn",
        "ReloadsServers",
        "TargetGroupArns",
        "TopicArn",
        *named,
    }
    assert "cdk-" not in json.dumps(written)
    for one in synthesized.resources(stack, "AWS::Lambda::Function").values():
        assert one["Properties"]["Code"] == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}


def test_released_template_tells_its_topic_if_it_has_one(synthesized: Synthesized) -> None:
    for stack in ("released_group", "released_standalone"):
        for alarm in synthesized.resources(stack, "AWS::CloudWatch::Alarm").values():
            action = {"Fn::If": ["HasTopic", {"Ref": "TopicArn"}, {"Ref": "AWS::NoValue"}]}
            assert alarm["Properties"]["AlarmActions"] == [action]
        for function in synthesized.resources(stack, "AWS::Lambda::Function").values():
            notify = function["Properties"]["Environment"]["Variables"]["AWSROLL_NOTIFY"]
            assert notify["Fn::If"][0] == "HasTopic"
        policies = synthesized.resources(stack, "AWS::IAM::Policy").values()
        (publishing,) = (one for one in policies if one.get("Condition") == "HasTopic")
        assert len(publishing["Properties"]["Roles"]) == 2  # those that drive and those that start rollouts


def test_released_template_is_nested_as_documented(synthesized: Synthesized) -> None:
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    (block,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    example, released = json.loads(block), synthesized.templates["released_group"]
    given = example["Resources"]["Awsroll"]["Properties"]["Parameters"]
    needed = {name for name, one in released["Parameters"].items() if "Default" not in one}
    assert needed <= set(given) <= set(released["Parameters"])
    assert example["Outputs"]["Machine"]["Value"]["Fn::GetAtt"][1].removeprefix("Outputs.") in released["Outputs"]


def live_aliases(synthesized: Synthesized, stack: str) -> dict[str, str]:
    """Return the aliases of functions, by the functions."""
    aliases = synthesized.resources(stack, "AWS::Lambda::Alias").items()
    return {one["Properties"]["FunctionName"]["Ref"]: name for name, one in aliases}


def signing_key(synthesized: Synthesized) -> str:
    """Return the logical id of the key that signs records."""
    keys = synthesized.resources("group", "AWS::KMS::Key").items()
    (found,) = (name for name, made in keys if "KeySpec" in made["Properties"])
    return found


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


def test_outputs_name_everything_that_the_documents_use(synthesized: Synthesized) -> None:
    one_fleet = {"RolloutMachine", "RecordsTable", "ControlFunction"}
    released = one_fleet | {"FleetsMachine", "CodePipelineFunction"}
    assert set(synthesized.templates["released_group"]["Outputs"]) == released
    assert set(synthesized.templates["group"]["Outputs"]) == released | {"DurableAlias", "SigningKey"}


def test_a_principal_is_granted_to_start_and_to_approve(synthesized: Synthesized) -> None:
    allowed = synthesized.statements("standalone", "Starter")
    assert actions(allowed) == {"states:StartExecution", "lambda:InvokeFunction"}
    (starting,) = (one for one in allowed if one["Action"] == "states:StartExecution")
    # AWS checks the right to start an alias on the ARN of the machine, and offers the name of the alias as a condition.
    (machine,) = synthesized.resources("standalone", "AWS::StepFunctions::StateMachine")
    assert starting["Resource"] == {"Ref": machine}
    assert starting["Condition"] == {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": "live"}}


@pytest.mark.parametrize(
    ("fleets", "rollouts", "problem"),
    [
        (Fleets(groups=("web",)), Rollouts(strategy="blue-green"), "strategy is 'blue-green': pass one of replace"),
        (Fleets(groups=("web",)), Rollouts(script_points=("later",)), "script_points has later: pass some of before_"),
        (Fleets(), Rollouts(), "the fleet has no name"),
        (Fleets(groups=("",)), Rollouts(), "the fleet has no name"),
    ],
)
def test_values_that_no_rollout_has_are_refused_at_synthesis(fleets: Fleets, rollouts: Rollouts, problem: str) -> None:
    import aws_cdk as cdk

    from awsroll_cdk import Fleet, RollingDeployment

    with pytest.raises(ValueError, match=problem):
        RollingDeployment(cdk.Stack(), "Web", fleet=Fleet(permitted=fleets), notify=None, rollouts=rollouts)


def test_the_app_refuses_a_switch_that_is_neither_true_nor_false() -> None:
    import aws_cdk as cdk

    from awsroll_cdk import context_app

    with pytest.raises(SystemExit, match="-c tracing=yes is not known: pass true or false"):
        context_app.build(cdk.App(context={"asg": "web", "topic": "none", "tracing": "yes"}))


def test_the_app_takes_a_bundle_that_is_built_already(tmp_path: Path) -> None:
    import aws_cdk as cdk
    from aws_cdk import assertions

    from awsroll_cdk import context_app

    given = {"asg": "web", "topic": "none", "code_version": "7", "log_retention": "one_month"}
    for wrong in (str(tmp_path / "none.zip"), "s3://bundles"):
        with pytest.raises(SystemExit, match=f"-c code={wrong} is not known"):
            context_app.build(cdk.App(context={**given, "code": wrong}))
    stack = context_app.build(cdk.App(context={**given, "code": "s3://bundles/awsroll/1.zip"}))
    resources = assertions.Template.from_stack(stack)
    resources.all_resources_properties(
        "AWS::Lambda::Function", {"Code": {"S3Bucket": "bundles", "S3Key": "awsroll/1.zip"}}
    )
    resources.all_resources_properties("AWS::Lambda::Version", {"Description": "7"})
    resources.all_resources_properties("AWS::Logs::LogGroup", {"RetentionInDays": 30})


def test_constructs_of_the_cdk_are_taken_as_well_as_names_and_arns() -> None:
    import aws_cdk as cdk
    from aws_cdk import (
        aws_autoscaling as autoscaling,
        aws_dynamodb as dynamodb,
        aws_elasticloadbalancingv2 as elbv2,
        aws_sns as sns,
    )

    from awsroll_cdk import Fleet, RollingDeployment

    stack = cdk.Stack()
    group = autoscaling.AutoScalingGroup.from_auto_scaling_group_name(stack, "Group", GROUP)
    targets = elbv2.ApplicationTargetGroup(stack, "Targets", target_type=elbv2.TargetType.INSTANCE)
    table = dynamodb.Table.from_table_name(stack, "Records", "records")
    made = RollingDeployment(
        stack,
        "Web",
        fleet=Fleet.group(group, target_groups=[targets, TARGET_GROUP]),
        notify=sns.Topic(stack, "Topic"),
        table=table,
        code=code(stack),
    )
    named = Fleet.group(
        f"arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:0123:autoScalingGroupName/{GROUP}"
    )

    assert Fleet.group(group).permitted.groups == named.permitted.groups == (GROUP,)
    assert stack.resolve(Fleet.group(group, target_groups=[targets]).permitted.target_groups[0])["Ref"].startswith(
        "Targ"
    )
    assert made.table.table_name == "records"
    assert {
        metric.metric_name for metric in (made.metric_started(), made.metric_succeeded(), made.metric_failed())
    } == {
        "ExecutionsStarted",
        "ExecutionsSucceeded",
        "ExecutionsFailed",
    }
    assert made.metric_duration().metric_name == "ExecutionTime"
    assert made.metric_person_awaited().metric_name.startswith("PersonAwaited")


def test_the_topic_is_asked_for() -> None:
    import aws_cdk as cdk

    from awsroll_cdk import Fleet, RollingDeployment, context_app

    with pytest.raises(TypeError, match="notify"):
        RollingDeployment(cdk.Stack(), "Web", fleet=Fleet.group(GROUP))  # type: ignore[call-arg]
    with pytest.raises(SystemExit, match="pass -c topic=ARN of an SNS topic, or -c topic=none"):
        context_app.build(cdk.App(context={"asg": GROUP}))


def test_the_app_takes_every_option_of_the_construct_and_of_rollouts() -> None:
    from awsroll_cdk import RollingDeployment, context_app

    source = Path(context_app.__file__).read_text()
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    elsewhere = {"fleet": "asg", "notify": "topic", "timeout": "timeout_hours", "architecture": "arch"}
    unlisted = {"self", "scope", "construct_id", "rollouts"}
    options = {elsewhere.get(name, name) for name in signature(RollingDeployment.__init__).parameters} - unlisted
    assert [name for name in options if f'"{name}"' not in source] == []
    fields_ = {field.name for field in fields(Rollouts)} - set(context_app.OF_THE_CONSTRUCT) - {"roles"}
    assert [name for name in sorted({*options, *fields_, "instance_roles"}) if f"`{name}`" not in page] == []


def code(scope: Any) -> Any:
    """Return code that needs no bundle."""
    from aws_cdk import aws_lambda as lambda_, aws_s3 as s3

    return lambda_.Code.from_bucket_v2(s3.Bucket.from_bucket_name(scope, "Bundles", "bundles"), "awsroll.zip")


def test_the_construct_is_imported_without_cdk_nag() -> None:
    first = "import sys; sys.modules['cdk_nag'] = None; sys.path[:0] = ['cdk', '.']"
    code = f"{first}; from awsroll_cdk import RollingDeployment"
    ran = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
