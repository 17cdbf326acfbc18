import pytest

from awsroll.aws.rate_limit import RateLimit
from awsroll.testing.clock import VirtualClock


@pytest.mark.parametrize(
    ("service", "operation", "burst", "per_second"),
    [
        ("ec2", "RunInstances", 5, 2),
        ("ec2", "TerminateInstances", 100, 5),
        ("ec2", "DescribeInstances", 100, 20),
        ("ec2", "CreateTags", 100, 10),
        ("ec2", "ModifyInstanceAttribute", 50, 5),
        ("elbv2", "DescribeTargetHealth", 50, 10),
    ],
)
def test_lets_a_burst_through_then_the_refill(service: str, operation: str, burst: int, per_second: int) -> None:
    clock = VirtualClock()
    limit = RateLimit(clock)
    for _ in range(burst):
        limit.wait(service, operation)
    assert clock.monotonic() == 0
    for _ in range(per_second):
        limit.wait(service, operation)
    assert clock.monotonic() == pytest.approx(1)


def test_buckets_fill_up_again_but_no_higher_than_their_size() -> None:
    clock = VirtualClock()
    limit = RateLimit(clock)
    limit.wait("ec2", "RunInstances")
    clock.jump(3600)
    for _ in range(5):
        limit.wait("ec2", "RunInstances")
    assert clock.monotonic() == 3600
    limit.wait("ec2", "RunInstances")
    assert clock.monotonic() == pytest.approx(3600.5)


def test_one_operation_does_not_slow_another_bucket() -> None:
    clock = VirtualClock()
    limit = RateLimit(clock)
    for _ in range(5):
        limit.wait("ec2", "RunInstances")
    limit.wait("ec2", "DescribeInstances")
    assert clock.monotonic() == 0
