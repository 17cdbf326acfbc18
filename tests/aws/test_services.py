import ast
from pathlib import Path

import pytest

import awsroll.aws
from awsroll.aws.clients import Clients
from awsroll.aws.services import COMMAND_LINE_ONLY, EC2_COMMAND_LINE_ONLY, EC2_OPERATIONS, SERVICES

_FILES = sorted(Path(awsroll.aws.__file__).parent.glob("*.py"))


def test_lists_the_operations_of_ec2_that_are_called_and_no_other() -> None:
    names = {node.value for node in ast.walk(ast.parse(_text("ec2.py"))) if _is_operation(node)}
    assert names - {*EC2_COMMAND_LINE_ONLY} == {*EC2_OPERATIONS}


def test_lists_the_services_that_have_a_file() -> None:
    named = {
        node.value.value
        for file in _FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["_SERVICE"]
        if isinstance(node.value, ast.Constant)
    }
    assert named <= {*SERVICES, *COMMAND_LINE_ONLY}
    assert set(SERVICES).isdisjoint(COMMAND_LINE_ONLY)


@pytest.mark.parametrize(("service", "operation"), [("rds", ""), ("ec2", "StopInstances")])
def test_refuses_what_the_lambda_bundle_would_lack(service: str, operation: str) -> None:
    with pytest.raises(LookupError, match=r"is not listed in awsroll/aws/services.py"):
        Clients(session=None).knows(service, operation)


def _text(name: str) -> str:
    return next(file for file in _FILES if file.name == name).read_text()


def _is_operation(node: ast.AST) -> bool:
    verbs = ("Create", "Describe", "Run", "Terminate", "Modify", "Delete", "Start", "Stop", "Reboot")
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(verbs)
        and " " not in node.value
    )
