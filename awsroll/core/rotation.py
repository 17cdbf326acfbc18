"""What `awsroll keep` does with each fleet: from the facts of all fleets to rest, wait or roll, and why. Pure.

The wanted content of a server is a launch template version and, if the fleet names a Systems Manager parameter, the
image in it. awsroll publishes a version for each image, with the id of the image, so that a rollback and a scale-out
launch what has been proven. A content whose rollout has failed is not tried again until the template or the image
changes: until then the fleet keeps what it runs, and only servers that grow too old are replaced.

Servers that are older than `DUE_SHARE` of the maximum age are due, so that a closed window does not make them too old.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from awsroll.core.model.observation import TemplateVersion

DUE_SHARE = 0.8
"""The share of the maximum age at which a server is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a server runs.

    Attributes:
        template: the launch template version that a person has published.
        image: the id of its image; empty: the image that the version itself names.
    """

    template: TemplateVersion
    image: str = ""

    def __str__(self) -> str:
        return f"{self.template} with {self.image}" if self.image else str(self.template)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeVersion:
    """A launch template version that awsroll has published for a content."""

    number: int
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedContent:
    """A content whose rollout has failed, and why."""

    content: Content
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """One server: the version that it was launched from (None: unknown), its image, and when it was launched."""

    template: TemplateVersion | None
    image: str
    launched_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationFacts:
    """The facts of one fleet.

    Attributes:
        wave: the number of its wave.
        wanted: the newest content.
        made: the versions that awsroll has published for it.
        failed: the contents whose rollouts have failed.
        max_age: the maximum age of a server; None: any.
        closed: what its windows and freezes wait for; empty if it may be rolled now.
        unfinished: the id of an unfinished rollout of it; empty if there is none.
        continues: what the unfinished rollout rolls to, if it is one of `awsroll keep` and waits for no person.
    """

    name: str
    wave: int
    wanted: Content
    servers: tuple[ServerFacts, ...]
    made: tuple[MadeVersion, ...] = ()
    failed: tuple[FailedContent, ...] = ()
    max_age: timedelta | None = None
    closed: str = ""
    unfinished: str = ""
    continues: MadeVersion | None = None

    def content_of(self, server: ServerFacts) -> Content | None:
        """Return what a server runs; None if that is not known."""
        if server.template is None:
            return None
        made = {version.number: version.content for version in self.made}
        is_same = server.template.template_id == self.wanted.template.template_id
        known = made.get(server.template.number) if is_same else None
        template = server.template if known is None else known.template
        return Content(template=template, image=server.image if self.wanted.image else "")

    def is_failed(self, content: Content) -> bool:
        """Return whether the rollout of a content has failed, here or on another fleet of the file."""
        return any(failed.content == content for failed in self.failed)

    def due(self, at: datetime) -> tuple[ServerFacts, ...]:
        """Return the servers that are so old that they must be replaced."""
        if self.max_age is None:
            return ()
        since = at - self.max_age * DUE_SHARE
        known = ((server, server.launched_at) for server in self.servers)
        return tuple(server for server, launched_at in known if launched_at is not None and launched_at <= since)


class RotationAction(StrEnum):
    """What to do with a fleet."""

    REST = "rest"
    WAIT = "wait"
    ROLL = "roll"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What to do with a fleet now.

    Attributes:
        why: for people.
        content: what to roll to.
        version: the number of the version to roll to; None: publish one for the content.
    """

    action: RotationAction
    why: str
    content: Content | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRotation:
    """A fleet that could not be read, or that the checks refuse to roll now: its wave, and why."""

    wave: int
    why: str


