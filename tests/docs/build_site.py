"""Builds the site of the documents in dist/site: `python -m tests.docs.build_site`. A warning is an error.

Sphinx and other tools of development need different versions of a library: uv gives Sphinx an environment of its own.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"


def command(out: Path) -> list[str]:
    """Return the command that builds the site."""
    tool = [str(Path(sys.executable).parent / "uv"), "run", "--no-project", "--isolated"]
    sphinx = ["sphinx-build", "--fail-on-warning", "--keep-going", "--conf-dir", str(SITE), str(ROOT), str(out)]
    return [*tool, "--python", sys.executable, "--with-requirements", str(SITE / "requirements.txt"), *sphinx]


if __name__ == "__main__":
    sys.exit(subprocess.run(command(ROOT / "dist" / "site"), check=False).returncode)
