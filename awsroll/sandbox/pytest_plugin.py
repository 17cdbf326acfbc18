"""The pytest fixture `awsroll_sandbox`: a simulated AWS in virtual time for one test.

    @pytest.mark.awsroll_sandbox(boot_seconds=10)
    def test_of_mine(awsroll_sandbox):
        fleet = awsroll_sandbox.standalone_fleet(servers=3)

pytest imports this file in every run where awsroll is installed, so slow and optional modules are imported later.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsroll.sandbox.inprocess import Sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "awsroll_sandbox(**options): switches of the fixture awsroll_sandbox")


@pytest.fixture
def awsroll_sandbox(request: pytest.FixtureRequest) -> "Iterator[Sandbox]":
    """Provide a sandbox that boto3 clients call. Only `jump` moves its clock."""
    from awsroll.sandbox.inprocess import Sandbox  # noqa: PLC0415  imported only by tests that use it
    from awsroll.sandbox.sandbox_options import SandboxOptions  # noqa: PLC0415  imported only by tests that use it
    from awsroll.testing.clock import VirtualClock  # noqa: PLC0415  imported only by tests that use it

    marker = request.node.get_closest_marker("awsroll_sandbox")
    options = SandboxOptions(**(marker.kwargs if marker else {}))
    with Sandbox(clock=VirtualClock(), options=options) as sandbox:
        yield sandbox
