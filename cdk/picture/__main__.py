"""Write the pictures into docs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from awsroll_cdk.definition import fleets_machine, rollout_machine
from picture import picture

DOCS = Path(__file__).parents[2] / "docs"
FUNCTIONS = {name: name for name in ("prepare", "reconcile", "control", "plan_waves", "judge_wave", "watch_waves")}


def pictures() -> Iterator[tuple[Path, str]]:
    """Yield each file with its content."""
    fleets = fleets_machine(FUNCTIONS)
    one: dict[str, Any] = fleets["States"]["Roll and watch"]["Branches"][0]["States"]["Roll wave"]["ItemProcessor"]
    yield DOCS / "step-functions.svg", picture(rollout_machine(FUNCTIONS), title="The machine of one rollout")
    yield DOCS / "step-functions-fleets.svg", picture(fleets, title="The machine of many fleets")
    yield DOCS / "step-functions-fleet.svg", picture(one, title="What Roll wave does for each fleet")


def main() -> None:
    """Write all pictures."""
    for path, drawn in pictures():
        path.write_text(drawn)


if __name__ == "__main__":
    main()
