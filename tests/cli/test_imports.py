"""Start-up: what a command that only reads a directory must not import. Times depend on the machine; imports do not."""

import json
import subprocess
import sys
from pathlib import Path

from awsroll.stores import LocalStore
from tests.stores.records import record

HEAVY = ("boto3", "botocore", "moto", "pydantic", "rich", "structlog", "tenacity", "yaml", "asyncio")
PARTS = ("awsroll.fleets", "awsroll.preflight", "awsroll.sandbox", "awsroll.core.planner", "awsroll.aws.connection")
COMMANDS = (["--help"], ["list"], ["status"])
PROGRAM = """
import io, json, sys
from awsroll.cli.main import run
loaded, kept = [], sys.stdout
for words in json.loads(sys.argv[1]):
    sys.stdout = io.StringIO()
    code = run(words)
    loaded.append((code, sorted(sys.modules)))
sys.stdout = kept
print(json.dumps(loaded))
"""


def test_help_list_and_status_import_neither_aws_nor_the_driver(tmp_path: Path) -> None:
    LocalStore(tmp_path).save(record())
    words = [[*command, "--state", str(tmp_path)] if command != ["--help"] else command for command in COMMANDS]

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(words)], capture_output=True, text=True, check=True
    )
    (help_code, after_help), *others = json.loads(ended.stdout)

    assert help_code == 0
    assert {*HEAVY, *PARTS, "msgspec", "awsroll.core.model.rollout", "awsroll.cli.listing"} & set(after_help) == set()
    assert [(code, sorted({*HEAVY, *PARTS} & set(loaded))) for code, loaded in others] == [(0, []), (0, [])]
    assert "awsroll.cli.listing" in others[0][1]


def test_a_plan_is_made_without_what_only_drives_a_rollout() -> None:
    program = "import sys, awsroll.driver.operations, awsroll.cli.render_plan; print(*sys.modules)"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert set(ended.stdout.split()) & {"awsroll.core.planner", "awsroll.driver.reconciler"} == set()
