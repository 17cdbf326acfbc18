"""Routing over real sockets, in front of a fake world."""

import http.client
import socket

from awsroll.sandbox.instance import Health
from tests.sandbox.traffic.fake_world import (
    API,
    WEB,
    FakeWorld,
    connect,
    eventually,
    get,
    get_on,
    silent,
    start_slow_request,
    who_answers,
)
from tests.support.patience import PATIENCE_SECONDS


def test_requests_go_to_every_healthy_target_in_turn() -> None:
    with silent(FakeWorld("i-1", "i-2", "i-3")) as traffic:
        answers = [get(traffic) for _ in range(6)]
    assert sorted(answers) == [(200, f"i-{n}") for n in (1, 1, 2, 2, 3, 3)]


def test_routing_follows_target_states_as_they_change() -> None:
    world = FakeWorld("i-1")
    world.run("i-2", version="v2")
    world.set_target("i-2", "initial")
    with silent(world) as traffic:
        assert who_answers(traffic) == {"i-1"}
        world.set_target("i-2", "healthy")
        eventually(lambda: who_answers(traffic) == {"i-1", "i-2"})
        world.set_target("i-1", "unhealthy")
        eventually(lambda: who_answers(traffic) == {"i-2"})


def test_an_instance_that_comes_up_later_is_served_from_then_on() -> None:
    world = FakeWorld()
    with silent(world) as traffic:
        world.run("i-1", health=Health.REFUSES)
        world.set_target("i-1", "initial")
        eventually(lambda: get(traffic) == (502, "connection refused: the application is not up"))
        world.run("i-1")
        world.set_target("i-1", "healthy")
        eventually(lambda: get(traffic) == (200, "i-1"))


def test_a_kept_connection_is_routed_per_request() -> None:
    with silent(FakeWorld("i-1", "i-2")) as traffic:
        connection = connect(traffic)
        answers = {get_on(connection) for _ in range(4)}
        connection.close()
    assert answers == {(200, "i-1"), (200, "i-2")}


def test_a_draining_target_finishes_what_it_has_and_gets_nothing_new() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 0.3)
        world.run("i-2")
        world.set_target("i-2", "healthy")
        world.set_target("i-1", "draining")
        eventually(lambda: who_answers(traffic) == {"i-2"})
        assert slow.result() == (200, "i-1")


def test_a_request_that_outlives_the_deregistration_delay_is_cut() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 60)
        world.set_target("i-1", "draining")
        world.set_target("i-1", "gone")
        assert slow.result() == (502, "the deregistration delay ended while the request was running")


def test_an_instance_that_stops_drops_the_requests_it_holds() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 60)
        world.stop("i-1")
        assert slow.result() == (502, "the target closed the connection with the request")
        assert get(traffic) == (502, "connection refused: the application is not up")


def test_a_reload_shows_the_new_version_and_drops_the_requests_that_run() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 60)
        world.reload("i-1", "v2")
        assert slow.result() == (502, "the target closed the connection with the request")
        connection = connect(traffic)
        connection.request("GET", "/")
        assert connection.getresponse().headers["x-version"] == "v2"
        connection.close()


def test_a_target_registered_again_while_it_drains_keeps_its_requests() -> None:
    world = FakeWorld("i-1")
    with silent(world) as traffic:
        slow = start_slow_request(traffic, 0.2)
        world.set_target("i-1", "draining")
        world.set_target("i-1", "healthy")
        eventually(lambda: get(traffic) == (200, "i-1"))
        assert slow.result() == (200, "i-1")


def test_without_registered_targets_the_answer_is_503() -> None:
    with silent(FakeWorld()) as traffic:
        assert get(traffic) == (503, "the target group has no registered target that is in use")


def test_with_unhealthy_targets_only_the_group_fails_open() -> None:
    world = FakeWorld("i-1")
    world.run("i-2", health=Health.UNHEALTHY)
    world.set_target("i-1", "unhealthy")
    world.set_target("i-2", "unhealthy")
    with silent(world) as traffic:
        assert {get(traffic) for _ in range(4)} == {(200, "i-1"), (503, "the application is unhealthy")}


def test_an_application_that_never_answers_ends_with_the_traffic() -> None:
    world = FakeWorld()
    world.run("i-1", health=Health.NEVER_ANSWERS)
    world.set_target("i-1", "healthy")
    with silent(world) as traffic:
        pending = start_slow_request(traffic, 0)
    assert isinstance(pending.exception(), ConnectionError | http.client.HTTPException)


def test_each_target_group_gets_its_share_of_the_requests() -> None:
    world = FakeWorld("i-1")
    with silent(world, WEB, API) as traffic:
        assert sorted(get(traffic)[0] for _ in range(4)) == [200, 200, 503, 503]
        world.set_target("i-1", "healthy", arn=API, port=8080)
        eventually(lambda: {get(traffic) for _ in range(4)} == {(200, "i-1")})


def test_other_target_groups_are_left_alone() -> None:
    with silent(FakeWorld("i-1", arn=API)) as traffic:
        assert get(traffic)[0] == 503


def test_bodies_and_head_requests_pass_through() -> None:
    with silent(FakeWorld("i-1")) as traffic:
        connection = connect(traffic)
        connection.request("POST", "/", body=b"x" * 50_000)
        assert connection.getresponse().read() == b"i-1 v1\n"
        connection.request("HEAD", "/")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")
        assert get_on(connection) == (200, "i-1")
        connection.close()


def test_an_invalid_http_request_is_refused_with_a_reason() -> None:
    with silent(FakeWorld("i-1")) as traffic:
        host, port = traffic.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as client:
            client.sendall(b"hello\r\n\r\n")
            answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"not an HTTP/1.1 request line: 'hello'" in answer
