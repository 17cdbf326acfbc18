"""What `roll` is asked to do: a request, a file of many fleets, or a plan file with the same options or none.

Options beside a plan file may repeat what was planned, as it was said or as it was pinned, and nothing else: only how
to look and wait may be told anew.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awsroll.cli.flags import FLEET, Flag, FlagGroup
from awsroll.cli.read_request import REQUEST_GROUP, build_request_or_fleets, given_values, to_spec
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.core.request.spec import RolloutSpec
    from awsroll.core.request.waves import FleetsSpec
    from awsroll.report import RolloutPlan

_PLAN_FLAG = Flag(
    field="plan",
    type=Path,
    metavar="FILE",
    section=FLEET,
    help="Carry out the plan that `awsroll plan ... --out FILE` has kept, to its pinned version; refused if the fleet "
    "has changed since. Other options may only repeat what was planned.",
)
_TOLD_ANEW = ("poll", "settle_time", "lease")


def build_wanted(*, plan: Path | None, file: str | None, **given: Any) -> "RolloutSpec | FleetsSpec | RolloutPlan":
    """Return the request (or the waves) that a file and flags make, or the plan that they agree with.

    Raises:
        SpecError: if the plan file cannot be used, or an option contradicts it.
    """
    if plan is None:
        return build_request_or_fleets(file=file, **given)
    from awsroll.files.plan_file import load_plan  # noqa: PLC0415 - keeps `--help` fast

    planned = load_plan(plan)
    values = given_values(file=file, **given)
    said = to_spec(values)
    problems = [
        f"--{name.replace('_', '-')} {_word(getattr(said, name))} contradicts the plan file {plan}, which says "
        f"{_word(getattr(planned.request, name))}: leave it out, or make a new plan"
        for name in values
        if name not in _TOLD_ANEW
        and getattr(said, name) not in (getattr(planned.asked, name), getattr(planned.request, name))
    ]
    if problems:
        raise SpecError(*problems)
    if planned.request is None:
        return planned
    anew = {name: getattr(said, name) for name in _TOLD_ANEW if name in values}
    return replace(planned, request=replace(planned.request, **anew))


def _word(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(str(one) for one in value) or "nothing"
    return "nothing" if value in (None, "") else str(value)


WANTED_GROUP = FlagGroup("wanted", (_PLAN_FLAG, *REQUEST_GROUP.flags), build_wanted)
