"""The state machines' definitions in the Amazon States Language, as pure functions: no CDK, no AWS.

`rollout_machine` rolls one fleet, `fleets_machine` many in waves. The kinds of states are in `states`, those of one
rollout in `rollout`.
"""

from definition.fleets import fleets_machine
from definition.rollout import rollout_machine

__all__ = ["fleets_machine", "rollout_machine"]
