"""JSON Schema of every stage's event and answer, made from the dataclasses that check them.

`python -m awsroll.stages.event_schema` prints it; docs/stages.schema.json is that.
"""

import inspect
import json
import re
import sys
from typing import Any, get_type_hints

import msgspec

from awsroll import stages

DIALECT = "https://json-schema.org/draft/2020-12/schema"
STAGES = (
    stages.deregister_targets,
    stages.check_drained,
    stages.terminate_and_launch,
    stages.double_group,
    stages.check_healthy,
    stages.retire_old_half,
    stages.reload_instances,
)


def stage_schemas() -> dict[str, Any]:
    """Return the schemas: `#/$defs/<Name>Event` and `#/$defs/<Name>Answer`."""
    kinds = [get_type_hints(stage)[side] for stage in STAGES for side in ("event", "return")]
    _, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    for kind in (*kinds, stages.Registration):
        schema = components[kind.__name__]
        schema["description"] = (inspect.getdoc(kind) or "").partition("\n")[0]
        for name, said in attributes(kind).items():
            schema["properties"][name].setdefault("description", said)
        if kind.__name__.endswith("Event"):
            schema["additionalProperties"] = False
    return {
        "$schema": DIALECT,
        "title": "Events and answers of awsroll's single stages",
        "$defs": dict(sorted(components.items())),
    }


def attributes(kind: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of their fields."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__[:-1]):
        _, _, listed = inspect.cleandoc(one.__doc__ or "").partition("Attributes:\n")
        for name, said in re.findall(r"^    (\w+): (.*(?:\n        .*)*)", listed, re.MULTILINE):
            found[name] = " ".join(said.split())
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(stage_schemas(), indent=2, ensure_ascii=False) + "\n")
