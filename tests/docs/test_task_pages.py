"""The pages by task: what they quote from the program is in the program."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import yaml

from awsroll.core.model.hooks import HookPoint
from awsroll.iam import Fleets, Place, Rollouts
from awsroll.iam.fleet_statements import reading
from awsroll.iam.policy_request import PolicyRequest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _sources() -> str:
    """Return the source of the package, with strings over several lines joined."""
    texts = (path.read_text() for path in (ROOT / "awsroll").rglob("*.py"))
    return "\n".join(re.sub(r"[\"']\s*\n\s*f?[\"']", "", text) for text in texts)


def test_each_message_in_troubleshooting_is_a_message_of_the_program() -> None:
    quoted = re.findall(r"^\| `([^`]+)` \|", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    source = _sources()

    assert len(quoted) > 20
    assert [message for message in quoted if message not in source] == []


def test_the_permissions_to_look_cover_what_the_checks_read() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", (DOCS / "first-rollout.md").read_text(), re.DOTALL)
    allowed = json.loads(block)["Statement"][0]["Action"]
    place = Place(region="eu-west-1", account="111122223333")
    fleets = (
        Fleets(groups=("web",), target_groups=("arn",), network_load_balancers=True),
        Fleets(target_groups=("arn",), network_load_balancers=True),
    )
    requests = [PolicyRequest(place=place, fleets=each, rollouts=Rollouts(alarms=True)) for each in fleets]
    needed = {action for request in requests for statement in reading(request) for action in statement["Action"]}

    assert [action for action in needed if not any(fnmatch(action, pattern) for pattern in allowed)] == []


def test_the_hooks_that_migrating_names_exist() -> None:
    (row,) = re.findall(
        r"^\| `BeforeBlockTraffic`.*\| (the points .*) \|$", (DOCS / "migrating.md").read_text(), re.MULTILINE
    )

    assert set(re.findall(r"`(\w+)`", row)) <= {point.value for point in HookPoint}


def test_the_arguments_of_the_role_in_migrating_exist() -> None:
    section = (DOCS / "migrating.md").read_text().split("## From Ansible")[1].split("\n## ")[0]
    known = yaml.safe_load((ROOT / "integrations/ansible/roles/awsroll/defaults/main.yml").read_text())
    named = {name for row in re.findall(r"\| `(replace_batch_size|wait_timeout): \d+` \|", section) for name in (row,)}

    assert {"name", "launch_template", "region", "profile"} | named <= set(known)
    assert len(named) == 2
