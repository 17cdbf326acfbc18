"""Driving one rollout from a command: progress, signals, confirmation and the closing report."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from awsroll.cli.common_options import CommonOptions
from awsroll.cli.confirm import asks, roll_prompt, rollback_prompt, unrestored_prompt
from awsroll.cli.exit_codes import exit_of_outcome
from awsroll.cli.given_instructions import instruction_prompt
from awsroll.cli.output import Output, result_width, write_messages
from awsroll.cli.process_state import START_EVENTS
from awsroll.cli.report import check_report_file, write_reports
from awsroll.cli.signals import StopRequest
from awsroll.core.classify.view import View
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Outcome, Status
from awsroll.errors import AwsrollError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from awsroll.driver.operations import Context
    from awsroll.ports import Record, Sink, Store
    from awsroll.report import Report

_ENDED_BADLY = (Outcome.STOPPED, Outcome.ROLLED_BACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryBackend:
    """A boto3 session and a store that end with the program, so that no rollout can be resumed."""

    session: Any
    store: "Store"


def drive(  # noqa: PLR0913 - a command may change each of these
    common: CommonOptions,
    run: "Callable[[Context], Report]",
    *,
    backend: "TemporaryBackend | None" = None,
    success: Outcome = Outcome.SUCCEEDED,
    wait_for_approval: bool = True,
    fail_on_warnings: bool = False,
    report_file: "Path | None" = None,
    record_file: "Path | None" = None,
) -> int:
    """Run a rollout to its end, show its progress, and return the exit code.

    Args:
        common: the options that every command has.
        run: starts or resumes the rollout in the given context.
        backend: the session and store to use instead of those that the options name.
        success: the outcome that exits with 0.
        wait_for_approval: wait at a checkpoint that needs approval; otherwise pause there.
        fail_on_warnings: refuse a rollout whose checks have a warning.
        report_file: where to write the report at the end; None: nowhere.
        record_file: where to append the decisions; None: in the store alone.
    """
    check_report_file(report_file)
    if record_file is not None:
        from awsroll.recording.recording_file import check_recording_file  # noqa: PLC0415 - keeps `--help` fast

        check_recording_file(record_file)
    output = Output(json=common.json, quiet=common.quiet)
    store = common.store() if backend is None else backend.store
    sink = _RolloutSink(output, store)
    stop = StopRequest(give_up=sink.report_interrupted)
    sink.stop = stop
    with stop.listening(), output.progress() as progress:
        sink.progress = progress
        context = replace(
            driving_context(common, stop, sink, store=store, session=None if backend is None else backend.session),
            wait_for_approval=wait_for_approval,
            wait_for_budget=wait_for_approval,
            record=record_file,
            confirm_instructions=instruction_prompt(common, output),
            confirm=roll_prompt(common, fail_on_warnings=fail_on_warnings),
            shows_plan=asks(common),
            confirm_rollback=rollback_prompt(common),
            confirm_unrestored=unrestored_prompt(common, output),
        )
        report = run(context)
    if report.failures and not (common.quiet and not common.json):
        _explain(output, report.rollout_id, context)
    print_report(output, report, serving=sink.serving, can_continue=backend is None)
    write_reports(report, store, report_file)
    return exit_of_outcome(report.status, success=success)


def _explain(output: Output, rollout_id: str, context: "Context") -> None:
    """Print why servers have failed. The rollout has ended: an explanation that cannot be made is left out."""
    from awsroll.cli.explain import print_explanations  # noqa: PLC0415 - only for failures
    from awsroll.driver.read_facts import explain_failures  # noqa: PLC0415 - the same

    with suppress(AwsrollError):
        print_explanations(output, rollout_id, explain_failures(rollout_id, context), aside=True)


def driving_context(
    common: CommonOptions, stop: StopRequest, sink: "Sink | None", *, store: "Store", session: Any = None
) -> "Context":
    """Return the environment of a command that drives rollouts until a person interrupts it.

    Args:
        common: the options that every command has.
        stop: the request of the person.
        sink: receives the events.
        store: the store of the records.
        session: the boto3 session; None: that of the options.
    """
    from awsroll.clock import SystemClock  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.context import Context  # noqa: PLC0415 - see above

    return Context(
        session=common.session() if session is None else session,
        endpoint_url=common.endpoint_url,
        store=store,
        clock=SystemClock(stop.event),
        sink=sink,
        stop_requested=stop.requested,
    )


def print_report(output: Output, report: "Report", *, serving: str = "", can_continue: bool = True) -> None:
    """Print the closing report and the next step for the user.

    Args:
        output: where to print.
        report: how the rollout ended.
        serving: which servers serve now, in words.
        can_continue: the fleet and the record outlive the program.
    """
    from awsroll.cli.render_report import next_step, report_text  # noqa: PLC0415 - see above

    if output.json:
        output.emit("report", **report.as_dict())
    else:
        output.result(report_text(report, width=result_width()))
    advice = next_step(report, serving=serving)
    if advice and (can_continue or report.status in _ENDED_BADLY):
        write_messages(advice)


class _RolloutSink:
    """Prints the rollout's id first, then passes events on to the progress output."""

    def __init__(self, output: Output, store: "Store") -> None:
        self.progress: Sink | None = None
        self.stop: StopRequest | None = None
        self._output = output
        self.store = store
        self._rollout_id = ""
        self.serving = ""

    def event(self, name: str, at: datetime, **fields: object) -> None:
        if name in START_EVENTS:
            self._rollout_id = str(fields["rollout_id"])
            if self.stop is not None:
                self.stop.driving = True
            if not self._output.json:
                self._output.result(f"rollout {self._rollout_id}")
        if self.progress is not None:
            self.progress.event(name, at, **fields)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        self.serving = serving_text(View(rollout, observation, status))
        if self.progress is not None:
            self.progress.observed(rollout, observation, status)

    def report_interrupted(self) -> None:
        """Print the report from the record while the driver is stuck in a call that AWS does not answer."""
        from awsroll.report import build_report  # noqa: PLC0415 - see above

        record: Record = self.store.load(self._rollout_id)
        print_report(self._output, build_report(record, at=datetime.now(UTC)))


def serving_text(view: View) -> str:
    """Return how many servers serve, for people."""
    new = sum(1 for instance in view.serving if view.is_current(instance))
    old = len(view.serving) - new
    return f"{new + old} of {len(view.live)} servers serve, {new} of them on {view.rollout.to_name}"
