"""`awsroll roll -f` and `awsroll plan -f` with a file of many fleets."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from awsroll.cli.common_options import CommonOptions
from awsroll.cli.confirm import asks, check_warnings
from awsroll.cli.drive import driving_context, serving_text
from awsroll.cli.exit_codes import exit_of_outcome
from awsroll.cli.output import Output, ask_to_confirm, json_lines, shows_live_view, write_messages, write_text
from awsroll.cli.process_state import START_EVENTS, NoteStarted
from awsroll.cli.progress_lines import FleetLines
from awsroll.cli.render_plan import plan_summary_text, plan_text
from awsroll.cli.render_report import next_step
from awsroll.cli.render_waves_report import fleets_text, next_steps, wave_heading
from awsroll.cli.signals import StopRequest
from awsroll.core.classify.view import View
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.request.waves import FleetsSpec
from awsroll.driver.operations import Context, NotConfirmedError
from awsroll.events import Tee
from awsroll.ports import Sink
from awsroll.report import FleetPlan, FleetsPlan, FleetsReport, RolloutPlan
from awsroll.waves import FleetsRun


def roll_waves(
    spec: FleetsSpec, common: CommonOptions, *, wait_for_approval: bool = True, fail_on_warnings: bool = False
) -> int:
    """Roll many fleets, wave after wave; return the exit code of the fleet with the most severe result.

    Args:
        spec: the waves.
        common: the options that every command has.
        wait_for_approval: wait at a checkpoint that needs approval; otherwise pause there.
        fail_on_warnings: refuse to start if the checks of a fleet have a warning.
    """
    output = Output(json=common.json, quiet=common.quiet)
    with progress(output) as seen:
        sink, report = _roll(spec, common, seen, wait_for_approval=wait_for_approval, fails=fail_on_warnings)
    sink.print_report(report)
    return exit_of_outcome(report.status)


def _roll(
    spec: FleetsSpec, common: CommonOptions, progress: Sink, *, wait_for_approval: bool, fails: bool
) -> "tuple[_FleetsSink, FleetsReport]":
    sink = _FleetsSink(Output(json=common.json, quiet=common.quiet), progress)
    stop = StopRequest(give_up=sink.report_interrupted)
    with stop.listening():
        run = FleetsRun(
            spec,
            replace(
                driving_context(common, stop, sink, store=common.store()),
                wait_for_approval=wait_for_approval,
                wait_for_budget=wait_for_approval,
            ),
        )
        sink.run = run
        planned = run.check()
        check_warnings(planned.warnings, fail=fails)
        if asks(common) and not _is_confirmed(planned):
            problem = "not confirmed; nothing was changed"
            raise NotConfirmedError(problem)
        stop.driving = True
        return sink, run.roll()


def plan_waves(spec: FleetsSpec, common: CommonOptions, *, fail_on_warnings: bool = False) -> int:
    """Show what a rollout of many fleets would do; change nothing."""
    import msgspec  # noqa: PLC0415 - only the JSON output needs it

    output = Output(json=common.json, quiet=common.quiet)
    context = Context(session=common.session(), endpoint_url=common.endpoint_url, store=common.store())
    planned = FleetsRun(spec, context).check()
    if output.json:
        fields = msgspec.to_builtins(planned)
        written = (fleet for wave in fields["waves"] for fleet in wave["fleets"])
        for fleet, plain in zip((fleet for wave in planned.waves for fleet in wave.fleets), written, strict=True):
            plain["plan"] = None if fleet.plan is None else fleet.plan.as_dict()
        output.emit("plan", **fields)
    else:
        output.result(_plans_text(planned, plan_text))
    check_warnings(planned.warnings, fail=fail_on_warnings)
    return 0


def _plans_text(planned: FleetsPlan, text_of: Callable[[RolloutPlan], str]) -> str:
    parts = []
    for wave in planned.waves:
        parts.append(wave_heading(wave))
        parts += [_fleet_plan_text(fleet, text_of) for fleet in wave.fleets]
    return "\n\n".join(parts)


def _fleet_plan_text(fleet: FleetPlan, text_of: Callable[[RolloutPlan], str]) -> str:
    where = ", ".join(part for part in (fleet.region, fleet.role) if part)
    plan = f"continues rollout {fleet.resumes}" if fleet.plan is None else text_of(fleet.plan)
    return f"{fleet.fleet_name} ({where})\n{plan}"


@contextmanager
def progress(output: Output) -> Iterator[Sink]:
    """Yield the sink that shows the events of all fleets until the block ends."""
    if not (output.json or output.quiet) and shows_live_view():
        from awsroll.cli.live_fleets import FleetsView  # noqa: PLC0415 - only a terminal needs rich

        with FleetsView() as view:
            yield Tee(NoteStarted(), view)
        return
    readable: tuple[Sink, ...] = () if output.quiet else (FleetLines(sys.stderr),)
    yield Tee(NoteStarted(), *((json_lines(),) if output.json else ()), *readable)


def _is_confirmed(planned: FleetsPlan) -> bool:
    write_text(_plans_text(planned, plan_summary_text))
    return ask_to_confirm("Roll these fleets?")


class _FleetsSink:
    """Prints the id of each rollout and, at the end, the report of all fleets."""

    def __init__(self, output: Output, progress: Sink) -> None:
        self.run: FleetsRun | None = None
        self._output = output
        self._progress = progress
        self._serving: dict[str, str] = {}

    def event(self, name: str, at: datetime, **fields: object) -> None:
        if name in START_EVENTS and not self._output.json:
            self._output.result(f"rollout {fields['rollout_id']} ({fields['fleet_name']})")
        self._progress.event(name, at, **fields)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        self._serving[rollout.rollout_id] = serving_text(View(rollout, observation, status))
        self._progress.observed(rollout, observation, status)

    def report_interrupted(self) -> None:
        """Print the report from the records while a driver is stuck in a call that AWS does not answer."""
        if self.run is not None:
            self.print_report(self.run.report())

    def print_report(self, report: FleetsReport) -> None:
        """Print the closing report and the next steps for the user."""
        if self._output.json:
            self._output.emit("report", **report.as_dict())
        else:
            self._output.result(fleets_text(report))
        for fleet in report.fleets:
            rollout = fleet.report
            serving = "" if rollout is None else self._serving.get(rollout.rollout_id, "")
            if rollout is not None and (advice := next_step(rollout, serving=serving)):
                credentials = f" (with the credentials of {fleet.role})" if fleet.role else ""
                write_messages(f"{fleet.fleet_name}: {advice}{credentials}")
        write_messages(*next_steps(report))
