from pathlib import Path

import pytest

from tests.lambdas.startup import LIMIT, measure


@pytest.mark.timeout(900)
def test_handler_and_first_clients_take_hardly_longer_than_boto3_with_the_same_clients(bundle: Path) -> None:
    found = measure(bundle, 2)
    if any(one.ratio > LIMIT for one in found):  # because of other work on the machine, or of awsroll
        found = measure(bundle, 9)
    assert [one for one in found if one.ratio > LIMIT] == []
