"""Write the outputs of the action from the JSON lines of awsroll, and fail the step if the rollout failed.

It needs the standard library alone. `RAN` is the outcome of the step that ran awsroll, `ALLOW_PAUSED` the input.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any


def last_event(path: Path) -> dict[str, Any]:
    """Return the last JSON line of a file; an empty one if there is none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    try:
        event = json.loads(lines[-1]) if lines else {}
    except ValueError:  # awsroll was killed while it wrote the line
        return {}
    return event if isinstance(event, dict) else {}


def main(path: Path) -> int:
    """Return the exit code of the step."""
    event = last_event(path)
    refused = event.get("event") == "refused"
    status = "refused" if refused else str(event.get("status", ""))
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"rollout-id={one_line(event.get('rollout_id', ''))}\nstatus={one_line(status)}\n")
    if os.environ["RAN"] == "success":
        return 0
    if status == "paused" and os.environ["ALLOW_PAUSED"] == "true":
        return 0
    reason = one_line(event.get("reason") or status or "awsroll did not run to its end")
    sys.stdout.write(f"::error title=awsroll::{reason}\n")
    return 1


def one_line(value: object) -> str:
    """Return a value as one line: a line break would begin another output."""
    return " ".join(str(value).split())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
