"""One recorded step in lines for people: what the rollout knew, what it decided, and how AWS answered."""

from collections.abc import Iterator

from awsroll.core.model.duration_text import duration
from awsroll.core.timeline.cell import Cell
from awsroll.core.timeline.picture import Picture, picture
from awsroll.recording.documents import document_of
from awsroll.recording.recorded_step import RecordedStep
from awsroll.recording.replaying import Rerun

_HOUR, _MINUTE = 3600, 60


def clock_text(seconds: float) -> str:
    """Return a time since the start of a rollout as `HH:MM:SS`."""
    hours, rest = divmod(int(seconds), _HOUR)
    return f"{hours:02}:{rest // _MINUTE:02}:{rest % _MINUTE:02}"


def step_lines(rerun: Rerun) -> tuple[str, ...]:
    """Return what a step knew, decided and changed."""
    step = rerun.step
    return (
        f"step {rerun.number} at {clock_text(rerun.seconds)} ({step.observation.at:%Y-%m-%d %H:%M:%SZ})",
        *_observed(step),
        *_section("decided", step.decision),
        *_section("answered", _answers(step)),
        *_section("changed in the record", _changes(step)),
        *difference_lines(rerun),
    )


def difference_lines(rerun: Rerun) -> tuple[str, ...]:
    """Return what the planner decides differently now; nothing if it decides the same."""
    return (*_section("only recorded", rerun.missing), *_section("only decided now", rerun.extra))


def _section(name: str, lines: tuple[str, ...]) -> tuple[str, ...]:
    return (f"{name}:", *(f"  {line}" for line in lines)) if lines else ()


def _observed(step: RecordedStep) -> Iterator[str]:
    shown = picture(step.rollout, step.observation, step.after or step.before)
    yield f"observed: {len(shown.cells)} servers, {_capacity(shown)}"
    for cell in shown.cells:
        yield f"  {_cell(step, cell)}"
    for alarm in step.observation.alarms:
        yield f"  alarm {alarm.name}: {alarm.state.value}"


def _capacity(shown: Picture) -> str:
    return f"{shown.serving} serve ({shown.serving_new} on the new version), {shown.live} live, {shown.running} running"


def _cell(step: RecordedStep, cell: Cell) -> str:
    instance = step.observation.instance(cell.instance_id)
    targets = () if instance is None else instance.targets
    states = ", ".join(f"{target.state.value} {target.reason}".rstrip() for target in targets)
    server = step.before.servers.get(cell.instance_id)
    since = "" if server is None else f" for {duration((step.observation.at - server.since).total_seconds())}"
    parts = (cell.zone, cell.version, f"{cell.state.value}{since}", cell.reason, states)
    return "  ".join((cell.instance_id, *(part for part in parts if part)))


def _answers(step: RecordedStep) -> tuple[str, ...]:
    return tuple(
        " ".join(part for part in (f"action {answer.action + 1}:", answer.answer, answer.code, answer.message) if part)
        for answer in step.answers
    )


def _changes(step: RecordedStep) -> tuple[str, ...]:
    if step.after is None:
        return ()
    before, after = document_of(step.before), document_of(step.after)
    known, kept = frozenset(before), frozenset(after)
    return (
        *(f"- {line}" for line in before if line not in kept),
        *(f"+ {line}" for line in after if line not in known),
    )
