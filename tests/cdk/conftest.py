import json
import shutil
from pathlib import Path

import pytest

from tests.cdk.synthesized import Synthesized, synthesize
from tests.support.made_once import made_once

_HERE = Path(__file__).parent
TEMPLATES = "templates-of-the-tests.json"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if shutil.which("node") is not None:
        return
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.skip(reason="the AWS CDK runs on node, which is not installed"))


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    def make(folder: Path) -> None:
        templates = synthesize(folder).templates
        (folder / TEMPLATES).write_text(json.dumps(templates))

    folder = made_once(tmp_path_factory, "synthesized", make)
    return Synthesized(templates=json.loads((folder / TEMPLATES).read_text()))
