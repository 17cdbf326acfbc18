"""One probe from its checks to its teardown: the environment, the experiments in order, the result file.

Whatever ends the probe (an error, the time limit, Ctrl-C), the teardown runs. If the process dies, `tear_down_only`
does the same by the ledger.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

from awsroll.aws.raw_calls import Answer, RawCalls
from awsroll.errors import AccessRefusedError, AwsrollError, SpecError
from awsroll.ports import Clock
from awsroll.probe import (
    group_experiments,
    launch_experiments,
    retained_experiment,
    rollout_experiments,
    tag_and_agent_experiments,
    target_experiments,
)
from awsroll.probe.base import Base, build_base
from awsroll.probe.experiments import BASE_MINUTES, EXPERIMENTS, Experiment, dollars_of
from awsroll.probe.guard import Budget, LimitReachedError, Limits, check_account, check_consent
from awsroll.probe.lab import Lab, Measurement
from awsroll.probe.ledger import Header, Ledger
from awsroll.probe.reset import reset_base
from awsroll.probe.result_file import Result, Results, Status
from awsroll.probe.rollout_experiments import Rolls
from awsroll.probe.teardown import tear_down
from awsroll.probe.transcript import Redaction, Transcript

_ID = re.compile(r"[a-z0-9-]{1,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOutcome:
    """How a probe ended."""

    results: Results
    ledger: Path
    transcript: Path
    result_file: Path
    left: tuple[str, ...]
    """The resources that could not be deleted."""
    interrupted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A probe that has not started.

    Attributes:
        session: a boto3 session of the throw-away account.
        clock: the only way to wait.
        folder: where ledger, transcript and result file are written.
        account: the account id that a person typed.
        accepts_cost: a person accepted the cost.
        rolls: runs the rollouts of P16.
        say: receives progress as lines of text.
    """

    session: Any
    clock: Clock
    folder: Path
    rolls: Rolls
    account: str
    accepts_cost: bool
    experiments: tuple[Experiment, ...] = tuple(Experiment)
    limits: Limits = field(default_factory=Limits)
    endpoint_url: str | None = None
    probe_id: str = ""
    say: Callable[[str], None] = print

    def run(self) -> ProbeOutcome:
        """Check, build, measure, and delete everything.

        Raises:
            SpecError: consent is missing, or the account is not the one that was typed; nothing was created.
            AccessRefusedError: the credentials cannot be used; nothing was created.
        """
        dollars = dollars_of(self.experiments)
        check_consent(accepts_cost=self.accepts_cost, account=self.account, dollars=dollars, limits=self.limits)
        lab = self._lab()
        results = Results(probe_id=lab.probe_id, region=lab.aws.region, started_at=self.clock.now())
        interrupted = False
        try:
            self._measure(lab, results)
        except KeyboardInterrupt:
            interrupted = True
            self.say("interrupted: deleting what was created")
        finally:
            left = self._end(lab, results)
        return ProbeOutcome(
            results=results,
            ledger=lab.ledger.path,
            transcript=lab.transcript.path,
            result_file=self._file("result.json"),
            left=left,
            interrupted=interrupted,
        )

    def _lab(self) -> Lab:
        redact = Redaction(self.account)
        probe_id = self.probe_id or f"awsroll-probe-{secrets.token_hex(3)}"
        if not _ID.fullmatch(probe_id):
            problem = f"the probe id {probe_id} is not valid: give 1 to 20 small letters, digits and hyphens"
            raise SpecError(problem)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"the folder {self.folder} cannot be created: {error.strerror}. Nothing was created on AWS"
            raise SpecError(problem) from error
        transcript = Transcript(self._file("calls.jsonl"), redact)
        aws = RawCalls(self.session, clock=self.clock, endpoint_url=self.endpoint_url, record=transcript.record)
        check_account(self.account, account_of(aws))
        header = Header(probe_id=probe_id, region=aws.region, account=self.account)
        ledger = Ledger.start(self._file("ledger.jsonl"), header)
        budget = Budget(self.limits, self.clock)
        self.say(f"probe {probe_id} in {aws.region}: the ledger is {ledger.path}")
        return Lab(aws=aws, clock=self.clock, ledger=ledger, budget=budget, transcript=transcript)

    def _file(self, name: str) -> Path:
        return self.folder / name

    def _measure(self, lab: Lab, results: Results) -> None:
        self.say(f"building the environment (about {BASE_MINUTES} minutes)")
        try:
            base = build_base(lab)
        except AwsrollError as error:
            for experiment in self.experiments:
                results.experiments[experiment] = Result.without(Status.NOT_STARTED, f"no environment: {error}")
            self.say(f"the environment could not be built: {error}")
            return
        for experiment in self.experiments:
            lab.transcript.experiment = experiment.value
            self.say(f"{experiment.value}: {EXPERIMENTS[experiment].title}")
            result = self._result(lab, base, experiment)
            results.experiments[experiment] = result
            self.say(f"{experiment.value}: {result.status.value}{_because(result)}")
            self._save(lab, results, ())

    def _result(self, lab: Lab, base: Base, experiment: Experiment) -> Result:
        description = EXPERIMENTS[experiment]
        if description.instances > self.limits.instances:
            why = f"it needs {description.instances} instances, the limit is {self.limits.instances}"
            return Result.without(Status.NOT_STARTED, why)
        if not lab.budget.has_time_for(description.minutes):
            why = (
                f"it may take {description.minutes} minutes, which exceeds the time limit; "
                f"run `awsroll probe --only {experiment.value}`"
            )
            return Result.without(Status.NOT_STARTED, why)
        try:
            reset_base(lab, base)
            return Result.of(self._carry_out(lab, base, experiment))
        except LimitReachedError as error:
            return Result.without(Status.FAILED, str(error))
        except AwsrollError as error:
            return Result.without(Status.FAILED, str(error))

    def _carry_out(  # noqa: C901, PLR0911, PLR0912 - one case is one experiment
        self, lab: Lab, base: Base, experiment: Experiment
    ) -> Measurement:
        match experiment:
            case Experiment.DRAIN_LAG:
                return group_experiments.drain_lag(lab, base)
            case Experiment.STICKY_MARK:
                return group_experiments.sticky_mark(lab, base)
            case Experiment.LAUNCH_TOKENS:
                return launch_experiments.launch_tokens(lab, base)
            case Experiment.PERMISSIONS:
                return launch_experiments.permissions(lab, base)
            case Experiment.DEREGISTERED_MEMBER:
                return group_experiments.deregistered_member(lab, base)
            case Experiment.CHANGED_DELAY:
                return target_experiments.changed_delay(lab, base)
            case Experiment.RUN_TOKENS:
                return launch_experiments.run_tokens(lab, base)
            case Experiment.SECOND_TERMINATE:
                return group_experiments.second_terminate(lab, base)
            case Experiment.TAGS:
                return tag_and_agent_experiments.tags(lab, base)
            case Experiment.AGENT:
                return tag_and_agent_experiments.agent(lab, base)
            case Experiment.POLICIES:
                return rollout_experiments.policies(lab, base, self._file("store-p11"))
            case Experiment.ROUTING_THRESHOLD:
                return target_experiments.routing_threshold(lab, base)
            case Experiment.NETWORK_LOAD_BALANCER:
                return target_experiments.network_load_balancer(lab, base)
            case Experiment.RETAINED:
                return retained_experiment.retained(lab, base)
            case Experiment.ZONAL_SHIFT:
                return target_experiments.zonal_shift(lab, base)
            case Experiment.EVERY_STRATEGY:
                return rollout_experiments.every_strategy(lab, base, self._file("store-p16"), self.rolls)
            case _:
                assert_never(experiment)

    def _end(self, lab: Lab, results: Results) -> tuple[str, ...]:
        lab.transcript.experiment = "teardown"
        self.say("deleting every resource of the ledger")
        left: tuple[str, ...] = ()
        try:
            left = tuple(f"{each.kind.value} {each.name}" for each in tear_down(lab.aws, self.clock, lab.ledger))
        except KeyboardInterrupt:
            left = tuple(f"{each.kind.value} {each.name}" for each in lab.ledger.open_entries())
        for experiment in self.experiments:
            results.experiments.setdefault(experiment, Result.without(Status.NOT_STARTED, "the probe ended before"))
        self._save(lab, results, left)
        return left

    def _save(self, lab: Lab, results: Results, left: tuple[str, ...]) -> None:
        redact = Redaction(self.account)
        results.save(self._file("result.json"), ended_at=lab.clock.now(), left=left, redact=redact)


