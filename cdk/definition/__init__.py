"""The state machines' definitions in the Amazon States Language, as pure functions: no CDK, no AWS.

of a rollout in `rollout`.
"""

from definition.rollout import rollout_machine
