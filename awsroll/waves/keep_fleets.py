"""Keeps fleets in their wanted state: reads all of them, decides, publishes versions, and rolls what must be rolled.

`core.rotation` decides. A pass may be repeated and killed anywhere: what it has begun is in the store before it begins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from awsroll.aws.sessions import Role
from awsroll.clock import SystemClock
from awsroll.core.model.rollout_choices import Strategy, Zones
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec
from awsroll.core.rotation import (
    Content,
    FailedContent,
    MadeVersion,
    RefusedRotation,
    Rotation,
    RotationAction,
    RotationFacts,
    most_run,
    rotations,
)
from awsroll.driver.assumed_role import with_role
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.errors import AwsrollError, SpecError
from awsroll.ports import Record
from awsroll.report import FleetsReport
from awsroll.stores import LocalStore, RecordStore
from awsroll.stores.fleets_notes import BegunRotation
from awsroll.waves.check_fleets import combined_error
from awsroll.waves.executions import Executions, rollout_id_in
from awsroll.waves.kept_fleets import KeptFleets
from awsroll.waves.read_rotation import KnownBefore, read_rotation
from awsroll.waves.run_waves import FleetsRun
from awsroll.waves.shared_reads import SharedReads

_CANARY_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepReport:
    """What one pass has decided and done.

    Attributes:
        rotations: the decision about each fleet, by name.
        report: the result of the rollouts; None if no fleet was rolled.
        execution: the name of the execution that rolls the fleets; empty if this process rolls them, or no fleet is
            rolled.
    """

    rotations: Mapping[str, Rotation]
    report: FleetsReport | None = None
    execution: str = ""


_Place = tuple[str, str, str]  # region, role and external id


@dataclass(slots=True)
class _Pass:
    kept: KeptFleets
    facts: dict[str, RotationFacts] = field(default_factory=dict)
    reads: dict[_Place, SharedReads] = field(default_factory=dict)
    errors: dict[str, AwsrollError] = field(default_factory=dict)
    published: dict[tuple[str, Content], MadeVersion] = field(default_factory=dict)


class Keeper:
    """Keeps the fleets of a file.

    Args:
        spec: the fleets in their waves.
        context: as for `FleetsRun`. Its store must be one of awsroll's own.
        tries_again: forget which contents have failed.
        executions: what drives the rollouts; None: this process does.
    """

    def __init__(
        self,
        spec: FleetsSpec,
        context: Context,
        *,
        tries_again: bool = False,
        executions: Executions | None = None,
    ) -> None:
        problems = list(spec.problems())
        problems += [
            f"fleet {fleet.name}: a reload replaces no server: use another strategy with `awsroll keep`"
            for fleet in spec.fleets
            if fleet.request.strategy is Strategy.RELOAD
        ]
        if problems:
            raise SpecError(*problems)
        store = context.store or LocalStore()
        if not isinstance(store, RecordStore):
            problem = "a rotation needs a store with locks: a directory, s3://BUCKET/PREFIX or dynamodb://TABLE"
            raise SpecError(problem)
        self._spec = spec
        self._store = store
        self._clock = context.clock or SystemClock()
        self._context = replace(context, store=store, clock=self._clock, wait_for_approval=False)
        self._tries_again = tries_again
        self._executions = executions
        self._account = ""

    def plan(self) -> KeepReport:
        """Return what a pass would do. Change nothing.

        Raises:
            AwsrollError: if no fleet can be read.
        """
        return KeepReport(rotations=self._decided(self._read()))

    def keep(self) -> KeepReport:
        """Make one pass: roll the fleets that must be rolled, wave by wave; return when their rollouts have ended.

        A fleet that cannot be read, or that the checks refuse, is reported, and the others are rolled.

        Raises:
            AwsrollError: if every fleet is refused.
        """
        seen = self._read()
        while True:
            decided = self._decided(seen)
            asked = {name: rotation for name, rotation in decided.items() if rotation.action is RotationAction.ROLL}
            if not asked:
                return KeepReport(rotations=decided)
            versions = {name: self._version(seen, name, rotation) for name, rotation in asked.items()}
            if self._executions is not None:
                return self._start(seen, decided, versions, self._executions)
            run = FleetsRun(self._requests(versions), self._context)
            try:
                run.check()
            except AwsrollError:
                if not run.refused:
                    raise
                seen.errors.update(run.refused)
            else:
                return self._roll(seen, decided, versions, run)

    def _start(
        self,
        seen: _Pass,
        decided: Mapping[str, Rotation],
        versions: Mapping[str, MadeVersion],
        executions: Executions,
    ) -> KeepReport:
        """Start one execution that rolls the fleets. Its name is saved first, so that a later pass finds it."""
        spec = self._requests(versions)
        stamp = f"{self._clock.now():%Y%m%dT%H%M%S}"
        digest = sha256(f"{self._store.address} {sorted(versions)}".encode()).hexdigest()[:6]
        execution = f"keep-{stamp}-{digest}"
        for name in versions:
            self._begin(seen, name, versions[name], rollout_id_in(execution, name), execution)
        executions.start(execution, spec)
        return KeepReport(rotations=decided, execution=execution)

    def _begin(self, seen: _Pass, name: str, version: MadeVersion, rollout_id: str, execution: str = "") -> None:
        is_new = version.content != most_run(seen.facts[name])
        begun = BegunRotation(rollout_id=rollout_id, to=version, is_new=is_new, execution=execution)
        seen.kept.begin(name, begun)

    def _roll(
        self, seen: _Pass, decided: Mapping[str, Rotation], versions: Mapping[str, MadeVersion], run: FleetsRun
    ) -> KeepReport:
        for name, rollout_id in run.rollout_ids.items():
            self._begin(seen, name, versions[name], rollout_id)
        try:
            report = run.roll()
        finally:
            for name in versions:
                seen.kept.settle(name)
        return KeepReport(rotations=decided, report=report)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _read(self) -> _Pass:
        seen = _Pass(kept=KeptFleets(self._store, self._clock, self._executions))
        unfinished = self._store.unfinished()
        for number, wave in enumerate(self._spec.waves):
            for fleet in wave.fleets:
                try:
                    self._read_fleet(fleet, number, seen, unfinished)
                except AwsrollError as error:
                    seen.errors[fleet.name] = error
        return seen

    def _read_fleet(self, fleet: FleetSpec, wave: int, seen: _Pass, unfinished: Sequence[Record]) -> None:
        reads = self._reads(fleet, seen)
        kept = seen.kept.read(fleet.name, self._name(fleet))
        known = KnownBefore(kept=kept, unfinished=unfinished, at=self._clock.now())
        seen.facts[fleet.name] = read_rotation(fleet, wave, reads, known)

    def _reads(self, fleet: FleetSpec, seen: _Pass) -> SharedReads:
        place = _place(fleet)
        if place not in seen.reads:
            groups = [one.request.asg for one in self._spec.fleets if one.request.asg and _place(one) == place]
            seen.reads[place] = SharedReads(self._session(fleet).aws, groups)
        return seen.reads[place]

    def _decided(self, seen: _Pass) -> dict[str, Rotation]:
        if len(seen.errors) == len(self._spec.fleets):
            raise combined_error(list(seen.errors.items()))
        waves = {fleet.name: number for number, wave in enumerate(self._spec.waves) for fleet in wave.fleets}
        refused = {name: RefusedRotation(wave=waves[name], why=str(error)) for name, error in seen.errors.items()}
        failed = () if self._tries_again else tuple(one for fact in seen.facts.values() for one in fact.failed)
        facts = [replace(fact, failed=_known_bad(fact, failed)) for fact in seen.facts.values()]
        return rotations(facts, self._clock.now(), refused=refused)

    def _session(self, fleet: FleetSpec) -> Session:
        context = self._context
        if fleet.role:
            role = Role(arn=fleet.role, session_name="awsroll-keep", external_id=fleet.external_id)
            context = with_role(context, role, region=fleet.region)
        session = Session(context)
        if fleet.region:
            session.connect(fleet.region)
        self._account = self._account or Session(self._context).aws.sts.account()
        return session

    def _name(self, fleet: FleetSpec) -> str:
        parts = (fleet.account or self._account, fleet.region, fleet.request.asg, *sorted(fleet.request.target_group))
        return f"kept-{sha256('/'.join(parts).encode()).hexdigest()[:24]}"

    # --- rolling ------------------------------------------------------------------------------------------------------

    def _version(self, seen: _Pass, name: str, rotation: Rotation) -> MadeVersion:
        """Return the version to roll to; publish it if there is none."""
        content = rotation.content
        assert content is not None  # noqa: S101 - a rotation that rolls names its content
        if rotation.version is not None:
            return MadeVersion(number=rotation.version, content=content)
        if (name, content) in seen.published:
            return seen.published[name, content]
        kept, template = seen.kept[name], content.template
        token = sha256(f"{self._store.address} {name} {content} {len(kept.made)}".encode()).hexdigest()[:32]
        number = seen.reads[_place(self._fleet(name))].aws.ec2.create_template_version(
            template.template_id, template.number, content.image, token=token, about=f"awsroll keep: {content}"[:255]
        )
        made = seen.published[name, content] = MadeVersion(number=number, content=content)
        seen.kept.add_version(name, made)
        return made

    def _requests(self, versions: Mapping[str, MadeVersion]) -> FleetsSpec:
        """Return the waves with the fleets to roll, each to its version, with one server first."""
        waves = []
        for wave in self._spec.waves:
            fleets = tuple(_to(fleet, versions[fleet.name]) for fleet in wave.fleets if fleet.name in versions)
            if fleets:
                waves.append(replace(wave, fleets=fleets))
        return FleetsSpec(waves=tuple(waves))

    def _fleet(self, name: str) -> FleetSpec:
        return next(fleet for fleet in self._spec.fleets if fleet.name == name)


def _place(fleet: FleetSpec) -> _Place:
    return fleet.region, fleet.role, fleet.external_id


def _known_bad(fact: RotationFacts, failed: Sequence[FailedContent]) -> tuple[FailedContent, ...]:
    """Return the failures that concern a fleet: of its wanted content, or of the same image on another fleet."""
    own = tuple(one for one in failed if one in fact.failed)
    image = fact.wanted.image
    elsewhere = (one for one in failed if image and one.content.image == image and one not in own)
    return (*own, *(FailedContent(content=fact.wanted, reason=one.reason) for one in elsewhere))


def _to(fleet: FleetSpec, version: MadeVersion) -> FleetSpec:
    template = f"{version.content.template.template_id}:{version.number}"
    return replace(fleet, request=_one_first(replace(fleet.request, launch_template=template)))


def _one_first(request: RolloutSpec) -> RolloutSpec:
    """Return a request that updates one server first, unless it names checkpoints itself."""
    if request.checkpoint or request.zones is Zones.ONE_BY_ONE:
        return request
    return replace(request, checkpoint=(1,), checkpoint_delay=request.checkpoint_delay or _CANARY_SECONDS)
