from pathlib import Path

from tests.lambdas.bundles import run_alone
from tests.lambdas.startup import LIMIT, SOURCE_LIMIT, count

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


def test_handler_and_first_clients_do_hardly_more_than_boto3_with_the_same_clients(bundle: Path) -> None:
    bare, awsroll = count(bundle)
    assert awsroll.calls / bare.calls <= LIMIT
    assert awsroll.source / bare.source <= SOURCE_LIMIT


def test_the_handler_of_a_step_imports_nothing_that_only_a_start_or_a_report_needs(bundle: Path) -> None:
    loaded = run_alone(bundle, "import reconcile\nprint(*sys.modules)").split()
    assert "awsroll.core.planner" in loaded
    assert NOT_FOR_A_STEP.isdisjoint(loaded)
