"""Options as data: each command receives the values that its options build."""

import pytest

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import takes


def test_a_command_receives_the_value_that_its_options_build() -> None:
    @takes(COMMON_GROUP)
    def command(common: CommonOptions) -> int:
        return 3 if common.quiet else 0

    given = dict.fromkeys((flag.field for flag in COMMON_GROUP.flags), None)

    assert command(**{**given, "quiet": True}) == 3


def test_a_command_without_a_parameter_for_its_options_is_refused() -> None:
    def command(other: CommonOptions) -> int:
        return 0

    with pytest.raises(TypeError, match="command has no parameter common"):
        takes(COMMON_GROUP)(command)
