"""Run the project's checks one after the other, and list the failed checks at the end.

`python -m tests.check` runs everything: lint, format, types, import contracts, and the whole test suite. CI runs this
command, and so does the second command of the README's quick start. `python -m tests.check --fast` is for every edit:
the same checks, but only the tests that need no AWS, no server and no search.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
STATIC: dict[str, tuple[str, ...]] = {
    "lint": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("mypy",),
    "import contracts": ("importlinter.cli", "lint-imports"),
}
FAST_TESTS = ("tests/unit", "tests/scenarios", "tests/contract", "tests/typing", "tests/docs")
ALL_TESTS = ("pytest", "-n", "3")  # many tests wait for processes: three keep two cores busy


def checks(*, fast: bool) -> dict[str, tuple[str, ...]]:
    """Return the commands of all checks, or of the checks for every edit, by name."""
    tests = ("pytest", "-q", "-n", "2", *FAST_TESTS) if fast else ALL_TESTS
    return {**STATIC, "tests": tests}


def command(words: tuple[str, ...]) -> list[str]:
    """Return the command that runs a tool of this environment."""
    tool, *arguments = words
    if tool == "importlinter.cli":
        return [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return [sys.executable, "-m", tool, *arguments]


def environment() -> dict[str, str]:
    """Return the environment of the checks: tests keep their compiled modules, also where it forbids that (as CI's)."""
    kept = dict(os.environ)
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept["PYTHONPYCACHEPREFIX"] = str(ROOT / ".pytest_cache" / "compiled")
    return kept


def main() -> int:
    """Run the checks; return 0 only if each of them passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.check", description="Run the project's checks.")
    parser.add_argument("--fast", action="store_true", help="Run only the checks for every edit.")
    failed = []
    collect = command(("pytest", "--collect-only", "--quiet"))  # compiles the tests beside the type checker
    compiling = subprocess.Popen(collect, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)
    for name, words in checks(fast=parser.parse_args().fast).items():
        if name == "tests":
            compiling.wait()
        print(f"--- {name}", flush=True)  # noqa: T201
        if subprocess.run(command(words), cwd=ROOT, env=environment(), check=False).returncode != 0:
            failed.append(name)
    print(f"--- {'all checks passed' if not failed else 'failed: ' + ', '.join(failed)}", flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
