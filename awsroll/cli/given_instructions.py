"""What the caller of a command gives or confirms: whatever a record makes the command run or use.

`resume`, `rollback`, `abort` and `repair` continue a rollout from its record. The caller gives the instructions in it
by the rollout file again, or accepts them: at a prompt that shows each of them, or with `--yes`.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from awsroll.cli.common_options import CommonOptions
from awsroll.cli.flags import Flag, FlagGroup
from awsroll.cli.output import Output, ask_to_confirm, write_messages
from awsroll.cli.read_request import build_request, given_options, read_fleets
from awsroll.cli.spec_flags import SPEC_FLAGS
from awsroll.core.model.options import VERSION
from awsroll.core.request.instructions import Instruction, as_given
from awsroll.core.request.waves import FleetSpec

_FILE_FLAG = Flag(
    field="file",
    type=str,
    short="-f",
    metavar="FILE",
    section=VERSION,
    help="The file that the rollout was started with (also a file of many fleets). The command is refused if the "
    "record names another hook, command, function, script or role. Without it, the command shows them and asks.",
)
_SAME = "As the rollout was started with"


def build_given(*, file: str | None, **given: Any) -> tuple[FleetSpec, ...]:
    """Return the requests that a file and options give again; empty if there are none.

    Raises:
        SpecError: if the file cannot be used.
    """
    if file is None and not given_options(given):
        return ()
    fleets = read_fleets(file, given)
    if fleets is not None:
        return tuple(as_given(fleet) for fleet in fleets.fleets)
    return (as_given(build_request(file=file, **given)),)


GIVEN_GROUP = FlagGroup(
    "given",
    (
        _FILE_FLAG,
        *(
            replace(flag, help=f"{_SAME}: instead of --file.")
            for flag in SPEC_FLAGS
            if flag.field in ("command", "document", "parameter", "rollback_command")
        ),
    ),
    build_given,
)


def instruction_prompt(common: CommonOptions, output: Output) -> Callable[[Sequence[Instruction]], bool] | None:
    """Return how the caller confirms instructions; None if there is no terminal and no `--yes`."""
    if not common.yes and not output.can_ask:
        return None

    def confirm(instructions: Sequence[Instruction]) -> bool:
        write_messages("the record of this rollout makes this process run or use:")
        show_instructions(output, instructions)
        return common.yes or ask_to_confirm("Run and use this?")

    return confirm


def show_instructions(output: Output, instructions: Sequence[Instruction]) -> None:
    """Show each instruction as a message; with `--json` also as an event."""
    for each in instructions:
        write_messages(f"  {each}", longest=sys.maxsize)  # a person confirms all of it
        if output.json:
            output.emit("instruction", **each.as_dict())
