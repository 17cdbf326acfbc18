"""JSON Schema of each stage's event and answer, generated from the dataclasses that check them.

`python -m awsroll.stages.event_schema` prints the content of docs/stages.schema.json.
"""

import inspect
import json
import re
import sys
from typing import Any, get_type_hints

import msgspec

from awsroll import stages
from awsroll.core.request.file_schema import DIALECT

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
    """Return the schemas, as `#/$defs/<Name>Event` and `#/$defs/<Name>Answer`."""
    kinds = [get_type_hints(stage)[side] for stage in STAGES for side in ("event", "return")]
    _, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    for kind in (*kinds, stages.Registration):
        schema = components[kind.__name__]
        schema["description"] = (inspect.getdoc(kind) or "").partition("\n")[0]
        for name, description in attributes(kind).items():
            schema["properties"][name].setdefault("description", description)
        if kind.__name__.endswith("Event"):
            schema["additionalProperties"] = False
    return {
        "$schema": DIALECT,
        "title": "Events and answers of awsroll's single stages",
        "$defs": dict(sorted(components.items())),
    }


def attributes(kind: type) -> dict[str, str]:
    """Return the descriptions of fields from the docstrings of a class and its bases."""
    descriptions: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        _, _, listed = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")
        for name, description in re.findall(r"^    (\w+): (.*(?:\n        .*)*)", listed, re.MULTILINE):
            descriptions[name] = " ".join(description.split())
    return descriptions


if __name__ == "__main__":
    sys.stdout.write(json.dumps(stage_schemas(), indent=2, ensure_ascii=False) + "\n")
