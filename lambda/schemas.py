"""Print the schemas of the rollout driver's events and answers, generated from the types of the handlers.

    python lambda/schemas.py              JSON Schema: docs/step-functions.schema.json
    python lambda/schemas.py --tables     the tables of docs/step-functions.md

`python -m awsroll.stages.event_schema` prints the schemas of the single stages. This file is not part of the bundle.
"""

import dataclasses
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

import msgspec

import codepipeline
import control
import judge_wave
import keep
import plan_waves
import prepare
import reconcile
import watch_waves
from awsroll.core.request.file_schema import DIALECT, fleets_schema, rollout_schema
from awsroll.stages.event_schema import attributes

HANDLERS = {
    "prepare": prepare.handler,
    "reconcile": reconcile.handler,
    "control": control.handler,
    "plan_waves": plan_waves.handler,
    "judge_wave": judge_wave.handler,
    "watch_waves": watch_waves.handler,
    "keep": keep.handler,
}
FILES = {"RolloutFile": rollout_schema, "FleetsFile": fleets_schema}
HOLDS = {"request": "RolloutFile", "fleets": "FleetsFile"}
"""The fields of events that hold the content of a file."""


def schemas() -> dict[str, Any]:
    """Return the schemas: `#/$defs/prepare.event`, `#/$defs/prepare.answer` and so on.

    CodePipeline defines the event of `codepipeline`, except the UserParameters. `durable` has the event and the answer
    of `prepare`.
    """
    defined: dict[str, Any] = {}
    for name, handler in HANDLERS.items():
        types = get_type_hints(inspect.unwrap(handler))
        for side, key in (("event", "event"), ("answer", "return")):
            defined[f"{name}.{side}"] = _schema(types[key], known=defined)
    defined["codepipeline.parameters"] = _schema(codepipeline.Parameters, known=defined)
    for name in [name for name in defined if name.endswith((".event", ".parameters"))]:
        for field in HOLDS.keys() & defined[name]["properties"].keys():
            described = {"description": defined[name]["properties"][field]["description"]}
            defined[name]["properties"][field] = {**described, "$ref": f"#/$defs/{HOLDS[field]}"}
    defined |= {name: schema() for name, schema in FILES.items()}
    return {"$schema": DIALECT, "title": "Events and answers of awsroll's rollout driver", "$defs": defined}


def _schema(kind: type, *, known: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a class. Add the classes that it refers to to `known`."""
    _, components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for part in _classes(kind):
        schema = components[part.__name__]
        schema.pop("title", None)
        schema["description"] = (inspect.getdoc(part) or "").partition("\n")[0]
        for name, description in attributes(part).items():
            if name in schema["properties"]:
                schema["properties"][name]["description"] = description
    own: dict[str, Any] = components.pop(kind.__name__)
    known.update(components)
    return own


def _classes(kind: Any) -> Iterator[type]:
    """Yield the dataclasses and structs in a type."""
    if dataclasses.is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        yield kind  # type: ignore[misc]  # a class, not an instance of one
        for inner in get_type_hints(kind).values():
            yield from _classes(inner)
    for inner in get_args(kind):
        yield from _classes(inner)


def tables() -> str:
    """Return Markdown tables of the fields of each event and answer, then of the classes that these refer to."""
    defined = schemas()["$defs"]
    titles = [name for name, schema in defined.items() if "properties" in schema and name not in FILES]
    titles.sort(key=lambda name: "." not in name)
    shown: list[Any] = []
    parts = []
    for name in titles:
        schema = defined[name]
        if schema in shown:
            parts.append(f"**`{name}`**: the same as `{titles[shown.index(schema)]}`.")
        else:
            parts.append(
                "\n".join(
                    [
                        f"**`{name}`**: {_lower(schema['description'])}",
                        "",
                        *_rows(schema, defined, is_given="." in name and not name.endswith(".answer")),
                    ]
                )
            )
        shown.append(schema)
    return "\n\n".join(parts)


def _rows(schema: Mapping[str, Any], defined: Mapping[str, Any], *, is_given: bool) -> Iterator[str]:
    yield from ("| field | is | |", "|---|---|---|")
    for field, value in schema["properties"].items():
        optional = ", optional" if is_given and field not in schema.get("required", ()) else ""
        yield f"| `{field}` | {_kind(value, defined)}{optional} | {value.get('description', '')} |"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _kind(schema: Mapping[str, Any], defined: Mapping[str, Any]) -> str:
    """Return the kind of a value in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in FILES:
            return "object"
        return _kind(defined[name], defined) if "enum" in defined[name] else f"`{name}`"
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return _kind(next(option for option in schema["anyOf"] if option.get("type") != "null"), defined)
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'], defined)}"
    return str(schema.get("type", "any"))


def main(arguments: list[str]) -> None:
    """Print the schemas, or the tables."""
    text = tables() if "--tables" in arguments else json.dumps(schemas(), indent=2, ensure_ascii=False)
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
