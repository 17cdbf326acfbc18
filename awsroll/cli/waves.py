"""`awsroll roll -f` and `awsroll plan -f` with a file of many fleets: shown, stopped and closed as one."""

import sys
from datetime import datetime

from awsroll.cli.common_options import CommonOptions
from awsroll.cli.drive import BEGINNINGS, in_words_serving
from awsroll.cli.exit_codes import Exit, exit_of_outcome
from awsroll.cli.output import Output, complain
from awsroll.cli.progress_lines import FleetLines
from awsroll.cli.render_report import how_to_go_on, plan_text
from awsroll.cli.render_waves_report import advice_on, fleets_text, wave_heading
from awsroll.cli.signals import StopRequest
from awsroll.clock import SystemClock
from awsroll.core.classify.view import View
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.request.waves import FleetsSpec
from awsroll.driver.operations import Context, NotConfirmedError
from awsroll.events import JsonLines, Tee
from awsroll.ports import Sink
from awsroll.report import FleetPlan, FleetsReport
from awsroll.waves import FleetsRun

_FOR_ROLL = ("asked", "request", "fingerprint")  # of a plan: what nobody reads


def roll_waves(spec: FleetsSpec, common: CommonOptions, *, asks: bool = True) -> int:
    """Roll many fleets, wave after wave; return the exit code of the one that a person must look at first."""
    output = Output(json=common.json, quiet=common.quiet)
    followed = _Followed(output, _sink(output))
    stop = StopRequest(give_up=followed.tell_as_it_stands)
    with stop.listening():
        run = FleetsRun(
            spec,
            Context(
                session=common.session(),
                endpoint_url=common.endpoint_url,
                store=common.store(),
                clock=SystemClock(stop.event),
                sink=followed,
                stop_requested=stop.requested,
                wait_for_approval=asks,
            ),
        )
        followed.run = run
        try:
            warnings = run.check().warnings
            if warnings and output.can_ask and not common.yes and not _asked(warnings):
                problem = "not confirmed: nothing was changed"
                raise NotConfirmedError(problem)
            stop.driving = True
            report = run.roll()
        except KeyboardInterrupt:  # typer would leave without a word
            complain("interrupted before anything was changed")
            return Exit.INTERRUPTED
    followed.tell(report)
    return exit_of_outcome(report.status)


def plan_waves(spec: FleetsSpec, common: CommonOptions) -> int:
    """Show what would be done to many fleets; change nothing."""
    import msgspec  # noqa: PLC0415 - keeps the text form fast

    output = Output(json=common.json, quiet=common.quiet)
    context = Context(session=common.session(), endpoint_url=common.endpoint_url, store=common.store())
    planned = FleetsRun(spec, context).check()
    if output.json:
        told = msgspec.to_builtins(planned)
        for fleet in (one for wave in told["waves"] for one in wave["fleets"]):
            fleet["plan"] = fleet["plan"] and {key: it for key, it in fleet["plan"].items() if key not in _FOR_ROLL}
        output.emit("plan", **told)
        return 0
    parts = []
    for wave in planned.waves:
        parts.append(wave_heading(wave.name, wave.concurrency, wave.tolerated_failures, len(wave.fleets)))
        parts += [_fleet_plan_text(fleet) for fleet in wave.fleets]
    output.result("\n\n".join(parts))
    return 0


def _fleet_plan_text(fleet: FleetPlan) -> str:
    where = ", ".join(part for part in (fleet.region, fleet.role) if part)
    doing = f"goes on with rollout {fleet.resumes}" if fleet.plan is None else plan_text(fleet.plan)
    return f"{fleet.fleet_name} ({where})\n{doing}"


def _sink(output: Output) -> Sink:
    if output.json:
        return JsonLines(sys.stdout)
    return Tee() if output.quiet else FleetLines(sys.stderr)


def _asked(warnings: tuple[str, ...]) -> bool:
    complain(*(f"warning: {warning}" for warning in warnings), "go on? [y/N] (--yes does not ask)")
    return input().strip().lower() in ("y", "yes")


class _Followed:
    """The sink that the command itself listens on: it prints each rollout's id, and closes with the report of all."""

    def __init__(self, output: Output, sink: Sink) -> None:
        self.run: FleetsRun | None = None
        self._output = output
        self._sink = sink
        self._serving: dict[str, str] = {}

    def event(self, name: str, at: datetime, **fields: object) -> None:
        if name in BEGINNINGS and not self._output.json:
            self._output.result(f"rollout {fields['rollout_id']} ({fields['fleet_name']})")
        self._sink.event(name, at, **fields)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        self._serving[rollout.rollout_id] = in_words_serving(View(rollout, observation, status))

    def tell_as_it_stands(self) -> None:
        """Close as interrupted, from the records: a driver is stuck in a call that AWS does not answer."""
        if self.run is not None:
            self.tell(self.run.report())

    def tell(self, report: FleetsReport) -> None:
        """Give the closing report, and what to do next."""
        if self._output.json:
            self._output.emit("report", **report.as_dict())
        else:
            self._output.result(fleets_text(report))
        for fleet in report.fleets:
            rolled = fleet.report
            serving = "" if rolled is None else self._serving.get(rolled.rollout_id, "")
            if rolled is not None and (advice := how_to_go_on(rolled, serving=serving)):
                whose = f" (with credentials of {fleet.role})" if fleet.role else ""
                complain(f"{fleet.fleet_name}: {advice}{whose}")
        complain(*advice_on(report))
