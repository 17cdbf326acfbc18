"""The pytest fixture `awsroll_sandbox`: a simulated AWS in virtual time for one test.

    @pytest.mark.awsroll_sandbox(boot_seconds=10)
    def test_of_mine(awsroll_sandbox):
        fleet = awsroll_sandbox.standalone_fleet(servers=3)

pytest imports this file in every run where awsroll is installed: nothing slow or optional may be imported at its top.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsroll.sandbox.inprocess import Sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "awsroll_sandbox(**options): switches of the fixture awsroll_sandbox")


@pytest.fixture
def awsroll_sandbox(request: pytest.FixtureRequest) -> "Iterator[Sandbox]":
    """Give the test a sandbox that boto3 talks to; its clock moves by `jump` alone."""
    from awsroll.sandbox.inprocess import Sandbox  # noqa: PLC0415  only tests that use it pay for it
    from awsroll.sandbox.sandbox_options import SandboxOptions  # noqa: PLC0415  the same
    from awsroll.testing.clock import VirtualClock  # noqa: PLC0415  the same

    marker = request.node.get_closest_marker("awsroll_sandbox")
    options = SandboxOptions(**(marker.kwargs if marker else {}))
    with Sandbox(clock=VirtualClock(), options=options) as sandbox:
        yield sandbox
