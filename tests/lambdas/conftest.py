from pathlib import Path

import pytest

from tests.lambdas.bundles import made
from tests.support.made_once import made_once


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle for this very machine, so that it can be run here."""
    return made_once(tmp_path_factory, "bundle-native", lambda folder: made(folder, "--arch", "native"))
