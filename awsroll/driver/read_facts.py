"""Reads what AWS knows of the servers of a rollout that fails or waits, and explains it. Changes nothing."""

import re
from collections import Counter
from dataclasses import replace

from awsroll.core.decide.approvals import awaited_approval
from awsroll.core.explain.causes import THROTTLED
from awsroll.core.explain.explanation import Explanation, explain
from awsroll.core.explain.server_facts import ServerFacts
from awsroll.core.model.observation import AlarmState, CommandState, Instance, InstanceState, Observation
from awsroll.core.model.status import Status
from awsroll.core.observe.judged_record import awaited_verdict
from awsroll.driver.context import Context
from awsroll.driver.read_machine import console_end, failed_checks
from awsroll.driver.read_story import stored_course
from awsroll.driver.session import Session
from awsroll.errors import AwsrollError, SpecError
from awsroll.ports import Record
from awsroll.stores import RecordStore

_ENDED = (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)
_MOST_SERVERS = 5
_RECENTLY_SECONDS = 600
_IS_THROTTLED = re.compile(THROTTLED, re.IGNORECASE)
_MOST_FAILURES = 2  # printed at the end of a rollout; `awsroll explain` has the others


def explain_rollout(rollout_id: str, context: Context, instance_id: str = "") -> tuple[Explanation, ...]:
    """Return why a rollout or one of its servers fails or waits: the rollout first, then its servers.

    AWS is read in the caller's own region alone, with the caller's own credentials. Where that is not possible, the
    explanation says so and uses the record.

    Raises:
        StateError: if the record is missing or cannot be used.
        SpecError: if the record does not name the server.
    """
    session = Session(context)
    record = session.store.load(rollout_id)
    names = _servers(record.status)
    if instance_id and instance_id not in names:
        shown = f". It names {', '.join(names[:_MOST_SERVERS])}" if names else ""
        problem = f"no server {instance_id} fails or is in flight in rollout {rollout_id}{shown}"
        raise SpecError(problem)
    observation, unread = _observe(session, record)
    chosen = [instance_id] if instance_id else names[:_MOST_SERVERS]
    facts = (_facts(record.status, name, observation, unread) for name in chosen)
    servers = tuple(explain(each if observation is None else _with_machine(each, session)) for each in facts)
    if instance_id:
        return servers
    throttled = _throttled(record, session, unread)
    return (_of_rollout(record, observation, unread, throttled), *servers)


def explain_failures(rollout_id: str, context: Context) -> tuple[Explanation, ...]:
    """Return why the servers of a rollout have failed, the newest failures first.

    Raises:
        StateError: if the record is missing or cannot be used.
    """
    session = Session(replace(context, sink=None))
    record = session.store.load(rollout_id)
    failed = list(dict.fromkeys(each.instance_id for each in reversed(record.status.failures) if each.instance_id))
    observation, unread = _observe(session, record)
    facts = (_facts(record.status, name, observation, unread) for name in failed[:_MOST_FAILURES])
    return tuple(explain(each if observation is None else _with_machine(each, session)) for each in facts)


def _servers(status: Status) -> list[str]:
    """Return the servers to explain: the failed ones, the newest first, then those in flight."""
    failed = [failure.instance_id for failure in reversed(status.failures) if failure.instance_id]
    return list(dict.fromkeys([*failed, *sorted(status.servers_in_flight)]))


def _observe(session: Session, record: Record) -> tuple[Observation | None, tuple[str, ...]]:
    rollout = record.rollout
    if rollout.region and rollout.region != session.own_region:
        return None, (f"AWS, because the rollout is in {rollout.region}: pass --region {rollout.region}",)
    try:
        session.check_account(rollout)
        target = rollout.target(rolling_back=record.status.rolling_back)
        return session.fleet(target).observe(target, record.status), ()
    except AwsrollError as error:
        return None, (f"AWS: {error}",)


