"""What `roll`, `resume` and `demo` share: drive a rollout with progress, signals and a closing report."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from awsroll.cli.common_options import CommonOptions
from awsroll.cli.exit_codes import Exit, exit_of_outcome
from awsroll.cli.output import Output, complain
from awsroll.cli.signals import StopRequest
from awsroll.core.classify.view import View
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsroll.driver.operations import Context
    from awsroll.ports import Record, Sink, Store
    from awsroll.preflight import Prepared
    from awsroll.report import Report

_ENDED_BADLY = (Outcome.STOPPED, Outcome.ROLLED_BACK)
BEGINNINGS = ("rollout.created", "rollout.resumed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A boto3 session and a place for the record that end with the program: nothing is left to resume."""

    session: Any
    store: "Store"


def drive(
    common: CommonOptions,
    run: "Callable[[Context], Report]",
    *,
    stage: "Stage | None" = None,
    wanted: Outcome = Outcome.SUCCEEDED,
    asks: bool = True,
) -> int:
    """Run a rollout to its end, showing it; return the exit code.

    Args:
        common: the options that every command takes.
        run: starts or resumes the rollout in the surroundings that it is given.
        stage: a passing place, instead of what the options say.
        wanted: the outcome that was asked for.
        asks: wait at a gate that needs a person; else pause there.
    """
    from awsroll.clock import SystemClock  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.driver.operations import Context  # noqa: PLC0415 - see above

    output = Output(json=common.json, quiet=common.quiet)
    kept = common.store() if stage is None else stage.store
    followed = _Followed(output, kept)
    stop = StopRequest(give_up=followed.tell_interrupted)
    followed.stop = stop
    with stop.listening(), output.progress() as progress:
        followed.sink = progress
        context = Context(
            session=common.session() if stage is None else stage.session,
            endpoint_url=common.endpoint_url,
            store=kept,
            clock=SystemClock(stop.event),
            sink=followed,
            stop_requested=stop.requested,
            wait_for_approval=asks,
            confirm=lambda prepared: common.yes or not output.can_ask or _ask(prepared),
        )
        try:
            report = run(context)
        except KeyboardInterrupt:  # typer would leave without a word
            complain("interrupted before anything was changed")
            return Exit.INTERRUPTED
    tell(output, report, serving=followed.serving, lasts=stage is None)
    return exit_of_outcome(report.status, wanted=wanted)


def tell(output: Output, report: "Report", *, serving: str = "", lasts: bool = True) -> None:
    """Give the closing report, and what to do next (nothing, where fleet and record end with the program)."""
    from awsroll.cli.render_report import how_to_go_on, report_text  # noqa: PLC0415 - see above

    if output.json:
        output.emit("report", **report.as_dict())
    else:
        output.result(report_text(report))
    advice = how_to_go_on(report, serving=serving)
    if advice and (lasts or report.status in _ENDED_BADLY):
        complain(advice)


class _Followed:
    """The sink that the command itself listens on: it prints the rollout's id first, and knows it from then on."""

    def __init__(self, output: Output, store: "Store") -> None:
        self.sink: Sink | None = None
        self.stop: StopRequest | None = None
        self._output = output
        self._store = store
        self._rollout_id = ""
        self.serving = ""

    def event(self, name: str, at: datetime, **fields: object) -> None:
        if name in BEGINNINGS:
            self._rollout_id = str(fields["rollout_id"])
            if self.stop is not None:
                self.stop.driving = True
            if not self._output.json:
                self._output.result(f"rollout {self._rollout_id}")
        if self.sink is not None:
            self.sink.event(name, at, **fields)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        self.serving = in_words_serving(View(rollout, observation, status))
        if self.sink is not None:
            self.sink.observed(rollout, observation, status)

    def tell_interrupted(self) -> None:
        """Close as interrupted, from the record: the driver is stuck in a call that AWS does not answer."""
        from awsroll.report import build_report  # noqa: PLC0415 - see above

        record: Record = self._store.load(self._rollout_id)
        tell(self._output, build_report(record, at=datetime.now(UTC)))


def in_words_serving(view: View) -> str:
    """Return what serves, for people."""
    new = sum(1 for one in view.serving if view.is_current(one))
    old = len(view.serving) - new
    return f"{new + old} of {len(view.live)} servers serve, {new} of them on {view.rollout.to_version}"


def _ask(prepared: "Prepared") -> bool:
    if not prepared.findings:
        return True
    complain(*(f"warning: {finding.message}" for finding in prepared.findings))
    complain("go on? [y/N] (--yes does not ask)")
    return input().strip().lower() in ("y", "yes")
