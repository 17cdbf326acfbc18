from pathlib import Path

import pytest

from tests.lambdas.bundles import run_alone
from tests.lambdas.startup import LIMIT, measure

NOT_FOR_A_STEP = {
    "awsroll.core.judge.e_process",
    "awsroll.driver.start_checks",
    "awsroll.fleets.standalone",
    "awsroll.notifications.channels",
    "awsroll.preflight.preparation",
    "awsroll.recording.step_lines",
    "awsroll.report.forecast",
    "awsroll.report.report",
    "awsroll.stores.budgets",
    "awsroll.stores.local_store",
    "difflib",
}


@pytest.mark.timeout(900)
def test_handler_and_first_clients_take_hardly_longer_than_boto3_with_the_same_clients(bundle: Path) -> None:
    found = measure(bundle, 2)
    if any(one.ratio > LIMIT for one in found):  # because of other work on the machine, or of awsroll
        found = measure(bundle, 9)
    assert [one for one in found if one.ratio > LIMIT] == []


def test_the_handler_of_a_step_imports_nothing_that_only_a_start_or_a_report_needs(bundle: Path) -> None:
    loaded = run_alone(bundle, "import reconcile\nprint(*sys.modules)").split()
    assert "awsroll.core.planner" in loaded
    assert NOT_FOR_A_STEP.isdisjoint(loaded)