def _facts(status: Status, name: str, observation: Observation | None, unread: tuple[str, ...]) -> ServerFacts:
    cause = next((failure.cause for failure in reversed(status.failures) if failure.instance_id == name), "")
    server = status.servers.get(name)
    phase = "" if server is None else str(server.phase)
    instance = None if observation is None else observation.instance(name)
    if observation is None or instance is None:
        missing = ("EC2, because it does not list the server any longer",) if observation is not None else ()
        return ServerFacts(instance_id=name, phase=phase, cause=cause, unread=(*unread, *missing))
    if cause and instance.state in _ENDED:  # awsroll has ended the server since, so its state explains nothing
        return ServerFacts(instance_id=name, phase=phase, cause=cause, unread=unread)
    failed = (each for each in observation.invocations if each.state is CommandState.FAILED)
    return ServerFacts(
        instance_id=name,
        phase=phase,
        cause=cause,
        targets=_targets(instance, observation),
        lifecycle=instance.lifecycle_detail or str(instance.lifecycle or ""),
        state=str(instance.state),
        state_reason=instance.state_reason,
        marked_unhealthy=instance.marked_unhealthy,
        command_output=next((each.detail for each in failed if each.instance_id == name), ""),
    )


def _with_machine(facts: ServerFacts, session: Session) -> ServerFacts:
    """Return the facts with what the machine itself shows, also if its server has ended."""
    checks, no_checks = failed_checks(session.aws, facts.instance_id) if facts.state else ((), ())
    console, no_console = console_end(session.aws, facts.instance_id)
    return replace(facts, checks=checks, console=console, unread=(*facts.unread, *no_checks, *no_console))


def _targets(instance: Instance, observation: Observation) -> tuple[str, ...]:
    names = {group.arn: group.name for group in observation.target_groups}
    return tuple(
        f"{names.get(target.key.target_group, target.key.target_group)}:{target.key.port} {target.state}"
        + (f" ({target.why})" if target.why else "")
        for target in instance.targets
        if not target.takes_requests
    )


def _throttled(record: Record, session: Session, unread: tuple[str, ...]) -> tuple[str, ...]:
    """Return which calls AWS has throttled: of the rollout, in its last minutes, and of this explanation."""
    store, found = session.store, Counter[str]()
    if isinstance(store, RecordStore):
        course = stored_course(record, store)
        for fact in course.facts:
            if course.seconds - fact.at <= _RECENTLY_SECONDS and _IS_THROTTLED.search(fact.fields.get("message", "")):
                found[fact.fields.get("operation", "") or fact.name] += 1
    calls = (f"{name} {count} times" if count > 1 else name for name, count in found.most_common(_MOST_SERVERS))
    return (*calls, *(text for text in unread if _IS_THROTTLED.search(text)))


def _of_rollout(
    record: Record, observation: Observation | None, unread: tuple[str, ...], throttled: tuple[str, ...]
) -> Explanation:
    rollout, status = record.rollout, record.status
    approval = awaited_approval(rollout, status, status.user_requests)
    waits = f"it waits for approval at {approval.place}: `{approval.command}`" if approval is not None else ""
    verdict = awaited_verdict(rollout, status)
    judge = f"it waits for a verdict of the judge: {verdict}" if verdict else ""
    causes = [failure.cause for failure in reversed(status.failures) if not failure.instance_id]
    alarms = observation.alarms if observation is not None else ()
    failures = observation.group.launch_failures if observation is not None and observation.group is not None else ()
    says_the_same = approval is not None and status.reason.startswith("waits for approval")
    reason = "" if says_the_same else status.reason
    cause = ". ".join(dict.fromkeys(text for text in (reason, *causes[:1], status.shortage.reason) if text))
    return explain(
        ServerFacts(
            phase=status.outcome.value.replace("_", " "),
            cause=cause,
            waits=". ".join(text for text in (waits, judge) if text),
            activities=tuple(each.message for each in failures[-2:]),
            alarms=tuple(
                f"{each.name} is in ALARM: {each.reason}" for each in alarms if each.state is AlarmState.ALARM
            ),
            throttled=throttled,
            unread=unread,
        )
    )
