"""The state machine that docs/stages.md shows, run in an interpreter with the handlers of the single stages."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from awsroll.stages.event_schema import STAGES
from tests.crash.watch import Watch
from tests.machines.interpreter import interpreter
from tests.stages.machine import Bounds

PAGE = Path(__file__).parents[2] / "docs" / "stages.md"


def shown() -> dict[str, Any]:
    """The machine as the page shows it."""
    _, _, rest = PAGE.read_text().partition("## A machine of your own")
    block = rest.partition("```json\n")[2].partition("```")[0]
    found: dict[str, Any] = json.loads(block)
    return found


def function(name: str) -> Callable[[Any], Any]:
    handler = importlib.import_module(name).handler
    return lambda event: handler(event, None)


def test_the_machine_of_the_docs_replaces_one_server_after_the_other(tmp_path: Path) -> None:
    with interpreter(tmp_path, grouped=False, servers=3) as made:
        rolling = made.driven.rolling
        watch = Watch(rolling.sandbox, rolling.fleet, Bounds(floor=2, ceiling=4))
        for stage in STAGES:
            rolling.sandbox.functions[stage.__name__] = function(stage.__name__)
        made.create(shown(), name="mine")
        fleet = rolling.fleet
        given = {
            "servers": list(fleet.instance_ids),
            "target_group": list(fleet.target_group_arns),
            "launch_template": f"{fleet.template_id}:2",
        }
        ended = made.run(given, name="deploy-7")
        rolling.sandbox.jump(120)
        assert ended["status"] == "SUCCEEDED"
        assert (rolling.serving_versions(), watch.problems) == ({"v2": 3}, [])
        assert len(rolling.running()) == 3
        assert not rolling.running() & set(fleet.instance_ids)
