"""The commands that messages name: `awsroll resume web-1` works only with the options that lead to its store. Pure."""

import re

_OF_A_STORE = "resume|status|approve|rollback|pause|abort|repair|report|explain|watch|list|history|replay|halt|unhalt"
_COMMAND = re.compile(rf"`(awsroll (?:{_OF_A_STORE})\b[^`]*)`")


def with_options(command: str, options: str) -> str:
    """Return a command with options, unless it names its store already."""
    return f"{command} {options}" if options and command and "--state" not in command else command


def with_options_in(text: str, options: str) -> str:
    """Return a text in which each `command` that reads a store has these options."""
    return _COMMAND.sub(lambda found: f"`{with_options(found[1], options)}`", text)
