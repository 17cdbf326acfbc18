"""Only a few modules write to a terminal or a log. Each makes its text printable, or writes JSON with escapes."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITERS = {
    "awsroll/cli/main.py": "prepares the streams, writes nothing",
    "awsroll/cli/output.py": "the result and the messages of all commands",
    "awsroll/cli/redrawn_view.py": "asks whether standard output is a terminal",
    "awsroll/cli/live.py": "draws with the texts of terminal_text",
    "awsroll/cli/live_fleets.py": "draws with the texts of terminal_text",
    "awsroll/cli/live_drawing.py": "draws the live view with the texts of terminal_text",
    "awsroll/cli/progress_lines.py": "progress without a terminal",
    "awsroll/cli/terminal_text.py": "the live view",
    "awsroll/cli/waves.py": "gives the stream to progress_lines",
    "awsroll/events.py": "JSON lines",
    "awsroll/telemetry/metric_lines.py": "JSON lines of metrics, whose characters outside ASCII are escapes",
    "awsroll/stages/event_schema.py": "a schema of its own, for the documentation",
    "lambda/build.py": "the output of a build",
    "lambda/approval_page.py": "binds fields of the log",
    "lambda/durable.py": "binds fields of the log",
    "lambda/codepipeline.py": "binds fields of the log",
    "lambda/handling.py": "configures the log as JSON lines",
    "lambda/schemas.py": "a schema of its own, for the documentation",
}
PRINTABLE = ("awsroll/cli/output.py", "awsroll/cli/progress_lines.py", "awsroll/cli/terminal_text.py")
MODULES = {"logging", "rich.console", "rich.text", "rich", "structlog", "warnings"}
NAMES = {"print", "echo", "secho", "input"}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}


def _writes(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name in STREAMS:
                return True
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="click"), attr=name)):
                if name in NAMES:
                    return True
            case ast.Import(names=names):
                if any(each.name in MODULES for each in names):
                    return True
            case ast.ImportFrom(module=module, names=names):
                if module in MODULES or (module == "typing" and any(each.name == "TextIO" for each in names)):
                    return True
            case _:
                pass
    return False


def test_only_the_known_modules_write() -> None:
    files = [*(ROOT / "awsroll").rglob("*.py"), *(ROOT / "lambda").glob("*.py")]
    names = {path.relative_to(ROOT).as_posix(): path for path in files}
    outside = ("awsroll/sandbox/", "awsroll/testing/")  # another program; no code that ships with a rollout

    assert {name for name, path in names.items() if not name.startswith(outside) and _writes(path)} == set(WRITERS)


def test_the_writers_of_text_for_people_make_it_printable() -> None:
    for name in PRINTABLE:
        assert "from awsroll.printable import " in (ROOT / name).read_text(), name
    for name in ("awsroll/cli/live.py", "awsroll/cli/live_drawing.py"):
        live = (ROOT / name).read_text()
        assert "from awsroll.cli.terminal_text import TerminalText as Text" in live
        assert "rich.text" not in live
