from pathlib import Path

import pytest

from tests.lambdas.bundles import made


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle for this very machine, so that it can be run here."""
    return made(tmp_path_factory.mktemp("lambda") / "native", "--arch", "native")
