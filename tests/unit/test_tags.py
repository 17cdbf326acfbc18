"""The value of the tag that names the fleet fits a tag, and differs for each fleet."""

import pytest

from awsroll.core.aws_limits import TAG_VALUE_CHARACTERS
from awsroll.core.tags import fleet_tag_value


def test_a_name_that_fits_is_the_value() -> None:
    assert fleet_tag_value("web-1+web-2") == "web-1+web-2"
    assert fleet_tag_value("n" * TAG_VALUE_CHARACTERS) == "n" * TAG_VALUE_CHARACTERS


@pytest.mark.parametrize("length", [257, 300, 5000])
def test_a_longer_name_is_shortened_to_a_value_of_its_own(length: int) -> None:
    names = ["n" * length, "n" * (length - 1) + "m", "n" * (length + 1)]
    values = {fleet_tag_value(name) for name in names}
    assert len(values) == len(names)
    assert {len(value) for value in values} == {TAG_VALUE_CHARACTERS}
    assert all(value.startswith("nnn") for value in values)
