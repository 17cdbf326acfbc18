"""The state machines' definitions in the Amazon States Language, as pure functions: no CDK, no AWS.

`rollout_machine` rolls one fleet. The kinds of states are in `states`, those of one rollout in `rollout`.
"""

from definition.rollout import rollout_machine

__all__ = ["rollout_machine"]
