"""The options of a rollout as options of a command, made from the fields of `RolloutSpec`."""

from awsroll.cli.flags import flag_of
from awsroll.core.model.options import options_of
from awsroll.core.request.spec import RolloutSpec

SPEC_FLAGS = tuple(flag_of(option) for option in options_of(RolloutSpec) if option.section)
