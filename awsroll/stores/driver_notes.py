"""What is kept beside a record for those who drive it step by step: what was ordered, and who waits for a person."""

from dataclasses import dataclass

from awsroll.core.request.spec import RolloutSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRequest:
    """A rollout as it was asked for, so that asking twice begins it once.

    Attributes:
        request: what to do.
        region: where the fleet is; empty: where whoever drives it is.
        role: ARN of a role to assume for the fleet's account; empty: none.
        external_id: what that role asks for, if it does.
        started_at: tells two orders under one name apart, by whoever gave them: when an execution was started.
    """

    request: RolloutSpec
    region: str = ""
    role: str = ""
    external_id: str = ""
    started_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A state of a Step Functions execution that waits for a person; empty: none does."""

    task_token: str = ""
