"""The steps that pause a rollout without a pass: its record or the access to its account does not allow one."""

from collections.abc import Sequence
from dataclasses import replace

from awsroll.core.decide.rest import with_settings_left
from awsroll.core.model.plan import pause
from awsroll.core.model.status import Mode
from awsroll.driver.record_lifecycle import ended_error
from awsroll.driver.session import Session
from awsroll.driver.step_status import StepStatus, step_status_of
from awsroll.errors import AccessRefusedError, RolloutEndedError
from awsroll.ports import Record

PAUSED_SECONDS = 300
"""How long the caller of a step waits while the rollout is paused, unless a command comes."""


def pause_refused(session: Session, record: Record, problems: Sequence[str]) -> StepStatus:
    """Pause a rollout whose record names what this driver may not run or use. Nothing of it is run.

    Raises:
        RolloutEndedError: if the rollout has ended, and a person has requested its rollback; nothing was changed.
    """
    if record.status.mode is Mode.ENDED:
        problem = f"{ended_error(record)}; the rollback that was requested was not started: {'; '.join(problems)}"
        raise RolloutEndedError(problem)
    rollout_id = record.rollout.rollout_id
    reason = (
        f"{'; '.join(problems)}; nothing of this was run, and the fleet was left as it is. Check who has written the "
        f"record. Then continue with `awsroll resume {rollout_id} -f FILE`, or give the request or an allow-list to "
        "the function (docs/records.md)"
    )
    return _pause(session, record, reason)


def pause_without_access(session: Session, record: Record, error: AccessRefusedError) -> StepStatus:
    """Pause a rollout whose account refuses this process, for example because its role is gone.

    If a person has aborted it and the refusals last, the rollout ends.

    Raises:
        AccessRefusedError: if the rollout has ended; nothing was changed.
    """
    if record.status.mode is Mode.ENDED:
        raise error
    if session.store.user_requests(record.rollout.rollout_id).abort:
        from awsroll.driver.refused_aborts import pause_refused_abort  # noqa: PLC0415 - rare: a step starts faster

        return step_status_of(pause_refused_abort(session, record, str(error)), wait_seconds=PAUSED_SECONDS)
    reason = (
        f"{error}; this step changed nothing on the fleet. Grant the access, then resume the rollout. If the role is "
        f"gone, end the rollout with credentials of account {record.rollout.account}: `awsroll abort "
        f"{record.rollout.rollout_id}`"
    )
    return _pause(session, record, with_settings_left(reason, record.rollout, record.status))


def _pause(session: Session, record: Record, reason: str) -> StepStatus:
    requests = session.store.user_requests(record.rollout.rollout_id)
    paused = replace(pause(record.status, reason, rests=False), user_requests=requests)
    record = session.store.save(replace(record, status=replace(paused, events=())))
    session.emit("rollout.paused", reason=reason)
    return step_status_of(record, wait_seconds=PAUSED_SECONDS)
