"""`awsroll plan` and `awsroll doctor`: what would be done, and the checks alone. Read-only."""

from pathlib import Path
from typing import TYPE_CHECKING

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import OUTPUT, Flag, FlagGroup, takes
from awsroll.cli.output import Output
from awsroll.cli.read_request import ASKED_GROUP, REQUEST_GROUP
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetsSpec
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.report import RolloutPlan


_OUT_FLAG = Flag(
    field="out",
    type=Path,
    metavar="FILE",
    section=OUTPUT,
    help="Keep the plan in this file: `awsroll roll --plan FILE` carries it out, unless the fleet has changed.",
)
_OUT_GROUP = FlagGroup("out", (_OUT_FLAG,), lambda *, out: out)
_FOR_ROLL = ("asked", "request", "fingerprint")  # what only the file needs


@takes(ASKED_GROUP, _OUT_GROUP, COMMON_GROUP)
def plan(asked: RolloutSpec | FleetsSpec, out: Path | None, common: CommonOptions) -> int:
    """Show what would be done: the order, lowest and highest capacity, a rough duration. Changes nothing."""
    if isinstance(asked, FleetsSpec):
        return _plan_many(asked, out, common)
    import msgspec  # noqa: PLC0415 - keeps `--help` fast

    from awsroll.cli.render_report import plan_text  # noqa: PLC0415 - see above

    output = Output(json=common.json, quiet=common.quiet)
    planned = _looked_ahead(asked, common)
    if out is not None:
        from awsroll.files.plan_file import save_plan  # noqa: PLC0415 - see above

        save_plan(planned, out)
        output.note(f"the plan is in {out}: `awsroll roll --plan {out}` carries it out")
    if output.json:
        told = msgspec.to_builtins(planned)
        output.emit("plan", **{key: value for key, value in told.items() if key not in _FOR_ROLL})
    else:
        output.result(plan_text(planned))
    return 0


def _plan_many(asked: FleetsSpec, out: Path | None, common: CommonOptions) -> int:
    from awsroll.cli.waves import plan_waves  # noqa: PLC0415 - see above

    if out is not None:
        problem = (
            f"--out {out}: a kept plan is of one fleet; look at many with `awsroll plan -f FILE`, roll the same file"
        )
        raise SpecError(problem)
    return plan_waves(asked, common)


@takes(REQUEST_GROUP, COMMON_GROUP)
def doctor(request: RolloutSpec, common: CommonOptions) -> int:
    """Run the checks that come before a rollout, and nothing else. Changes nothing."""
    output = Output(json=common.json, quiet=common.quiet)
    planned = _looked_ahead(request, common)
    if output.json:
        for finding in planned.findings:
            output.emit("finding", severity=finding.severity, message=finding.message)
        output.emit("doctor", fleet=planned.fleet, ok=True, warnings=len(planned.findings))
        return 0
    for finding in planned.findings:
        output.result(f"warning: {finding.message}")
    output.result(f"{planned.fleet} can be rolled from {planned.from_version or '(none)'} to {planned.to_version}")
    return 0


def _looked_ahead(request: RolloutSpec, common: CommonOptions) -> "RolloutPlan":
    from awsroll.driver.operations import Context, look_ahead  # noqa: PLC0415 - see above

    return look_ahead(request, Context(session=common.session(), endpoint_url=common.endpoint_url))
