"""Calls that AWS refused while a rollout restored the fleet. They are not repeated, and the other calls go on."""

from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.setting_names import VERSION, names_set_by
from awsroll.core.model.status import Status

_ENDING = (act.TerminateInstance.__name__, act.TerminateInGroup.__name__)


def abandoned_name(action: Action) -> str:
    """Return the name under which a refused action is recorded as abandoned, so that it is not tried again."""
    ids = getattr(action, "instance_id", "") or ",".join(getattr(action, "instance_ids", ()))
    subject = ids or ",".join(names_set_by(action)) or getattr(action, "resource", "")
    return f"{type(action).__name__} {subject}".strip()


def is_abandoned(status: Status, kind: type[Action]) -> bool:
    """Return whether an action of this kind was refused while settings were restored, and is not tried again."""
    return any(name.partition(" ")[0] == kind.__name__ for name in status.settings.abandoned)


def servers_given_up(status: Status) -> tuple[str, ...]:
    """Return the servers that AWS refused to terminate while the fleet was restored: they do not end."""
    calls = (name.partition(" ") for name in status.settings.abandoned)
    return tuple(server for kind, _, ids in calls if kind in _ENDING for server in ids.split(","))


def given_up(status: Status) -> frozenset[str]:
    """Return the names of the settings that cannot be restored.

    A refused call that would set sizes and the template version at once gives up neither: each is tried alone.
    """
    names = set[str]()
    for kind, _, subject in (name.partition(" ") for name in status.settings.abandoned):
        settings = subject.split(",")
        if not (kind == act.UpdateGroup.__name__ and VERSION in settings and len(settings) > 1):
            names.update(settings)
    return frozenset(names)
