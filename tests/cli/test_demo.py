"""`awsroll demo` with three servers, with a good version and with a bad one."""

import pytest

from tests.cli.program import awsroll

pytestmark = pytest.mark.process


def test_the_demo_drops_nothing() -> None:
    demo = awsroll("demo", "--servers", "3", "--concurrent", "2", "--json")

    assert demo.code == 0, demo.err
    report = demo.lines[-1]
    assert report["status"] == "succeeded"
    assert report["instances"]["replaced"] == 3
    traffic = report["traffic"]
    assert traffic["dropped"] == 0
    assert set(traffic["by_version"]) == {"v1", "v2"}
    assert traffic["requests"] == sum(traffic["by_version"].values())
    assert traffic["lowest_serving"] >= 1


def test_a_bad_version_is_rolled_back_and_drops_nothing() -> None:
    demo = awsroll("demo", "--servers", "3", "--bad-version")

    assert demo.code == 1
    assert demo.out.startswith("rollout ")
    assert demo.out.endswith("0 dropped\n")
    assert "not healthy within" in demo.out
    assert "rolled back" in demo.err
    assert "3 of 3 servers serve" in demo.err
