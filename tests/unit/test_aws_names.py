"""Names that awsroll derives from the id of a rollout fit the limits of the APIs that take them."""

import re

import pytest

from awsroll.core.aws_names import client_token, command_comment, session_name

IDS = ("web-1", "web-2.4", "release-2026-11-29-frontend-production-eu-west-1".ljust(80, "x"), "a/b c", "ü")


@pytest.mark.parametrize("rollout_id", IDS)
def test_a_client_token_fits_every_launch_api(rollout_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]{1,64}", client_token(rollout_id, 999_999, "us-east-1a"))


def test_a_client_token_is_the_same_for_one_launch_and_differs_between_launches_zones_and_rollouts() -> None:
    assert client_token("web-1", 1, "zone-a") == client_token("web-1", 1, "zone-a")
    others = [("web-1", 2, "zone-a"), ("web-1", 1, "zone-b"), ("web-2", 1, "zone-a"), ("web", "1/1", "zone-a")]
    assert len({client_token(*parts) for parts in [("web-1", 1, "zone-a"), *others]}) == 5


@pytest.mark.parametrize("rollout_id", IDS)
def test_a_comment_fits_and_differs_between_attempts(rollout_id: str) -> None:
    first, second = command_comment(rollout_id, 1), command_comment(rollout_id, 2)
    assert first != second
    assert max(len(first), len(second)) <= 100


def test_a_comment_names_the_rollout_if_it_fits() -> None:
    assert command_comment("web-1", "hook", 3) == "awsroll web-1 hook 3"
    assert command_comment("x" * 100, 1) != command_comment("x" * 99 + "y", 1)


@pytest.mark.parametrize("rollout_id", [*IDS, "x"])
def test_a_session_name_fits(rollout_id: str) -> None:
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", session_name(rollout_id), re.ASCII)


def test_a_session_name_is_the_id_of_the_rollout_if_it_fits() -> None:
    assert session_name("web-2.4") == "web-2.4"
    assert session_name("a b") != session_name("a-b")
