"""`awsroll demo` with three servers, with a good version and with a bad one."""

import os
import re
from pathlib import Path

import pytest

from tests.cli.program import awsroll, clean_environment, start

pytestmark = pytest.mark.process


def test_the_demo_drops_nothing() -> None:
    demo = awsroll("demo", "--servers", "3", "--concurrent", "2", "--drain-probe", "--json")

    assert demo.code == 0, demo.err
    report = demo.lines[-1]
    assert report["status"] == "succeeded"
    assert report["instances"]["replaced"] == 3
    traffic = report["traffic"]
    assert traffic["dropped"] == 0
    assert set(traffic["by_version"]) == {"v1", "v2"}
    assert traffic["requests"] == sum(traffic["by_version"].values())
    assert traffic["lowest_serving"] >= 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux shows the CPU time of a running process")
def test_the_demo_shows_life_within_two_seconds() -> None:
    """CPU time, because the wall time depends on what else the machine does."""
    with start("demo", environment=clean_environment({})) as demo:
        assert demo.stderr is not None
        line = demo.stderr.readline()
        words = Path(f"/proc/{demo.pid}/stat").read_text().rpartition(")")[2].split()
        demo.kill()

    assert line == "awsroll: starting 9 servers under live traffic; timers run 25 times as fast\n"
    assert (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK") < 2


def test_a_bad_version_is_rolled_back_and_drops_nothing() -> None:
    demo = awsroll("demo", "--servers", "3", "--bad-version")

    assert demo.code == 1
    assert "warning" not in demo.out + demo.err
    first, promise, *_ = demo.out.splitlines()
    assert first.startswith("rollout ")
    assert re.fullmatch(r"0 of [\d,]+ requests dropped; never fewer than [23] of 3 servers took requests", promise)
    assert re.search(r"from a second terminal: awsroll watch --state /\S+\n", demo.err)
    assert demo.err.splitlines()[-4].split() == ["awsroll:", "try", "next:", "awsroll", "demo", "a", "good", "version"]
    assert "not healthy within" in demo.out
    assert "rolled back" in demo.err
    assert "3 of 3 servers serve" in demo.err
