"""Laws of the rotation: they hold for all servers, images, ages and memories."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from awsroll.core.model.observation import TemplateVersion
from awsroll.core.rotation import (
    Content,
    FailedContent,
    MadeVersion,
    RotationAction,
    RotationFacts,
    ServerFacts,
    rotations,
)

AT = datetime(2026, 6, 1, tzinfo=UTC)
MAX_AGE = timedelta(days=30)
IMAGES = st.sampled_from(["ami-1", "ami-2", "ami-3"])
NUMBERS = st.integers(1, 6)


def template(number: int) -> TemplateVersion:
    return TemplateVersion(template_id="lt-web", number=number)


CONTENTS = st.builds(lambda number, image: Content(template=template(number), image=image), st.integers(1, 2), IMAGES)
SERVERS = st.builds(
    lambda number, image, days: ServerFacts(
        template=template(number), image=image, launched_at=AT - timedelta(days=days)
    ),
    NUMBERS,
    IMAGES,
    st.integers(0, 40),
)


@st.composite
def fleets(draw: st.DrawFn) -> list[RotationFacts]:
    facts = []
    for place in range(draw(st.integers(1, 3))):
        made = {number: draw(CONTENTS) for number in draw(st.sets(st.integers(3, 6)))}
        failed = draw(st.lists(CONTENTS, max_size=2))
        facts.append(
            RotationFacts(
                name=f"fleet-{place}",
                wave=draw(st.integers(0, place)),
                wanted=draw(CONTENTS),
                servers=tuple(draw(st.lists(SERVERS, min_size=1, max_size=4))),
                made=tuple(MadeVersion(number=number, content=content) for number, content in made.items()),
                failed=tuple(FailedContent(content=content, reason="unhealthy") for content in failed),
                max_age=draw(st.sampled_from([None, MAX_AGE])),
                closed=draw(st.sampled_from(["", "", "the window"])),
                unfinished=draw(st.sampled_from(["", "", "web-1"])),
            )
        )
    return facts


@given(fleets())
def test_nothing_starts_in_a_closed_window_or_beside_an_unfinished_rollout(given_fleets: list[RotationFacts]) -> None:
    decided = rotations(given_fleets, AT)
    for fleet in given_fleets:
        if fleet.closed or fleet.unfinished:
            assert decided[fleet.name].action is not RotationAction.ROLL


@given(fleets())
def test_a_failed_content_is_not_tried_again(given_fleets: list[RotationFacts]) -> None:
    for name, rotation in rotations(given_fleets, AT).items():
        fleet = next(fleet for fleet in given_fleets if fleet.name == name)
        runs_it = all(fleet.content_of(server) == rotation.content for server in fleet.servers)
        if rotation.action is RotationAction.ROLL and rotation.content is not None and not runs_it:
            assert not fleet.is_failed(rotation.content)


@given(fleets())
def test_a_rollout_replaces_every_server_that_must_go(given_fleets: list[RotationFacts]) -> None:
    for name, rotation in rotations(given_fleets, AT).items():
        fleet = next(fleet for fleet in given_fleets if fleet.name == name)
        if rotation.action is not RotationAction.ROLL or rotation.version is None:
            continue
        kept = [server for server in fleet.servers if server.template == template(rotation.version)]
        assert not set(kept) & set(fleet.due(AT)), "no server that is due runs the version already"
        made = {version.number: version.content for version in fleet.made}
        assert made.get(rotation.version, Content(template=template(rotation.version))) == rotation.content


@given(fleets())
def test_a_fleet_at_rest_runs_the_newest_content_and_is_young(given_fleets: list[RotationFacts]) -> None:
    for name, rotation in rotations(given_fleets, AT).items():
        fleet = next(fleet for fleet in given_fleets if fleet.name == name)
        if rotation.action is RotationAction.REST:
            assert all(fleet.content_of(server) == fleet.wanted for server in fleet.servers)
            assert not fleet.due(AT)


@given(fleets())
def test_a_new_content_reaches_a_wave_only_after_the_earlier_ones(given_fleets: list[RotationFacts]) -> None:
    decided = rotations(given_fleets, AT)
    for fleet in given_fleets:
        rotation = decided[fleet.name]
        is_new = any(fleet.content_of(server) != fleet.wanted for server in fleet.servers)
        if rotation.action is not RotationAction.ROLL or rotation.content != fleet.wanted or not is_new:
            continue
        for earlier in (other for other in given_fleets if other.wave < fleet.wave):
            runs_it = all(earlier.content_of(server) == earlier.wanted for server in earlier.servers)
            current = {fleet.content_of(server) for server in fleet.servers if fleet.content_of(server) is not None}
            takes_it = decided[earlier.name].action is RotationAction.ROLL
            assert runs_it or takes_it or fleet.wanted in current or not current
