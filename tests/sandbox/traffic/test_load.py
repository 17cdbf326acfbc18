"""The load generator: outcomes of requests."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from awsroll.sandbox.traffic import Outcome, TrafficReport, wire
from awsroll.sandbox.traffic.load import LoadGenerator, LoadShape
from awsroll.sandbox.traffic.tally import Tally

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SHAPE = LoadShape(requests_per_second=500, slow_fraction=0, slow_seconds=0, patience_seconds=0.1)


async def load_for(seconds: float, converse: Conversation, shape: LoadShape = SHAPE) -> TrafficReport:
    """Load a server of the test for a short time, and return the report."""
    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    async with server:
        tally = Tally(asyncio.get_running_loop().time)
        load = LoadGenerator(server.sockets[0].getsockname()[1], shape, tally)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(load.run(), seconds)
        await load.finish()
    return tally.report()


def answering(sent: bytes) -> Conversation:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await wire.read_request(reader):
            writer.write(sent)
        writer.close()

    return converse


async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("converse", "outcome"),
    [
        (answering(wire.Response(headers={"x-version": "v1"}).render()), Outcome.SERVED),
        (answering(wire.Response().render()), Outcome.OTHER_ANSWER),
        (answering(wire.Response(status=500, headers={"x-version": "v1"}).render()), Outcome.OTHER_ANSWER),
        (answering(wire.Response(status=502).render()), Outcome.BAD_GATEWAY),
        (answering(wire.Response(status=503).render()), Outcome.UNAVAILABLE),
        (answering(wire.Response(status=504).render()), Outcome.GATEWAY_TIMEOUT),
        (answering(b"HTTP/1.1 200 OK\r\nx-version: v1\r\ncontent-length: 10\r\n\r\nhalf"), Outcome.CUT_SHORT),
        (answering(b""), Outcome.CUT_SHORT),
        (answering(b"SSH-2.0-server\r\n\r\n"), Outcome.OTHER_ANSWER),
        (never_answer, Outcome.TIMED_OUT),
    ],
    ids=["served", "not-ours", "500", "502", "503", "504", "half-a-body", "no-answer", "not-http", "silence"],
)
def test_each_way_a_request_can_end_is_its_own_outcome(converse: Conversation, outcome: Outcome) -> None:
    report = asyncio.run(load_for(0.03, converse))
    assert report.requests > 0
    assert report.by_outcome == {outcome: report.requests}
    assert report.dropped == (0 if outcome is Outcome.SERVED else report.requests)


def test_a_port_on_which_nothing_listens_is_a_refusal() -> None:
    async def load_closed_port() -> TrafficReport:
        server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        tally = Tally(asyncio.get_running_loop().time)
        load = LoadGenerator(port, SHAPE, tally)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(load.run(), 0.03)
        await load.finish()
        return tally.report()

    report = asyncio.run(load_closed_port())
    assert report.by_outcome == {Outcome.REFUSED: report.dropped}
    assert report.requests == report.dropped > 0


def test_a_long_timeline_is_thinned_without_losing_a_request() -> None:
    now = 0.0
    tally = Tally(lambda: now)
    tally.begin()
    for second in range(3000):
        now = float(second)
        tally.request_began()
        tally.request_served("v1")
        tally.sample()
    timeline = tally.report().timeline
    assert len(timeline) <= 1200
    assert sum(sample.served["v1"] for sample in timeline if sample.served) == 3000
    assert [sample.at_seconds for sample in timeline] == sorted(sample.at_seconds for sample in timeline)
