"""Reads what EC2 knows of one server that fails: its status checks and the end of its console. It changes nothing.

The policy of a rollout has no permission for the console. Without a permission, an explanation says what it could not
read.
"""

import base64
import binascii
from collections.abc import Callable, Iterator

from awsroll.aws.connection import Connection
from awsroll.errors import AwsError

_MOST_LINES = 8
_PASSED = ("ok", "initializing", "not-applicable", "insufficient-data")


def failed_checks(aws: Connection, instance_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the status checks of a server that are not passed, and why they could not be read."""
    return _read(lambda: tuple(_failed(aws, instance_id)), "status checks (ec2:DescribeInstanceStatus)")


def console_end(aws: Connection, instance_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the last lines of the console of a server, and why they could not be read.

    EC2 keeps the console of a terminated server for about an hour.
    """
    return _read(lambda: _last_lines(aws.ec2.console(instance_id)), "console (ec2:GetConsoleOutput)")


def _read(read: Callable[[], tuple[str, ...]], what: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        return read(), ()
    except AwsError as error:
        return (), (f"{what}: {error}",)


def _failed(aws: Connection, instance_id: str) -> Iterator[str]:
    for name, check in aws.ec2.status_checks(instance_id).items():
        if check.get("Status", "ok") in _PASSED:
            continue
        details = [f"{each.get('Name')} {each.get('Status')}" for each in check.get("Details", [])]
        yield f"{name} status: {check['Status']}" + (f" ({', '.join(details)})" if details else "")


def _last_lines(encoded: str) -> tuple[str, ...]:
    try:
        text = base64.b64decode(encoded).decode(errors="replace")
    except (binascii.Error, ValueError):
        text = encoded
    return tuple(line.strip() for line in text.splitlines() if line.strip())[-_MOST_LINES:]
