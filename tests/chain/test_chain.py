import shutil
from pathlib import Path

import pytest

from tests.chain.everything import run_chain


@pytest.mark.process
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("node") is None, reason="the AWS CDK runs on node, which is not installed")
def test_deployed_machine_rolls_a_fleet_under_live_traffic_and_drops_nothing(tmp_path: Path) -> None:
    ending = run_chain(tmp_path, servers=4)
    assert ending.execution.status == "SUCCEEDED", ending.execution.output
    assert ending.dropped == 0
    assert ending.versions == {"2": 4}
    assert set(ending.by_version) == {"v1", "v2"}
    assert ending.execution.states["Prepare"] == ending.execution.states["Succeeded"] == 1
    assert ending.execution.states["Reconcile"] >= 3
