"""The request of `awsroll roll`: options, a rollout file, a file of many fleets, or a plan file.

With a plan file, other options may only repeat the planned values, as requested or as pinned. The options `--poll`,
`--settle-time` and `--lease` may change.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awsroll.cli.flags import Flag, FlagGroup
from awsroll.cli.read_request import PACE, REQUEST_GROUP, build_request_or_fleets, given_values
from awsroll.core.model.options import FLEET
from awsroll.core.request.spec import spec_of
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
    help="Carry out a plan that `awsroll plan ... --out FILE` saved. The rollout is refused if the fleet has changed "
    "since. Other options may only repeat the plan, except --poll, --settle-time and --lease.",
)

_DIGEST_FLAG = Flag(
    field="plan_digest",
    type=str,
    metavar="DIGEST",
    section=FLEET,
    help="With --plan: refuse any other plan than the one with this digest, which `awsroll plan --out` printed.",
)


def build_roll_request(
    *, plan: Path | None, file: str | None, plan_digest: str | None = None, **given: Any
) -> "RolloutSpec | FleetsSpec | RolloutPlan":
    """Return the request or waves of a file and options, or the plan of a plan file.

    Raises:
        SpecError: if the plan file cannot be used or an option contradicts it.
    """
    if plan is None:
        if plan_digest is not None:
            problem = "--plan-digest is the digest of a plan file: pass --plan FILE too"
            raise SpecError(problem)
        return build_request_or_fleets(file=file, **given)
    from awsroll.files.plan_file import load_plan  # noqa: PLC0415 - keeps `--help` fast

    planned = load_plan(plan, digest=plan_digest or "")
    values = given_values(file=file, **given)
    options = spec_of(values)
    problems = [
        f"--{name.replace('_', '-')} {_value_text(getattr(options, name))} contradicts the plan file {plan}, where it "
        f"is {_value_text(getattr(planned.request, name))}. Omit the option or make a new plan"
        for name in values
        if name not in PACE
        and getattr(options, name) not in (getattr(planned.asked, name), getattr(planned.request, name))
    ]
    if problems:
        raise SpecError(*problems)
    if planned.request is None:
        return planned
    changed = {name: getattr(options, name) for name in PACE if name in values}
    return replace(planned, request=replace(planned.request, **changed))


def _value_text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(str(item) for item in value) or "not set"
    return "not set" if value in (None, "") else str(value)


ROLL_REQUEST_GROUP = FlagGroup("request", (_PLAN_FLAG, _DIGEST_FLAG, *REQUEST_GROUP.flags), build_roll_request)
