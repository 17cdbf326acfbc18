"""Runs every check of the project, one after the other, and says at the end which of them failed.

`python -m tests.check` is what the README's second command and CI run: lint, format, types, import contracts, tests.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHECKS: dict[str, tuple[str, ...]] = {
    "lint": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("mypy",),
    "import contracts": ("importlinter.cli", "lint-imports"),
    "tests": ("pytest", "-n", "3", "--dist", "loadfile"),  # many tests wait for processes: three keep two cores busy
}


def command(words: tuple[str, ...]) -> list[str]:
    """Return the command that runs a tool of this very environment."""
    tool, *arguments = words
    if tool == "importlinter.cli":
        return [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return [sys.executable, "-m", tool, *arguments]


def main() -> int:
    """Run all checks; return 0 only if all of them passed."""
    failed = []
    for name, words in CHECKS.items():
        print(f"--- {name}", flush=True)  # noqa: T201
        if subprocess.run(command(words), cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    print(f"--- {'all checks passed' if not failed else 'failed: ' + ', '.join(failed)}", flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
