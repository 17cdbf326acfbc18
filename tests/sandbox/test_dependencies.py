"""The extra `sandbox` is enough for the sandbox: what moto's own extra for its server adds is not needed."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MODULES = {"antlr4-python3-runtime": "antlr4", "cfn-lint": "cfnlint", "graphql-core": "graphql"}

# In a process without the packages: the server, one call of each service that users and awsroll need, and a service
# that needs a missing package.
PROGRAM = """
import json, sys
missing = set(json.loads(sys.argv[1]))

class Blocker:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from botocore.exceptions import ClientError
from awsroll.sandbox import serve

CALLS = {
    "autoscaling": "describe_auto_scaling_groups", "cloudwatch": "describe_alarms", "dynamodb": "list_tables",
    "ec2": "describe_instances", "elbv2": "describe_target_groups", "events": "list_event_buses", "iam": "list_roles",
    "kms": "list_keys", "lambda": "list_functions", "s3": "list_buckets", "sns": "list_topics", "sqs": "list_queues",
    "ssm": "describe_instance_information", "sts": "get_caller_identity",
}
with serve() as server:
    session = server.session()
    for service, operation in CALLS.items():
        getattr(session.client(service), operation)()
    try:
        session.client("cloudformation").list_stacks()
    except ClientError as error:
        print(error.response["Error"]["Message"])
"""


def _left_out() -> set[str]:
    """Return what moto's extra `server` requires and the extra `sandbox` does not."""
    ours = [Requirement(each) for each in PROJECT["project"]["optional-dependencies"]["sandbox"]]
    (moto,) = (each for each in ours if each.name == "moto")
    needed = {each.name for each in ours}
    left_out = set()
    for requirement in map(Requirement, requires("moto") or ()):
        if any(_applies(requirement, extra) for extra in (*moto.extras, "")):
            needed.add(requirement.name.lower())
        elif _applies(requirement, "server"):
            left_out.add(requirement.name.lower())
    return left_out - needed


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


@pytest.mark.process
def test_the_sandbox_serves_without_the_packages_of_motos_server() -> None:
    modules = sorted(MODULES.get(name, name.replace("-", "_")) for name in _left_out())
    assert {"cfnlint", "openapi_spec_validator"} <= set(modules)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([*modules, "networkx", "sympy", "pydantic"])],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "The sandbox needs more packages for the service cloudformation (No module named 'openapi_spec_validator'): "
        "pip install 'moto[server]'.\n"
    )
