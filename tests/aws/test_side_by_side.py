"""Reading calls that are made side by side, and answers that are used again."""

import threading
from collections.abc import Callable

import pytest

from awsroll.aws import side_by_side as module
from awsroll.aws.read_memory import ReadMemory
from awsroll.aws.side_by_side import side_by_side
from awsroll.clock import SystemClock
from awsroll.driver.lease_guard import GuardedClock
from awsroll.errors import AwsRefusedError
from awsroll.testing.clock import VirtualClock
from tests.support.amazon import connection, stubbed


def nothing() -> None:
    pass


def test_reads_are_made_at_once_in_real_time() -> None:
    together = threading.Barrier(4, timeout=20)

    def read() -> int:
        together.wait()
        return threading.get_ident()

    assert len(set(side_by_side([read] * 4, SystemClock(), meanwhile=nothing))) == 4


def test_reads_follow_each_other_in_virtual_time() -> None:
    reads: list[Callable[[], int]] = [threading.get_ident] * 4
    assert set(side_by_side(reads, VirtualClock(), meanwhile=nothing)) == {threading.get_ident()}


def test_answers_have_the_order_of_the_reads() -> None:
    first_may_end = threading.Event()

    def first() -> str:
        assert first_may_end.wait(20)
        return "first"

    def second() -> str:
        first_may_end.set()
        return "second"

    assert side_by_side([first, second], SystemClock(), meanwhile=nothing) == ["first", "second"]


def test_a_process_has_a_limited_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_threads", threading.BoundedSemaphore(1))
    reads: list[Callable[[], int]] = [threading.get_ident] * 3
    for _ in range(2):  # what was taken is given back
        assert set(side_by_side(reads, SystemClock(), meanwhile=nothing)) == {threading.get_ident()}


def test_the_failure_of_a_read_is_raised_and_no_thread_is_left() -> None:
    def fail() -> None:
        message = "no"
        raise AwsRefusedError(message, code="Denied", operation="ec2:DescribeInstances")

    with pytest.raises(AwsRefusedError):
        side_by_side([nothing, fail, nothing], SystemClock(), meanwhile=nothing)
    assert not [one for one in threading.enumerate() if one.name.startswith("awsroll-read")]


def test_only_the_thread_that_registered_a_function_calls_it_in_a_sleep() -> None:
    clock, calls = GuardedClock(SystemClock()), list[int]()
    with clock.calling(lambda: calls.append(threading.get_ident())):
        other = threading.Thread(target=lambda: clock.sleep(0.002))
        other.start()
        other.join(20)
        clock.sleep(0.002)
    assert set(calls) == {threading.get_ident()}


class _Lease:
    def __init__(self) -> None:
        self.renewed_by = list[int]()

    def renew_if_due(self) -> None:
        self.renewed_by.append(threading.get_ident())

    def check(self) -> None:
        """Do nothing: the lease is held."""


def test_only_the_thread_that_holds_a_lease_renews_it() -> None:
    aws, lease = connection(clock=SystemClock()), _Lease()
    aws.hold(lease)
    with stubbed(aws, "ec2") as ec2:
        ec2.add_response("describe_instances", {"Reservations": []})
        ec2.add_response("describe_instances", {"Reservations": []})
        aws.side_by_side([lambda: aws.ec2.instances(["i-1"])] * 2)
    assert set(lease.renewed_by) <= {threading.get_ident()}


# --- answers that are used again --------------------------------------------------------------------------------------


def test_a_question_is_asked_once_until_something_changes() -> None:
    aws = connection()
    with stubbed(aws, "ec2") as ec2:
        ec2.add_response("describe_instances", {"Reservations": []})
        ec2.add_response("terminate_instances", {})
        for _ in range(2):
            ec2.add_response("describe_instances", {"Reservations": []})
        with aws.reading_once():
            for _ in range(3):
                aws.ec2.instances(["i-1"])
            assert aws.calls.total == 1
            aws.ec2.terminate_instance("i-1")
            aws.ec2.instances(["i-1"])
        aws.ec2.instances(["i-1"])
    assert (aws.calls.total, aws.calls.mutating) == (4, 1)


def test_an_answer_is_not_used_for_long() -> None:
    clock = VirtualClock()
    memory = ReadMemory(clock)
    memory.keep("ec2", "DescribeInstances", {"a": 1}, {"b": 2})
    clock.sleep(4.9)
    assert memory.find("ec2", "DescribeInstances", {"a": 1}) == {"b": 2}
    assert memory.find("ec2", "DescribeInstances", {"a": 2}) is None
    clock.sleep(0.2)
    assert memory.find("ec2", "DescribeInstances", {"a": 1}) is None
