"""What every test of the command line starts with: a process that has run no command."""

import pytest

from awsroll.cli.process_state import begin


@pytest.fixture(autouse=True)
def _new_process() -> None:
    begin()
