"""Makes the Lambda bundle as its documented command does, and runs Python with nothing but a bundle to import from."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
HANDLERS = ROOT / "lambda"
BUILDER = HANDLERS / "build.py"
SCHEMAS = HANDLERS / "schemas.py"


def handler_names() -> list[str]:
    """Return the names of the files of `lambda/` that are bundled."""
    return sorted(file.stem for file in HANDLERS.glob("*.py") if file not in (BUILDER, SCHEMAS))


def made(out: Path, *options: str) -> Path:
    """Run the builder; its folder is the answer."""
    subprocess.run([sys.executable, str(BUILDER), "--out", str(out), *options], check=True, timeout=300)
    return out


def run_alone(bundle: Path, program: str, *options: str) -> str:
    """Run a program in a Python that can import the standard library and a bundle, and return what it prints."""
    program = f"import sys; sys.path.insert(0, {str(bundle)!r})\n{program}"
    command = [sys.executable, "-I", "-S", "-B", *options, "-c", program]
    ended = subprocess.run(
        command, check=False, env=environment(), capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def environment() -> dict[str, str]:
    """Return what a function finds in its environment, and nothing of this machine's."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "unused",
        "AWS_SECRET_ACCESS_KEY": "unused",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWSROLL_STATE": "dynamodb://awsroll",
    }
