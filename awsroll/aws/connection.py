"""The connection to AWS of one session: all services, with one clock, rate limit and count of calls.

Making a `Connection` uses neither the network nor boto3.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from awsroll.aws.autoscaling import AutoScaling
from awsroll.aws.aws_time import AwsTime
from awsroll.aws.call_counts import ApiCalls
from awsroll.aws.caller import Caller
from awsroll.aws.classic_elb import ClassicElb
from awsroll.aws.clients import Clients
from awsroll.aws.cloudwatch import CloudWatch
from awsroll.aws.codepipeline import CodePipeline
from awsroll.aws.dynamodb import DynamoDb
from awsroll.aws.ec2 import Ec2
from awsroll.aws.elbv2 import Elbv2
from awsroll.aws.event_bridge import EventBridge
from awsroll.aws.iam import Iam
from awsroll.aws.kms import Kms
from awsroll.aws.lambda_ import Lambda
from awsroll.aws.rate_limit import RateLimit
from awsroll.aws.read_memory import ReadMemory
from awsroll.aws.retry import Retry, RetryLimits
from awsroll.aws.s3 import S3
from awsroll.aws.service_quotas import ServiceQuotas
from awsroll.aws.side_by_side import side_by_side
from awsroll.aws.sns import Sns
from awsroll.aws.ssm import Ssm
from awsroll.aws.stepfunctions import StepFunctions
from awsroll.aws.sts import Sts
from awsroll.aws.vpc_lattice import VpcLattice
from awsroll.ports import Clock, Lease

_Answer = TypeVar("_Answer")
_BRIEF = RetryLimits(attempts=3, total_seconds=8)  # for checks that a rollout can do without


class _Watched:
    """A lease that another thread renews."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    def renew_if_due(self) -> None:
        """Do nothing: the driver renews the lease, because two threads must not use the store."""

    def check(self) -> None:
        self._lease.check()


class Connection:
    """AWS for one session: one attribute per service, and the count of calls.

    Args:
        session: a boto3 session.
        clock: the clock that retries and the rate limit wait on.
        endpoint_url: overrides the endpoint of each service.
        region: overrides the session's region.
        retry: the limits of retries for each call.
    """

    def __init__(
        self,
        session: Any,
        *,
        clock: Clock,
        endpoint_url: str | None = None,
        region: str | None = None,
        retry: RetryLimits | None = None,
    ) -> None:
        self.clock = clock
        self.calls = ApiCalls()
        self._clients = Clients(session, endpoint_url=endpoint_url, region=region)
        self._endpoint_url = endpoint_url or ""
        self._rate = RateLimit(clock, region=self.region, endpoint_url=self._endpoint_url)
        self._time, self._s3_time = AwsTime(clock), AwsTime(clock)  # S3 may be another provider's
        caller = self._caller_with(Retry(clock, retry))
        brief = self._caller_with(Retry(clock, retry or _BRIEF))
        self._caller = caller
        self.classic_elb = ClassicElb(caller)
        self.cloudwatch = CloudWatch(caller)
        self.codepipeline = CodePipeline(caller)
        self.ec2 = Ec2(caller)
        self.elbv2 = Elbv2(caller)
        self.autoscaling = AutoScaling(caller)
        self.functions = Lambda(caller)
        self.iam = Iam(caller)
        self.event_bridge = EventBridge(caller)
        self.kms = Kms(caller)
        self.service_quotas = ServiceQuotas(brief)
        self.sns = Sns(caller)
        self.ssm = Ssm(caller)
        self.step_functions = StepFunctions(caller)
        self.sts = Sts(caller, on_account=self._rate.use_account)
        self.s3 = S3(caller)
        self.dynamodb = DynamoDb(caller)
        self.vpc_lattice = VpcLattice(brief)

    def _caller_with(self, retry: Retry) -> Caller:
        return Caller(self._clients, calls=self.calls, rate=self._rate, retry=retry, time_of=self.time_of)

    def beside(self, clock: Clock, *, read_seconds: float) -> Lambda:
        """Return Lambda for one long call in another thread. The client is made here, in the caller's thread.

        The call checks the lease like any other. Only the driver's calls renew the lease.
        """
        functions = Lambda(self._caller_beside(clock, read_seconds))
        functions.make_client()
        return functions

    def metrics_beside(self, clock: Clock, *, read_seconds: float) -> CloudWatch:
        """Return CloudWatch for one call in another thread, as `beside` returns Lambda."""
        cloudwatch = CloudWatch(self._caller_beside(clock, read_seconds))
        cloudwatch.make_client()
        return cloudwatch

    def _caller_beside(self, clock: Clock, read_seconds: float) -> Caller:
        clients = self._clients.patient(read_seconds)
        rate = RateLimit(clock, region=self.region, endpoint_url=self._endpoint_url)
        caller = Caller(clients, calls=self.calls, rate=rate, retry=Retry(clock))
        lease = self._caller.lease
        caller.lease = None if lease is None else _Watched(lease)
        return caller

    def hold(self, lease: Lease | None) -> None:
        """Require a lease for changes from now on: calls renew the lease and check it before each change."""
        self._caller.hold(lease)

    @property
    def reads_at_once(self) -> bool:
        """Whether `side_by_side` makes several calls at once."""
        return bool(getattr(self.clock, "is_real_time", False))

    def side_by_side(self, reads: Sequence[Callable[[], _Answer]]) -> list[_Answer]:
        """Make reading calls that do not depend on each other, at once if possible; return their answers in order."""
        return side_by_side(reads, self.clock, meanwhile=self._caller.renew_lease)

    @contextmanager
    def reading_once(self) -> Iterator[None]:
        """Ask AWS each question once during the block, which changes nothing: see `read_memory`."""
        before, self._caller.memory = self._caller.memory, ReadMemory(self.clock)
        try:
            yield
        finally:
            self._caller.memory = before

    def now(self) -> datetime:
        """Return the current instant by AWS's clock, for comparisons with instants of AWS."""
        return self._time.now()

    def time_of(self, service: str) -> AwsTime:
        """Return the time of a service, by its answers."""
        return self._s3_time if service == "s3" else self._time

    @property
    def region(self) -> str:
        """Return the region; empty if none is configured."""
        return self._clients.region
