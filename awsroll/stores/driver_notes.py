"""The notes beside a record: the original request, the state that waits for a command, and the notices sent."""

from dataclasses import dataclass, field
from typing import ClassVar

from awsroll.core.model.composed_values import Nested
from awsroll.core.model.options import option, option_metadata, read_fields
from awsroll.core.model.values import NAME
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import EXTERNAL_ID, REGION, ROLE


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRequest:
    """The original request of a rollout, so that a repeated request starts it once."""

    FILE: ClassVar = "request.json"

    request: RolloutSpec = field(metadata=option_metadata(Nested(RolloutSpec), "The request."))
    region: str = option(REGION, "Region of the fleet (default: the region of the driver).", default="")
    role: str = option(ROLE, "ARN of the role to assume in the account of the fleet (default: none).", default="")
    external_id: str = option(EXTERNAL_ID, "External id that the role requires (default: none).", default="")
    started_at: str = option(
        NAME,
        "Start of the execution, which distinguishes two executions with the same name (default: none).",
        default="",
    )

    def __post_init__(self) -> None:
        read_fields(self, where="the request: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """The keys of the notices of a rollout that were sent."""

    FILE: ClassVar = "notified.json"

    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The state of a Step Functions execution that waits for a command; None: none waits."""

    FILE: ClassVar = "waiting.json"

    task_token: str | None = None
