import pytest

from awsroll.aws.rate_limit import SHARE_VARIABLE, RateLimit, share_of_environment
from awsroll.driver.lease_guard import GuardedClock
from awsroll.errors import SpecError
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
    limit = RateLimit(clock, share=1)
    for _ in range(burst):
        limit.wait(service, operation)
    assert clock.monotonic() == 0
    for _ in range(per_second):
        limit.wait(service, operation)
    assert clock.monotonic() == pytest.approx(1)


def test_buckets_fill_up_again_but_no_higher_than_their_size() -> None:
    clock = VirtualClock()
    limit = RateLimit(clock, share=1)
    limit.wait("ec2", "RunInstances")
    clock.jump(3600)
    for _ in range(5):
        limit.wait("ec2", "RunInstances")
    assert clock.monotonic() == 3600
    limit.wait("ec2", "RunInstances")
    assert clock.monotonic() == pytest.approx(3600.5)


def test_one_operation_does_not_slow_another_bucket() -> None:
    clock = VirtualClock()
    limit = RateLimit(clock, share=1)
    for _ in range(5):
        limit.wait("ec2", "RunInstances")
    limit.wait("ec2", "DescribeInstances")
    assert clock.monotonic() == 0


def test_half_of_the_published_quota_is_left_to_others() -> None:
    clock = VirtualClock()
    limit = RateLimit(clock)
    for _ in range(50):
        limit.wait("ec2", "DescribeInstances")
    assert clock.monotonic() == 0
    for _ in range(10):
        limit.wait("ec2", "DescribeInstances")
    assert clock.monotonic() == pytest.approx(1)


def test_all_rollouts_of_a_process_share_the_quota_of_an_account_and_region() -> None:
    clock = VirtualClock()
    limits = [RateLimit(each, region="eu-west-1") for each in (clock, GuardedClock(clock))]
    for limit in limits:
        limit.use_account("111111111111")
    for _ in range(25):
        for limit in limits:
            limit.wait("ec2", "DescribeInstances")
    assert clock.monotonic() == 0
    limits[1].wait("ec2", "DescribeInstances")
    assert clock.monotonic() == pytest.approx(0.1)


@pytest.mark.parametrize(("account", "region"), [("222222222222", "eu-west-1"), ("111111111111", "us-east-1")])
def test_another_account_or_region_has_a_quota_of_its_own(account: str, region: str) -> None:
    clock = VirtualClock()
    first, other = RateLimit(clock, region="eu-west-1"), RateLimit(clock, region=region)
    first.use_account("111111111111")
    other.use_account(account)
    for _ in range(50):
        first.wait("ec2", "DescribeInstances")
    other.wait("ec2", "DescribeInstances")
    assert clock.monotonic() == 0


def test_the_environment_sets_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share_of_environment() == 0.5
    monkeypatch.setenv(SHARE_VARIABLE, "80%")
    assert share_of_environment() == 0.8
    monkeypatch.setenv(SHARE_VARIABLE, "100")
    assert share_of_environment() == 1


@pytest.mark.parametrize("given", ["0", "101%", "half", "-5", "5.5", "\u0665"])
def test_a_share_that_is_no_percentage_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHARE_VARIABLE, given)
    with pytest.raises(SpecError, match=SHARE_VARIABLE):
        share_of_environment()
