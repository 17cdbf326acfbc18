"""The Terraform module: the resources, variables of functions and rights of the plain template."""

import json
import re
from typing import Any

import pytest

import terraform
from terraform import Module, UnknownPartError
from terraform_blocks import quoted, snake
from tests.cdk.synthesized import Synthesized

RELEASED = ("released_group", "released_standalone")
BLOCK = re.compile(r'^resource "(\w+)" "(\w+)" \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)


def _module(synthesized: Synthesized, name: str) -> dict[tuple[str, str], str]:
    """Return the body of each resource, by its type and name."""
    text = Module(synthesized.templates[name]).text()
    return {(kind, label): body for kind, label, body in BLOCK.findall(text)}


def _actions(document: Any) -> list[str]:
    """Return the actions of a policy, in order."""
    actions = []
    for statement in document["Statement"]:
        given = statement["Action"]
        actions += [given] if isinstance(given, str) else given
    return actions


@pytest.mark.parametrize("name", RELEASED)
def test_each_resource_is_in_the_module_once(synthesized: Synthesized, name: str) -> None:
    kinds = [kind for kind, _ in _module(synthesized, name)]

    for of_aws, of_terraform in terraform._TYPES.items():
        made = synthesized.resources(name, of_aws).values()
        count = sum(len(one["Properties"]["Roles"]) if of_aws == "AWS::IAM::Policy" else 1 for one in made)
        assert kinds.count(of_terraform) == count, of_aws


@pytest.mark.parametrize("name", RELEASED)
def test_the_policies_allow_the_same_actions(synthesized: Synthesized, name: str) -> None:
    bodies = [body for (kind, _), body in _module(synthesized, name).items() if kind == "aws_iam_role_policy"]
    written = [re.findall(r'"((?:[a-z0-9-]+:[A-Za-z*]+))"', _only_actions(body)) for body in bodies]
    policies = synthesized.resources(name, "AWS::IAM::Policy").values()
    expected = [_actions(one["Properties"]["PolicyDocument"]) for one in policies for _ in one["Properties"]["Roles"]]

    assert written == expected


def _only_actions(body: str) -> str:
    return " ".join(re.findall(r'"Action" = (\[[^\]]*\]|"[^"]*")', body))


def test_the_functions_have_the_same_settings_and_run_the_zip(synthesized: Synthesized) -> None:
    module = _module(synthesized, "released_group")
    for logical_id, one in synthesized.resources("released_group", "AWS::Lambda::Function").items():
        body, properties = module["aws_lambda_function", terraform._name(logical_id)], one["Properties"]
        assert f"handler = {json.dumps(properties['Handler'])}\n" in body
        assert f"timeout = {properties['Timeout']}\n" in body
        assert f"memory_size = {properties['MemorySize']}\n" in body
        variables = re.findall(r'"(AWSROLL_\w+)" = ', body)
        assert variables == list(properties["Environment"]["Variables"])
        assert "filename = var.bundle\n" in body


def test_the_machines_call_the_functions_by_their_versions_alias(synthesized: Synthesized) -> None:
    module = _module(synthesized, "released_group")
    (body,) = (body for (kind, name), body in module.items() if (kind, name) == ("aws_sfn_state_machine", "rollout"))

    assert "aws_lambda_function.functions_reconcile." in body
    assert not re.search(r"(?<!\$)\$\{(?:Prepare|Reconcile|Control)\}", body)
    assert "publish = true\n" in body


def test_what_it_cannot_express_is_refused() -> None:
    module = Module({"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {}}}, "Parameters": {}})

    with pytest.raises(UnknownPartError, match="unknown function"):
        module.expression({"Fn::Sub": "x"})
    with pytest.raises(UnknownPartError, match=r"AWS::SQS::Queue"):
        module.text()


def test_text_is_not_interpolated_and_names_are_those_of_terraform() -> None:
    assert quoted('a ${b} %{c} "d"') == r'"a $${b} %%{c} \"d\""'
    assert (snake("MemorySize"), snake("CodePipelineFunction")) == ("memory_size", "codepipeline_function")
