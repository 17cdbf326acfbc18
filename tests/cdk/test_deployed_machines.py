"""The state machines, the table, the logs and the alarms of a deployment."""

import shutil
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest

from awsroll.aws.dynamodb import PARTITION_KEY, SORT_KEY
from awsroll.core.model.rollout_events import PERSON_AWAITED
from awsroll.core.request.store_parts import EXPIRES
from awsroll.driver.paused_steps import PAUSED_SECONDS
from tests.cdk.synthesized import ALERTS, ALL, Synthesized
from tests.cdk.template_parts import listed, spelt
from tests.support.patience import PATIENCE_SECONDS

_VALIDATOR = "asl-validator@4.0.0"


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
    assert len(invoking) == 6


def test_outputs_name_everything_that_the_documents_use(synthesized: Synthesized) -> None:
    one_fleet = {"RolloutMachine", "RecordsTable", "ControlFunction"}
    released = one_fleet | {"FleetsMachine", "CodePipelineFunction"}
    assert set(synthesized.templates["released_group"]["Outputs"]) == released
    assert set(synthesized.templates["group"]["Outputs"]) == released | {
        "DurableAlias",
        "SigningKey",
        "ApprovalPage",
        "KeepFunction",
    }


def answered(synthesized: Synthesized, stack: str) -> set[str]:
    """Return the machines whose waiting states may be answered, the same by either role."""
    found = [
        {spelt(arn) for one in allowed if one["Action"] == "states:SendTaskSuccess" for arn in listed(one["Resource"])}
        for allowed in (synthesized.statements(stack, role) for role in ("FleetRole", "ControlRole"))
    ]
    assert found[0] == found[1]
    return found[0]
