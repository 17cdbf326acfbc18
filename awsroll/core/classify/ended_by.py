"""Who ended a server: the version, or AWS and other people. EC2's `StateReason` tells.

Sources: EC2 API reference, `StateReason`; Amazon EC2 User Guide, "Troubleshoot Amazon EC2 instance termination".
An ending without a known reason counts as the version's, so that a version that ends its servers is never rolled out.
"""

from awsroll.core.model.observation import Instance, InstanceState
from awsroll.core.model.status_parts import Owner

_BY_OTHERS = frozenset({
    "Client.UserInitiatedHibernate",
    "Client.UserInitiatedShutdown",  # a person or a script terminated or stopped it
    "Client.VolumeLimitExceeded",  # the account's quota
})  # fmt: skip
_BY_AWS_PREFIX = "Server."  # Spot interruption, scheduled stop, lack of capacity, error of the host
_NOT_RUNNING = (
    InstanceState.SHUTTING_DOWN,
    InstanceState.TERMINATED,
    InstanceState.STOPPING,
    InstanceState.STOPPED,
)


def owner_of_ending(instance: Instance) -> Owner:
    """Return to whom the end of a new server is due; the version's if the instance runs, or gives no known reason."""
    if instance.state is InstanceState.PENDING:
        return Owner.OTHERS  # EC2 takes long to start it; the version has not run yet
    if instance.state not in _NOT_RUNNING:
        return Owner.VERSION
    return owner_of_code(reason_code(instance))


def owner_of_code(code: str) -> Owner:
    """Return to whom an ending with this code of EC2 is due; the version's if the code is unknown or empty."""
    return Owner.OTHERS if code in _BY_OTHERS or code.startswith(_BY_AWS_PREFIX) else Owner.VERSION


def shut_itself_down(instance: Instance) -> bool:
    """Return whether the instance ended itself, from its own operating system."""
    return reason_code(instance) == "Client.InstanceInitiatedShutdown"


def reason_code(instance: Instance) -> str:
    """Return the code of EC2's `StateReason`; empty if EC2 gives none."""
    return instance.state_reason.partition(":")[0]
