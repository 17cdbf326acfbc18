"""Names that awsroll derives from the id of a rollout, within the limits of the AWS APIs that take them.

The id of a rollout may be the name of a Step Functions execution or of a pipeline: up to 80 characters, with dots.
AWS takes shorter names and fewer characters. A name that does not fit is replaced by a hash, so that different
rollouts never share a name.
"""

import re
from hashlib import sha256

from awsroll.core.aws_limits import COMMENT_CHARACTERS, SESSION_NAME_CHARACTERS

_HASHED_CHARACTERS = 40
_NOT_IN_SESSION_NAMES = re.compile(r"[^A-Za-z0-9_=,.@-]")


def client_token(*parts: object) -> str:
    """Return the client token of a launch: the same for the same parts, 48 characters of `[a-z0-9-]`.

    EC2 takes 64 ASCII characters (Amazon EC2 API idempotency). EC2 Auto Scaling takes 64 characters of
    `[A-Za-z0-9-_/]` (the service model of LaunchInstances). A token is valid in one zone, so the zone is a part.
    """
    return f"awsroll-{_hashed(*parts)}"


def command_comment(rollout_id: str, *rest: object) -> str:
    """Return the comment that identifies an SSM command: at most 100 characters (the service model of SendCommand)."""
    words = " ".join(str(word) for word in rest)
    comment = f"awsroll {rollout_id} {words}"
    return comment if len(comment) <= COMMENT_CHARACTERS else f"awsroll {_hashed(rollout_id)} {words}"


def session_name(rollout_id: str) -> str:
    """Return the name of a role session: 2 to 64 characters of `[A-Za-z0-9_=,.@-]` (the service model of AssumeRole).

    CloudTrail shows this name, so the id of the rollout stays readable if it fits.
    """
    name = _NOT_IN_SESSION_NAMES.sub("-", rollout_id)
    if name == rollout_id and len(name) <= SESSION_NAME_CHARACTERS:
        return name if len(name) > 1 else f"awsroll-{name}"
    kept = SESSION_NAME_CHARACTERS - _HASHED_CHARACTERS - 1
    return f"{name[:kept]}-{_hashed(rollout_id)}"


def _hashed(*parts: object) -> str:
    return sha256("/".join(str(part) for part in parts).encode()).hexdigest()[:_HASHED_CHARACTERS]
