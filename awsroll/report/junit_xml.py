"""The report as JUnit XML, which pipelines show as tests: the rollout, its promise, and each server that it changed."""

from xml.etree.ElementTree import Element

from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.status import Outcome
from awsroll.core.timeline.course import Lane, without_reasons
from awsroll.report.markup import add, as_xml, element
from awsroll.report.sentences import headline, lead, outcome_words
from awsroll.report.story import Story

_ARRIVES = (ServerPhase.LAUNCHING, ServerPhase.VERIFYING, ServerPhase.RELOADING, ServerPhase.RETURNING)
_LONGEST = 4000


def junit_xml(story: Story) -> str:
    """Return the report of a rollout as JUnit XML."""
    report = story.report
    suite = element("testsuite", name=f"awsroll {headline(story)}", timestamp=report.started_at.isoformat())
    rollout = _case(suite, report.fleet, f"rollout {report.rollout_id}", report.elapsed_s)
    if report.status is not Outcome.SUCCEEDED:
        _fail(rollout, report.reason or outcome_words(story))
    add(rollout, "system-out", lead(story))
    _promise(suite, story)
    causes = {failure.instance_id: failure.cause for failure in story.failures if failure.instance_id}
    for lane in story.course.lanes:
        seconds = _seconds_of_arrival(lane)
        if seconds is not None or lane.instance_id in causes:
            case = _case(suite, f"{report.fleet}.{lane.zone}", lane.instance_id, seconds or 0)
            if lane.instance_id in causes:
                _fail(case, causes.pop(lane.instance_id))
    for name, cause in causes.items():
        _fail(_case(suite, report.fleet, name, 0), cause)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(sum(1 for case in suite if case.find("failure") is not None)))
    suite.set("time", f"{report.elapsed_s:.3f}")
    return as_xml(suite)


def _promise(suite: Element, story: Story) -> None:
    """Add the test of the promise: the serving capacity never fell below its floor."""
    case = _case(suite, story.report.fleet, "serving capacity never below the floor", 0)
    low = next((sample for _, sample in story.course.samples if sample.serving < sample.floor), None)
    if low is not None:
        _fail(case, f"{low.serving} servers served, and the floor is {low.floor}")


def _case(suite: Element, group: str, name: str, seconds: float) -> Element:
    return add(suite, "testcase", classname=group, name=name, time=f"{seconds:.3f}")


def _fail(case: Element, cause: str) -> None:
    add(case, "failure", cause, message=cause[:_LONGEST])


def _seconds_of_arrival(lane: Lane) -> float | None:
    """Return how long a server took until it served on the new version; None if it did not come in this rollout."""
    stays = without_reasons(lane.stays)
    first = next((stay.at for stay in stays if stay.state in _ARRIVES), None)
    if first is None:
        return None
    arrived = (stay.at for stay in stays if stay.at > first and stay.state not in _ARRIVES)
    return next(arrived, stays[-1].at) - first
