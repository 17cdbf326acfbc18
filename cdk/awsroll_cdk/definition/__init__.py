"""The state machines' definitions in the Amazon States Language, as pure functions: no CDK, no AWS.

`rollout_machine` rolls one fleet, and `fleets_machine` rolls many fleets in waves. `states` holds the kinds of states,
and `rollout` the states of one rollout.
"""

from awsroll_cdk.definition.fleets import fleets_machine
from awsroll_cdk.definition.rollout import rollout_machine

__all__ = ["fleets_machine", "rollout_machine"]
