"""The one retry policy: which calls are made again, how often, and after which pause.

Exponential backoff with full jitter, slept on the clock, bounded in attempts and in time. It bridges a throttle or a
broken connection, nothing longer: beyond it, the rollout's next look is the retry.

A call whose repetition would harm (it has no token) is made again only after AWS has surely turned it away.
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
    """How far a single call is pushed; all times in seconds.

    Where every third call fails, ten attempts leave one call in fifty thousand without an answer.
    """

    attempts: int = 10
    total_seconds: float = 45
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 8


class FailedCallError(Exception):
    """One attempt has failed; carries what that means from the attempt to the policy."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault.error))


class Retry:
    """Makes a call until it is answered, refused, or not worth another attempt."""

    def __init__(self, clock: Clock, limits: RetryLimits | None = None, seed: int | None = None) -> None:
        self._clock = clock
        self._limits = limits or RetryLimits()
        self._jitter = random.Random(seed)  # noqa: S311  (spreads load, protects nothing)

    def run(
        self, attempt: Callable[[], Answer], *, repeatable: bool, also_retry: frozenset[str] = frozenset()
    ) -> Answer:
        """Make a call.

        Args:
            attempt: makes it once; raises `FailedCallError`.
            repeatable: a repetition has no second effect.
            also_retry: error codes that are worth another attempt for this call alone.

        Raises:
            AwsError: what the last attempt's failure means.
        """
        begun = self._clock.monotonic()

        def is_worth_it(failure: BaseException) -> bool:
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
                retry=tenacity.retry_if_exception(is_worth_it),
                stop=is_over,
                wait=self._pause,
                reraise=True,
            )(attempt)
        except FailedCallError as failure:
            raise failure.fault.error from failure.__cause__

    def _pause(self, state: tenacity.RetryCallState) -> float:
        grown = self._limits.first_pause_seconds * 2 ** (state.attempt_number - 1)
        return self._jitter.uniform(0, min(self._limits.longest_pause_seconds, grown))
