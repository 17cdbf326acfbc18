"""The page docs/python.md: the public names of `import awsroll`. `python -m tests.docs.python_page` updates it."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import FunctionType
from typing import Any

import awsroll
from awsroll import sandbox, testing

PATH = Path(__file__).parents[2] / "docs" / "python.md"
_OPENING = """# The Python library

The public names of awsroll. Everything else may change in any version. The page is made from the docstrings.

```python
import awsroll

spec = awsroll.RolloutSpec(asg="web", concurrent="25%", launch_first=True)
report = awsroll.roll(spec)
report.raise_for_status()
```

A refused call raises an `AwsrollError`. A rollout that has started always returns its report. [Options](options.md) has
each field of `RolloutSpec` with its unit and default, and [testing](testing.md) shows the fakes.
"""
_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns):$")


def python_page() -> str:
    """Return the page as Markdown."""
    functions, classes, errors = [], [], []
    for name in awsroll.__all__:
        value = getattr(awsroll, name)
        if isinstance(value, FunctionType):
            functions.append(_function(f"awsroll.{name}", value))
        elif issubclass(value, Exception):
            errors.append(f"| `{name}` | {_first(value)} |")
        else:
            classes.append(_class(f"awsroll.{name}", value))
    tests = [
        _class(f"{package.__name__}.{name}", getattr(package, name))
        for package in (testing, sandbox)
        for name in package.__all__
        if isinstance(getattr(package, name), type)
    ]
    return "\n".join([
        _OPENING,
        "## Functions\n",
        *functions,
        "## Values\n",
        *classes,
        "## Errors\n\nEach is an `AwsrollError`.\n\n| error | when |\n|---|---|",
        *errors,
        "\n## For tests\n",
        *tests,
    ])  # fmt: skip


def _function(name: str, value: Any) -> str:
    return "\n".join([f"### `{name}`\n", _signature(name, value), *_text(value), ""])


def _class(name: str, value: type) -> str:
    parts = [f"### `{name}`\n"]
    if issubclass(value, Enum):
        members = ", ".join(f"`{one.value}`" for one in value)
        return "\n".join([*parts, *_text(value), f"\nOne of {members}.\n"])
    parts += _text(value)
    fields = [one.name for one in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    if fields:
        parts.append(f"\nFields: {', '.join(f'`{one}`' for one in fields)}.")
    for method, function in vars(value).items():
        if not method.startswith("_") and isinstance(function, FunctionType) and function.__doc__:
            parts.append(f"\n- `{method}()`: {_first(function)}")
    return "\n".join([*parts, ""])


def _signature(name: str, value: Any) -> str:
    given = inspect.signature(value)
    plain = given.replace(
        parameters=[one.replace(annotation=inspect.Parameter.empty) for one in given.parameters.values()],
        return_annotation=inspect.Signature.empty,
    )
    text = re.sub(r"<function <lambda> at 0x\w+>|<class '(\w+)'>", lambda match: match[1] or "…", str(plain))
    return f"```text\n{name}{text}\n```\n"


def _first(value: Any) -> str:
    paragraph = inspect.cleandoc(value.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


def _text(value: Any) -> Iterator[str]:
    """Yield the docstring as Markdown: paragraphs, and a list for each section."""
    lines = inspect.cleandoc(value.__doc__ or "").splitlines()
    paragraph: list[str] = []
    in_section = False
    for line in [*lines, ""]:
        section = _SECTION.match(line)
        if section is not None:
            in_section = True
            yield f"\n{section[1]}:\n"
        elif in_section and re.match(r" {4}\S", line):
            name, colon, rest = line.strip().partition(": ")
            names = ", ".join(f"`{one.strip()}`" for one in name.split(","))
            yield f"- {names}: {rest}" if colon else f"- {line.strip()}"
        elif in_section and line.strip():
            yield f"  {line.strip()}"
        elif line.strip():
            paragraph.append(line)
        else:
            if paragraph:
                yield from (*paragraph, "")
            paragraph, in_section = [], False


if __name__ == "__main__":
    PATH.write_text(re.sub(r"\n{3,}", "\n\n", python_page()).rstrip() + "\n")