def rotations(
    fleets: Sequence[RotationFacts], at: datetime, *, refused: Mapping[str, RefusedRotation] | None = None
) -> dict[str, Rotation]:
    """Return what to do with each fleet, by name.

    A fleet takes a new content only if the fleets of all earlier waves run theirs, or take it now. A refused fleet
    does neither, so that later waves take nothing new; the others are rolled.
    """
    left_out = refused or {}
    decided = {name: Rotation(action=RotationAction.REFUSED, why=fleet.why) for name, fleet in left_out.items()}
    holding = ""
    waves = {*(fleet.wave for fleet in fleets), *(fleet.wave for fleet in left_out.values())}
    for wave in sorted(waves):
        own = [fleet for fleet in fleets if fleet.wave == wave and fleet.name not in left_out]
        decided |= {fleet.name: _rotation(fleet, at, holding) for fleet in own}
        behind = [name for name, fleet in left_out.items() if fleet.wave == wave]
        behind += [fleet.name for fleet in own if _is_behind(fleet, decided[fleet.name])]
        holding = holding or next(iter(behind), "")
    return decided


def _is_behind(fleet: RotationFacts, rotation: Rotation) -> bool:
    """Return whether a fleet neither runs its newest content nor takes it now."""
    is_current = all(fleet.content_of(server) == fleet.wanted for server in fleet.servers)
    takes_it = rotation.action is RotationAction.ROLL and rotation.content == fleet.wanted
    return not (is_current or takes_it)


def _rotation(fleet: RotationFacts, at: datetime, holding: str) -> Rotation:
    if fleet.unfinished and fleet.continues is None:
        return Rotation(action=RotationAction.WAIT, why=f"rollout {fleet.unfinished} has not ended")
    if fleet.continues is not None:
        why, to = f"rollout {fleet.unfinished} continues", fleet.continues
        return Rotation(action=RotationAction.ROLL, why=why, content=to.content, version=to.number)
    blocked = _why_not_newest(fleet, holding)
    target = most_run(fleet) if blocked else fleet.wanted
    outdated = [server for server in fleet.servers if fleet.content_of(server) != fleet.wanted]
    due = fleet.due(at)
    if target is None or (blocked and outdated and not due):
        return Rotation(action=RotationAction.WAIT, why=blocked)
    if not outdated and not due:
        return Rotation(action=RotationAction.REST, why=f"all {len(fleet.servers)} servers run {fleet.wanted}")
    why = _reason(fleet, at, outdated=len(outdated) if not blocked else 0, due=len(due))
    if fleet.closed:
        return Rotation(action=RotationAction.WAIT, why=f"{why}; waiting for {fleet.closed}")
    return Rotation(action=RotationAction.ROLL, why=why, content=target, version=_usable(fleet, target, due))


def _why_not_newest(fleet: RotationFacts, holding: str) -> str:
    failed = next((failed for failed in fleet.failed if failed.content == fleet.wanted), None)
    if failed is not None:
        return f"{fleet.wanted} has failed: {failed.reason}. It is not tried again until it changes"
    is_current = all(fleet.content_of(server) == fleet.wanted for server in fleet.servers)
    return f"fleet {holding} of an earlier wave does not run its newest version" if holding and not is_current else ""


def _reason(fleet: RotationFacts, at: datetime, *, outdated: int, due: int) -> str:
    oldest = min((server.launched_at for server in fleet.servers if server.launched_at is not None), default=at)
    count = len(fleet.servers)
    parts = (
        *((f"{outdated} of {count} servers do not run {fleet.wanted}",) if outdated else ()),
        *((f"{due} of {count} servers are due, the oldest after {(at - oldest).days} days",) if due else ()),
    )
    return " and ".join(parts)


def most_run(fleet: RotationFacts) -> Content | None:
    """Return what most servers run, of what has not failed."""
    known = (fleet.content_of(server) for server in fleet.servers)
    counts = Counter(content for content in known if content is not None and not fleet.is_failed(content))
    return counts.most_common(1)[0][0] if counts else None


def _usable(fleet: RotationFacts, content: Content, due: Sequence[ServerFacts]) -> int | None:
    """Return the newest version of a content that no due server runs: rolling to it replaces all servers that must go.

    A version that names its image by a parameter is never usable for a content with an image: it would launch another
    image tomorrow.
    """
    numbers = [version.number for version in fleet.made if version.content == content]
    if not content.image:
        numbers.append(content.template.number)
    taken = {server.template.number for server in due if server.template is not None}
    return max((number for number in numbers if number not in taken), default=None)
