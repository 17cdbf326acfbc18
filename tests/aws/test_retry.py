import pytest

from awsroll.aws.retry import FailedCallError, Retry, RetryLimits
from awsroll.aws.translate_errors import Fault
from awsroll.errors import AwsRefusedError, AwsUnansweredError
from awsroll.testing.clock import VirtualClock


class Attempts:
    """Fails with one of the given faults per attempt, then answers `ok`."""

    def __init__(self, *faults: Fault) -> None:
        self._faults = list(faults)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self._faults:
            raise FailedCallError(self._faults.pop(0))
        return "ok"


THROTTLE = Fault(error=AwsRefusedError("busy", code="Throttling", operation="x:Y"), retryable=True, had_no_effect=True)
BROKEN = Fault(error=AwsUnansweredError("cut", code="ConnectionFailed", operation="x:Y"), retryable=True)
FRESH = Fault(error=AwsRefusedError("unknown", code="InvalidInstanceID.NotFound", operation="x:Y"))


def test_repeats_a_harmless_call_until_it_is_answered() -> None:
    clock, attempts = VirtualClock(), Attempts(THROTTLE, BROKEN, THROTTLE)
    assert Retry(clock).run(attempts, repeatable=True) == "ok"
    assert attempts.count == 4
    assert 0 < clock.monotonic() <= 0.5 + 1 + 2


def test_repeats_a_call_without_token_only_after_a_throttle() -> None:
    attempts = Attempts(THROTTLE)
    assert Retry(VirtualClock()).run(attempts, repeatable=False) == "ok"
    assert attempts.count == 2


def test_never_repeats_a_call_without_token_after_a_broken_connection() -> None:
    attempts = Attempts(BROKEN)
    with pytest.raises(AwsUnansweredError):
        Retry(VirtualClock()).run(attempts, repeatable=False)
    assert attempts.count == 1


def test_does_not_repeat_what_was_refused() -> None:
    attempts = Attempts(FRESH)
    with pytest.raises(AwsRefusedError):
        Retry(VirtualClock()).run(attempts, repeatable=True)
    assert attempts.count == 1


def test_repeats_a_refusal_with_a_code_of_also_retry() -> None:
    attempts = Attempts(FRESH, FRESH)
    retry = Retry(VirtualClock())
    assert retry.run(attempts, repeatable=True, also_retry=frozenset({"InvalidInstanceID.NotFound"})) == "ok"
    assert attempts.count == 3


def test_gives_up_after_some_attempts() -> None:
    attempts = Attempts(*[THROTTLE] * 99)
    with pytest.raises(AwsRefusedError, match="busy"):
        Retry(VirtualClock(), RetryLimits(attempts=3)).run(attempts, repeatable=True)
    assert attempts.count == 3


def test_gives_up_after_some_time() -> None:
    clock = VirtualClock()

    def slow() -> str:
        clock.jump(20)
        raise FailedCallError(BROKEN)

    with pytest.raises(AwsUnansweredError):
        Retry(clock, RetryLimits(attempts=99, total_seconds=30)).run(slow, repeatable=True)
    assert 40 <= clock.monotonic() < 60


def test_pauses_grow_with_full_jitter() -> None:
    pauses = []
    for seed in range(50):
        clock = VirtualClock()
        Retry(clock, RetryLimits(first_pause_seconds=1), seed=seed).run(Attempts(THROTTLE, THROTTLE), repeatable=True)
        pauses.append(clock.monotonic())
    assert all(0 <= pause <= 3 for pause in pauses)
    assert min(pauses) < 0.7
    assert max(pauses) > 2
