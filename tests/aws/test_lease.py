"""With a lease, every attempt renews it, and no attempt that may change something is made without it."""

import pytest
from moto import mock_aws

from awsroll.aws.connection import Connection
from awsroll.errors import AwsRefusedError, LeaseLostError
from awsroll.testing.clock import VirtualClock
from tests.stores.wire import Wire, refused

GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"


class Lease:
    """A lease that is lost at the n-th check."""

    def __init__(self, *, lost_at: int) -> None:
        self.renewals = 0
        self.checks = 0
        self._lost_at = lost_at

    def renew_if_due(self) -> None:
        self.renewals += 1

    def check(self) -> None:
        self.checks += 1
        if self.checks >= self._lost_at:
            problem = "lost"
            raise LeaseLostError(problem)


def _held(lease: Lease) -> tuple[Connection, Wire]:
    wire = Wire()
    aws = Connection(wire, clock=VirtualClock())
    aws.hold(lease)
    return aws, wire


def test_a_change_without_the_lease_is_not_attempted() -> None:
    aws, wire = _held(Lease(lost_at=1))

    with pytest.raises(LeaseLostError):
        aws.elbv2.deregister(GROUP, [("i-1", 80)])

    assert wire.calls == []
    assert aws.calls.total == 0


def test_a_lease_that_is_lost_between_two_attempts_ends_the_retries() -> None:
    lease = Lease(lost_at=3)
    aws, wire = _held(lease)
    wire.faults = {"deregister_targets": [refused("Throttling", 400)] * 5}

    with pytest.raises(LeaseLostError):
        aws.elbv2.deregister(GROUP, [("i-1", 80)])

    assert wire.calls == ["deregister_targets"] * 2
    assert lease.renewals == 3


def test_reading_needs_no_lease_but_keeps_it_alive() -> None:
    lease = Lease(lost_at=1)
    aws, wire = _held(lease)

    with mock_aws():
        assert aws.elbv2.target_group(GROUP) is None

    assert wire.calls == ["describe_target_groups"]
    assert (lease.renewals, lease.checks) == (1, 0)


def test_a_released_lease_is_not_checked() -> None:
    aws, wire = _held(Lease(lost_at=1))
    aws.hold(None)

    with mock_aws(), pytest.raises(AwsRefusedError):
        aws.elbv2.deregister(GROUP, [("i-1", 80)])

    assert wire.calls == ["deregister_targets"]
