"""docs/sandbox.md names existing tests and every switch with its default, and its examples run."""

import re
from dataclasses import fields
from pathlib import Path

from awsroll.sandbox import Sandbox, SandboxOptions
from awsroll.testing.clock import VirtualClock

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "sandbox.md").read_text()
DEFINED = {
    name
    for file in HERE.rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
}


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named - DEFINED == set()
    assert len(named) > 80


def test_the_page_lists_every_switch_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", PAGE, re.MULTILINE))
    expected = {field.name: shown(field.default) for field in fields(SandboxOptions)}
    assert rows == expected


def test_the_pages_python_examples_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    server, test, faults, callback = blocks
    test = test.replace("@pytest.mark.awsroll_sandbox(boot_seconds=10)", "")  # known only where awsroll is installed
    exec(compile(server, "docs/sandbox.md", "exec"), {"print": lambda *_: None})  # noqa: S102
    with Sandbox(clock=VirtualClock()) as sandbox:
        exec(compile(faults, "docs/sandbox.md", "exec"), {"sandbox": sandbox})  # noqa: S102
    with Sandbox(clock=VirtualClock()) as sandbox:
        exec(compile(callback, "docs/sandbox.md", "exec"), {"sandbox": sandbox})  # noqa: S102
    names: dict[str, object] = {}
    exec(compile(test, "docs/sandbox.md", "exec"), names)  # noqa: S102
    with Sandbox(clock=VirtualClock(), options=SandboxOptions(boot_seconds=10)) as sandbox:
        names["test_a_new_server_boots"](sandbox)  # type: ignore[operator]


def shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float) and default.is_integer():
        return str(int(default))
    return f"`{default}`" if isinstance(default, str) else str(default)
