"""Write the outputs of the action from the JSON lines of awsroll, and fail the step if the rollout failed.

It needs the standard library alone. `RAN` is the outcome of the step that ran awsroll, `ALLOW_PAUSED` the input.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

_WITHOUT_STATUS = ("refused", "failed", "interrupted")  # events that end awsroll without a report


def read_events(path: Path) -> list[dict[str, Any]]:
    """Return the JSON lines of a file. The last one is left out if awsroll was killed while it wrote it."""
    events = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            event = json.loads(line)
        except ValueError:
            break
        events += [event] if isinstance(event, dict) else []
    return events


def main(path: Path) -> int:
    """Return the exit code of the step."""
    events = read_events(path)
    event = events[-1] if events else {}
    status = event["event"] if event.get("event") in _WITHOUT_STATUS else event.get("status") or ""
    rollout = next((each["rollout_id"] for each in reversed(events) if each.get("rollout_id")), "")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"rollout-id={one_line(rollout)}\nstatus={one_line(status)}\n")
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
