"""The page docs/options.md, written from the table of options: `python -m tests.docs.options_page` updates it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from awsroll.cli.command_group import CommandGroup
from awsroll.cli.common_options import COMMON_FLAGS
from awsroll.cli.flags import Flag
from awsroll.cli.grouped_option import long_form, variable_of
from awsroll.cli.main import app
from awsroll.cli.spec_flags import SPEC_FLAGS
from awsroll.core.model.options import FAILURE, FLEET, GATES, PACE, VERSION, WAITING
from awsroll.core.request.file_schema import fleets_schema, rollout_schema

PATH = Path(__file__).parents[2] / "docs" / "options.md"
_OPENING = """# Options

Each option of a rollout, with its unit and default. The option `--max-surge` is the key `max-surge` or `max_surge` in a
[rollout file](cli.md#the-request-options-or-a-file), and the field `max_surge` of `RolloutSpec` in Python. `awsroll
schema` prints the same as JSON Schema.

Each option also has an environment variable: its name in capital letters after `AWSROLL_`, with `_` for `-`. So
`AWSROLL_MAX_SURGE=2` is `--max-surge 2`, and `AWSROLL_LAUNCH_FIRST=yes` or `no` turns a switch on or off. An option
that can be repeated has one value on each line of its variable. The command line wins over the environment, and the
environment over the file. A message about a wrong value names the variable.

An [option that one command has alone](#options-of-single-commands) has the command in its variable too: `--limit` of
`awsroll list` is `AWSROLL_LIST_LIMIT`. A few options have no variable, because they confirm a danger or make another
act of the command, so a person types them each time. `--yes` has one, for pipelines: set it for one command, not for a
whole shell.

A TIME is a number of seconds (`90`), or has a unit: `90s`, `10m`, `2h`. It is at most 30 days. N is a whole number, and
N% a percentage from 0% to 100%. The same values are valid on the command line, in a file, in an event and in Python. A
value that is not valid is refused before anything is changed, by the name of its option.
"""
_SECTIONS = (FLEET, VERSION, PACE, GATES, FAILURE, WAITING)


def options_page() -> str:
    """Return the page as Markdown."""
    parts = [_OPENING]
    parts += [_section(name, [flag for flag in SPEC_FLAGS if flag.section == name]) for name in _SECTIONS]
    parts.append(_section("Every command", COMMON_FLAGS))
    parts.append(_single_commands())
    schema, fleets = rollout_schema(), fleets_schema()["$defs"]
    parts.append(
        _keys("Hooks", "Keys of one entry of `hooks`, in a file only: [hooks](hooks.md).", schema["$defs"]["HookSpec"])
    )
    about = "Keys of one entry of `windows` or `freezes`, in a file only: [windows and freezes](windows.md)."
    parts.append(_keys("Windows and freezes", about, schema["$defs"]["Period"]))
    parts.append(_keys("Waves", "Keys of one wave of a [file of many fleets](fleets.md).", fleets["wave"]))
    own = {name: key for name, key in fleets["fleet"]["properties"].items() if name not in schema["properties"]}
    parts.append(_keys("Fleets", "Keys of one fleet, beside the options above.", {"properties": own}))
    return "\n".join(parts)


def _section(title: str, flags: "list[Flag] | tuple[Flag, ...]") -> str:
    rows = "\n".join(f"| `{_usage(flag)}` | {_cell(flag.help)} |" for flag in flags)
    return f"## {title}\n\n| option | meaning |\n|---|---|\n{rows}\n"


def commands(group: CommandGroup = app, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield each command with its name after `awsroll`, such as `state create`."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, CommandGroup):
            yield from commands(command, f"{path}{name} ")
        elif command is not None:
            yield f"{path}{name}", command


def options_of_commands() -> Iterator[tuple[str, click.Option]]:
    """Yield each option of each command, with the name of the command."""
    for path, command in commands():
        yield from ((path, each) for each in command.params if isinstance(each, click.Option))


def _single_commands() -> str:
    shared = {variable_of(flag.name) for flag in (*SPEC_FLAGS, *COMMON_FLAGS)}
    own: dict[tuple[str, str, str], list[str]] = {}
    for path, option in options_of_commands():
        if option.envvar not in shared:
            variable = f"`{option.envvar}`" if option.envvar else "none: type it"
            key = (
                _cell(f"`{long_form(option)} {option.metavar or ''}".strip() + "`"),
                variable,
                _cell(option.help or ""),
            )
            own.setdefault(key, []).append(f"`{path}`")
    rows = "\n".join(f"| {', '.join(paths)} | {' | '.join(key)} |" for key, paths in own.items())
    head = "| command | option | variable | meaning |\n|---|---|---|---|"
    return f"## Options of single commands\n\n{head}\n{rows}\n"


def _usage(flag: Flag) -> str:
    return f"--{flag.name} {flag.metavar or ''}".strip().replace("|", "\\|")


def _keys(title: str, intro: str, schema: dict[str, Any]) -> str:
    keys = {name: key for name, key in schema["properties"].items() if "$ref" not in key}
    rows = "\n".join(f"| `{name}` | {_cell(key['description'])} |" for name, key in keys.items())
    return f"## {title}\n\n{intro}\n\n| key | meaning |\n|---|---|\n{rows}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("$", "\\$")


if __name__ == "__main__":
    PATH.write_text(options_page())
