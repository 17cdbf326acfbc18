"""docs/checks.md lists each check that `awsroll doctor` shows."""

import re
from pathlib import Path

from awsroll.core.model.finding import Check, CheckOutcome

PAGE = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()


def test_every_check_is_in_the_table_in_the_order_of_the_list() -> None:
    table = PAGE.partition("## The list of checks")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)

    assert listed == [check.value for check in Check]


def test_every_result_is_explained() -> None:
    assert all(f"`{outcome.value}`" in PAGE for outcome in CheckOutcome)
