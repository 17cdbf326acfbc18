"""The functions of a deployment: files, runtimes, versions and aliases."""

import pytest

from tests.cdk.synthesized import ALERTS, ALL, Synthesized
from tests.cdk.template_parts import signing_key
from tests.lambdas.bundles import handler_names


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
    assert len(named) == 17
    assert named - set(handler_names()) == set()


def test_functions_run_on_arm_are_traced_and_know_the_store(synthesized: Synthesized) -> None:
    (table,) = synthesized.resources("group", "AWS::DynamoDB::Table")
    store = {"Fn::Join": ["", ["dynamodb://", {"Ref": table}]]}
    key = {"Fn::GetAtt": [signing_key(synthesized), "Arn"]}
    variables = {"AWSROLL_STATE": store, "AWSROLL_SIGN_KEY": key, "AWSROLL_NOTIFY": f"sns:{ALERTS}"}
    for one in synthesized.resources("group", "AWS::Lambda::Function").values():
        assert one["Properties"]["Architectures"] == ["arm64"]
        found = one["Properties"]["Environment"]["Variables"]
        of_some = {
            "AWSROLL_APPROVAL_KEY",
            "AWSROLL_APPROVAL_PAGE",
            "AWSROLL_KEEP_MACHINE",
        }  # which functions have them: test_deployed_rights.py
        assert {name: value for name, value in found.items() if name not in of_some} == variables
        assert one["Properties"]["TracingConfig"] == {"Mode": "Active"}


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


def test_durable_executions_that_did_not_succeed_raise_alarms(synthesized: Synthesized) -> None:
    (name,) = (one for one in synthesized.resources("group", "AWS::Lambda::Function") if "Durable" in one)
    alarms = [one["Properties"] for one in synthesized.resources("group", "AWS::CloudWatch::Alarm").values()]
    watched = [one for one in alarms if one["Namespace"] == "AWS/Lambda"]
    assert {one["MetricName"] for one in watched} == {
        f"DurableExecution{how}" for how in ("Failed", "TimedOut", "Stopped")
    }
    assert all(one["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": name}}] for one in watched)


def live_aliases(synthesized: Synthesized, stack: str) -> dict[str, str]:
    """Return the aliases of functions, by the functions."""
    aliases = synthesized.resources(stack, "AWS::Lambda::Alias").items()
    return {one["Properties"]["FunctionName"]["Ref"]: name for name, one in aliases}
