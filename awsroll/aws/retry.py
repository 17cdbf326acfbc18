"""The retry policy: which calls are repeated, how often, and after which pause.

Pauses grow exponentially with full jitter. The number of attempts and the total time are limited, so retries cover a
throttle or a broken connection only. After that the rollout's next observation is the retry.

A call that has no token is repeated only after AWS has refused it, because a repetition could take effect twice.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from awsroll.aws.translate_errors import Fault
from awsroll.ports import Clock

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLimits:
    """The limits of retries for one call; all times in seconds.

    If every third call fails, ten attempts leave one call in fifty thousand without an answer.
    """

    attempts: int = 10
    total_seconds: float = 45
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 8


DOUBTS, DOUBT_SECONDS = 3, 2.0
"""How often to ask again for what AWS has shown before and one answer lacks, and after how long each time."""


def ask_again(clock: Clock, ask: Callable[[], bool], *, times: int = DOUBTS) -> int:
    """Ask AWS again whether something is gone, because one outdated answer is no proof.

    Args:
        clock: waits before each question.
        ask: asks once, and returns whether the answer shows what was missing.
        times: how often to ask at most.

    Returns:
        How many of the times are left.
    """
    for left in reversed(range(times)):
        clock.sleep(DOUBT_SECONDS)
        if ask():
            return left
    return 0


class FailedCallError(Exception):
    """One attempt failed. The error carries the meaning of the failure to the policy."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault.error))


class Retry:
    """Repeats a call until AWS answers or refuses it, or until the limits are reached."""

    def __init__(self, clock: Clock, limits: RetryLimits | None = None, seed: int | None = None) -> None:
        self._clock = clock
        self._limits = limits or RetryLimits()
        self._jitter = random.Random(seed)  # noqa: S311  (spreads load, protects nothing)

    def run(
        self, attempt: Callable[[], Answer], *, repeatable: bool, also_retry: frozenset[str] = frozenset()
    ) -> Answer:
        """Make a call.

        Args:
            attempt: makes the call once; raises `FailedCallError`.
            repeatable: whether a repetition has no second effect.
            also_retry: error codes that are retried for this call only.

        Raises:
            AwsError: the meaning of the last attempt's failure.
        """
        begun = self._clock.monotonic()

        def is_retryable(failure: BaseException) -> bool:
            if not isinstance(failure, FailedCallError):
                return False
            fault = failure.fault
            wanted = fault.retryable or fault.error.code in also_retry
            return wanted and (repeatable or fault.had_no_effect)

        def is_over(state: tenacity.RetryCallState) -> bool:
            spent = self._clock.monotonic() - begun
            return state.attempt_number >= self._limits.attempts or spent >= self._limits.total_seconds

        try:
            return tenacity.Retrying(
                sleep=self._clock.sleep,
                retry=tenacity.retry_if_exception(is_retryable),
                stop=is_over,
                wait=self._pause,
                reraise=True,
            )(attempt)
        except FailedCallError as failure:
            raise failure.fault.error from failure.__cause__

    def _pause(self, state: tenacity.RetryCallState) -> float:
        grown = self._limits.first_pause_seconds * 2 ** (state.attempt_number - 1)
        return self._jitter.uniform(0, min(self._limits.longest_pause_seconds, grown))
