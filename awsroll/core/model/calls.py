"""Calls and launches as they are saved before they are made, until their outcome is known."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.observation import TargetKey, TemplateVersion
from awsroll.core.model.replacing import replace


class CallKind(StrEnum):
    """A kind of call that is not idempotent, or that changes the group's desired capacity."""

    TERMINATE = "terminate"
    TERMINATE_AND_DECREMENT = "terminate-and-decrement"
    DETACH = "detach"
    ENTER_STANDBY = "enter-standby"
    EXIT_STANDBY = "exit-standby"
    SET_DESIRED = "set-desired"
    SEND_COMMAND = "send-command"


LEAVING_CALLS = frozenset({CallKind.TERMINATE, CallKind.TERMINATE_AND_DECREMENT, CallKind.DETACH})
"""The calls after which an instance is no longer of the fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call on an instance or on the group. It is saved before it is made, until its outcome is known.

    Attributes:
        number: a desired capacity for `SET_DESIRED`, the attempt for `SEND_COMMAND`; else 0.
        answered: AWS accepted it, but no observation shows its effect yet.
    """

    kind: CallKind
    at: datetime
    instance_id: str = ""
    number: int = 0
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One launch request, kept exactly as it is sent (again), until its instances serve.

    Attributes:
        number: counts the launches of this rollout; the client token is derived from it.
        count: the number of instances (1 for a standalone fleet).
        batch: standalone: how many launches share its token and its call.
        index: its place among the instances of that call, from 0.
        replaces: standalone: the instance whose slot the new one takes.
        tags: the tags that the call sets; empty once it is settled, since only the call needs them.
        own_tags: the tags that only this server gets, set after the call.
        instance_ids: the launched instances; empty until the answer is known.
        settled: its outcome is known. Until then it is repeated with the same token, never with a new one.
        at: when it was decided; once it is settled, when its outcome became known.
        repeated: it was sent before without an answer, so it may have had an effect.
        empty_since: since when AWS has answered without instances and without errors, which is no answer.
        refused: why the repetition was refused. Only an observation shows whether the first request had an effect.
    """

    number: int
    token: str
    at: datetime
    count: int = 1
    batch: int = 1
    index: int = 0
    zone: str = ""
    subnet_id: str = ""
    template: TemplateVersion | None = None
    replaces: str = ""
    targets: tuple[TargetKey, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    own_tags: tuple[tuple[str, str], ...] = ()
    instance_ids: tuple[str, ...] = ()
    settled: bool = False
    repeated: bool = False
    empty_since: datetime | None = None
    refused: str = ""

    def settle(self, instance_ids: tuple[str, ...], at: datetime | None = None) -> "Launch":
        """Return the launch with its instances. It is not sent again, so the tags of its call are dropped.

        Args:
            instance_ids: the launched instances.
            at: when the outcome became known; None keeps the instant of the decision.
        """
        return replace(self, settled=True, instance_ids=instance_ids, tags=(), at=at or self.at)
