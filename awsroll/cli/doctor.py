"""`awsroll doctor`: the checks of a rollout, each with its result. It only reads."""

from typing import TYPE_CHECKING

from awsroll.cli.common_options import READING_GROUP, CommonOptions
from awsroll.cli.confirm import check_warnings, fail_on_warnings_option
from awsroll.cli.flags import takes
from awsroll.cli.output import Output
from awsroll.cli.read_request import REQUEST_GROUP
from awsroll.cli.store_warning import warn_of_lost_store
from awsroll.core.request.spec import RolloutSpec

if TYPE_CHECKING:
    from awsroll.driver.readiness import Diagnosis
    from awsroll.report import RolloutPlan


@takes(REQUEST_GROUP, READING_GROUP)
@fail_on_warnings_option
def doctor(request: RolloutSpec, common: CommonOptions, *, fail_on_warnings: bool) -> int:
    """Run the checks of a rollout and list each with its result, without changing anything.

    Ends with the exit code that `awsroll roll` would end with: 2, 4 or 5 if the rollout may not start, else 0.
    """
    from awsroll.driver.context import Context  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.readiness import diagnose  # noqa: PLC0415 - see above
    from awsroll.driver.session import Session  # noqa: PLC0415 - see above

    warn_of_lost_store(common)
    output = Output(json=common.json, quiet=common.quiet)
    context = Context(session=common.session(), store=common.store(), endpoint_url=common.endpoint_url)
    diagnosis = diagnose(Session(context), request, reads_store=True)
    _print_checks(output, diagnosis)
    if diagnosis.error is not None:
        raise diagnosis.error
    if diagnosis.plan is not None:
        check_warnings(diagnosis.plan.warnings, fail=fail_on_warnings)
        _print_plan(output, diagnosis.plan)
    return 0


def _print_checks(output: Output, diagnosis: "Diagnosis") -> None:
    if output.json:
        for check in diagnosis.checks:
            output.emit("check", check=check.check, result=check.result, messages=list(check.messages))
        return
    from awsroll.cli.render_report import checks_text  # noqa: PLC0415 - keeps `--help` fast

    output.result(checks_text(diagnosis.checks))


def _print_plan(output: Output, planned: "RolloutPlan") -> None:
    if output.json:
        output.emit("doctor", fleet=planned.fleet, ok=True, warnings=len(planned.warnings))
    elif planned.nothing_to_do:
        output.result(f"{planned.fleet} is on {planned.to_name}: nothing to do")
    else:
        output.result(f"{planned.fleet} can be rolled from {planned.from_name or '(none)'} to {planned.to_name}")