def _because(result: Result) -> str:
    return f" ({result.measurement.note})" if result.measurement.note else ""


def account_of(aws: RawCalls) -> str:
    """Return the account of the credentials.

    Raises:
        AccessRefusedError: the credentials cannot be used.
    """
    answer = aws.call("sts", "GetCallerIdentity")
    if not answer.succeeded:
        problem = f"sts:GetCallerIdentity: {answer.code}: {answer.message}. Nothing was created"
        raise AccessRefusedError(problem, code=answer.code, operation="sts:GetCallerIdentity")
    return str(answer.result["Account"])


def tear_down_only(path: Path, *, session: Any, clock: Clock, endpoint_url: str | None = None) -> tuple[str, ...]:
    """Delete everything that a ledger lists, and return what could not be deleted.

    Raises:
        SpecError: the file is no ledger, or the credentials belong to another account; nothing was deleted.
        AccessRefusedError: the credentials cannot be used; nothing was deleted.
    """
    ledger = Ledger.read(path)
    recorded: list[Answer] = []
    aws = RawCalls(session, clock=clock, endpoint_url=endpoint_url, record=recorded.append)
    if aws.region != ledger.header.region:
        problem = f"the ledger is of {ledger.header.region}: pass --region {ledger.header.region}. Nothing was deleted"
        raise SpecError(problem)
    check_account(ledger.header.account, account_of(aws))
    return tuple(f"{each.kind.value} {each.name}" for each in tear_down(aws, clock, ledger))
