"""The notes beside a record for a stepwise driver: the original request, and the state that waits for a command."""

from dataclasses import dataclass

from awsroll.core.request.spec import RolloutSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRequest:
    """The original request of a rollout, so that a repeated request starts it once.

    Attributes:
        request: the request.
        region: the region of the fleet; empty: the region of the driver.
        role: ARN of the role to assume in the account of the fleet; empty: none.
        external_id: the external id that the role requires; empty: none.
        started_at: when the execution started; distinguishes two executions with the same name.
    """

    request: RolloutSpec
    region: str = ""
    role: str = ""
    external_id: str = ""
    started_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The state of a Step Functions execution that waits for a command; None: none waits."""

    task_token: str | None = None
