"""Run all jobs of an action of CodePipeline in the same published version of the function.

CodePipeline invokes a function by its name, which runs the newest code, so a deployment would change the code in the
middle of a rollout. The newest code passes each job on: the first to the alias `live`, and further ones to the version
that answered the first.
"""

from typing import Any

import msgspec

import container
from awsroll.aws.connection import Connection
from awsroll.aws.retry import RetryLimits
from awsroll.clock import SystemClock
from awsroll.errors import AccessRefusedError, AwsRefusedError
from handling import log

_NEWEST = "$LATEST"
_LIVE = "live"
_UNKNOWN = "ResourceNotFoundException"
_RETRIES = RetryLimits(attempts=6, total_seconds=12)


def published_version(context: Any) -> str:
    """Return the published version that runs; empty for the newest code."""
    version = str(getattr(context, "function_version", ""))
    return "" if version == _NEWEST else version


def passed_on(event: Any, version: str, context: Any) -> bool:
    """Invoke a published version with the event, and return True; return False if this code must do the work.

    It must if it is a published version itself, if the version does not exist, and if the role may not invoke it.

    Args:
        event: the event of the job.
        version: the version that answered the first job; empty: the alias `live`.
        context: the context of the Lambda function.

    Raises:
        AwsError: if Lambda did not take the event. A repeated event is harmless.
    """
    if getattr(context, "function_version", "") != _NEWEST:
        return False
    qualifier = version or _LIVE
    connection = Connection(container.session(), clock=container.clock or SystemClock(), retry=_RETRIES)
    try:
        connection.functions.start(f"{context.function_name}:{qualifier}", msgspec.json.encode(event))
    except AwsRefusedError as error:
        if error.code != _UNKNOWN and not isinstance(error, AccessRefusedError):
            raise
        log.info("job.not_passed_on", version=qualifier, error=str(error))
        return False
    log.info("job.passed_on", version=qualifier)
    return True
