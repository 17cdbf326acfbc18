"""Drive one rollout in this process, with its hooks, its label and its notices, until there is nothing to do."""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from awsroll.core.decide.rest import with_settings_left
from awsroll.core.model.plan import pause
from awsroll.core.model.status import Status
from awsroll.driver.session import Session
from awsroll.errors import AwsrollError, LeaseLostError, StateError
from awsroll.ports import Record

if TYPE_CHECKING:
    from awsroll.report import Report


def drive(session: Session, record: Record, *, takes_over: bool = False) -> "Report":
    """Drive a rollout until it ends, pauses, or is asked to stop; return its report.

    Args:
        session: what one call of the library or the command line works with.
        record: the rollout.
        takes_over: set the label at once and so replace the label of a dead rollout. Otherwise it is set before
            the first change: a rollout with nothing to do changes nothing.
    """
    controller, hooks = session.controller(record)
    label, notifier = session.label(record.rollout), session.notifier(record.rollout)

    def tell(status: Status) -> None:
        notifier.tell(record.rollout, status, status.user_requests, session.clock.now())

    controller.after_step = lambda: tell(controller.status)
    try:
        with session.clock.calling(label.refresh_if_due):
            if takes_over:
                label.put()
            controller.before_changes = label.put_once
            status = controller.run(session.stop_requested)
        tell(status)
    except LeaseLostError as error:
        # Another process holds the fleet and writes the record now: this process makes no further call.
        status = pause(controller.status, str(error), rests=False)
        session.emit("rollout.paused", reason=status.reason)
    except AwsrollError as error:
        # The fleet was changed already, so this is not a refusal: the rollout pauses as it is.
        reason = with_settings_left(_why_it_pauses(error), record.rollout, controller.status)
        status = pause(controller.status, reason, rests=False)
        with suppress(AwsrollError):
            session.store.save(replace(controller.record, status=status))
        tell(status)
    finally:
        notifier.close()
        session.end_hooks(hooks)
        if label.is_set:
            label.remove()
        elif record.status.observed_at is not None:
            label.remove_left()
    return session.report(replace(record, status=status), at=session.clock.now())


def _why_it_pauses(error: AwsrollError) -> str:
    """Return the reason of a pause. Errors of the store say themselves what they left unchanged."""
    return str(error) if isinstance(error, StateError) else f"{error}; no further change was made to the fleet"
