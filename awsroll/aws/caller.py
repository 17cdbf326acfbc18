"""The path of every call to AWS: rate limit, lease check, attempt, count, retry, translation of errors."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from awsroll.aws.aws_time import AwsTime
from awsroll.aws.call_counts import ApiCalls, is_reading
from awsroll.aws.clients import Clients
from awsroll.aws.rate_limit import RateLimit
from awsroll.aws.retry import FailedCallError, Retry
from awsroll.aws.translate_errors import read_fault

if TYPE_CHECKING:
    from awsroll.aws.read_memory import ReadMemory
    from awsroll.ports import Lease

Reply: TypeAlias = dict[str, Any]

# The name of the page token of each service: in the request, in the answer.
_PAGE_TOKENS = {
    "dynamodb": ("ExclusiveStartKey", "LastEvaluatedKey"),
    "elb": ("Marker", "NextMarker"),
    "elbv2": ("Marker", "NextMarker"),
    "s3": ("ContinuationToken", "NextContinuationToken"),
    "vpc-lattice": ("nextToken", "nextToken"),
}
_USUAL_TOKENS = ("NextToken", "NextToken")


class Caller:
    """Calls operations of AWS services by their API names.

    Attributes:
        lease: what allows changes; None if nothing must. Each attempt of the thread that holds it renews it when it is
            due. Each attempt that may change something checks it first.
        memory: remembers the answers of reading calls; None: each call goes to AWS.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        calls: ApiCalls,
        rate: RateLimit,
        retry: Retry,
        time_of: Callable[[str], AwsTime] | None = None,
    ) -> None:
        self.clients = clients
        self._time_of = time_of
        self.calls = calls
        self.lease: Lease | None = None
        self._holder = threading.get_ident()
        self.memory: ReadMemory | None = None
        self._rate = rate
        self._retry = retry

    def call(
        self,
        service: str,
        operation: str,
        parameters: Reply | None = None,
        *,
        repeatable: bool = True,
        also_retry: frozenset[str] = frozenset(),
    ) -> Reply:
        """Make one call.

        Args:
            service: boto3's name of the service: `elbv2`.
            operation: the API's name of the operation: `RegisterTargets`.
            parameters: the parameters, by the API's names.
            repeatable: whether a repetition has no second effect. If it has one, the call is repeated only after AWS
                has refused it.
            also_retry: error codes that are retried for this call only.

        Raises:
            AwsError: if AWS refuses the call, or does not answer the last attempt.
            LeaseLostError: if the call may change something and the lease is lost. No attempt was made.
        """
        memory, asked = self.memory, dict(parameters or {})
        reads = is_reading(operation)
        if memory is not None and reads and (known := memory.find(service, operation, asked)) is not None:
            return known

        def attempt() -> Reply:
            self._rate.wait(service, operation)
            self._check_lease(operation)
            try:
                method = self._method(service, operation)
                self.calls.record(service, operation)
                answer: Reply = self._timed(service, lambda: method(**asked))
            except Exception as failure:
                raise FailedCallError(read_fault(failure, service, operation)) from failure
            return answer

        if memory is not None and not reads:
            memory.clear()
        reply = self._retry.run(attempt, repeatable=repeatable, also_retry=also_retry)
        if memory is not None and reads:
            memory.keep(service, operation, asked, reply)
        return reply

    def pages(self, service: str, operation: str, parameters: Reply | None = None) -> Iterator[Reply]:
        """Yield the pages of a reading call, up to the last page."""
        request_token, answered = _PAGE_TOKENS.get(service, _USUAL_TOKENS)
        request = dict(parameters or {})
        while True:
            answer = self.call(service, operation, request)
            yield answer
            token = answer.get(answered)
            if not token:
                return
            request[request_token] = token

    def _timed(self, service: str, make: Callable[[], Reply]) -> Reply:
        """Make a call, and set the time of the service by the `Date` of its answer."""
        if self._time_of is None:
            return make()
        time = self._time_of(service)
        sent_at = time.clock.now()
        try:
            answer = make()
        except Exception as failure:
            time.note(getattr(failure, "response", None) or {}, sent_at)
            raise
        time.note(answer, sent_at)
        return answer

    def hold(self, lease: "Lease | None") -> None:
        """Require a lease for changes from now on. This thread renews it, because two must not use its store."""
        self.lease, self._holder = lease, threading.get_ident()

    def renew_lease(self) -> None:
        """Renew the lease if it is due and this thread holds it."""
        if self.lease is not None and threading.get_ident() == self._holder:
            self.lease.renew_if_due()

    def _check_lease(self, operation: str) -> None:
        if self.lease is None:
            return
        self.renew_lease()
        if not is_reading(operation):
            self.lease.check()

    def _method(self, service: str, operation: str) -> Any:
        if not self.clients.knows(service, operation):
            raise NotImplementedError(operation)
        from botocore import xform_name  # noqa: PLC0415  (see clients)

        return getattr(self.clients.client(service), xform_name(operation))
