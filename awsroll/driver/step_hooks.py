"""Which hooks can run in a rollout that is driven by steps: nothing of awsroll runs between two steps."""

from typing import assert_never

from awsroll.core.model.hooks import HookKind
from awsroll.core.model.rollout import Rollout

LONGEST_HOOK_SECONDS = 240.0
"""The longest timeout of a hook's Lambda function: a step waits for the function, and a step is bounded."""


def unfit_hooks(rollout: Rollout) -> tuple[str, ...]:
    """Return the hooks that need a process between two steps, one line each. A step never runs them."""
    problems = []
    for hook in rollout.hooks:
        match hook.kind:
            case HookKind.COMMAND | HookKind.CALLABLE:
                problems.append(
                    f"hook {hook.name}: commands and Python callables need a process that runs between steps. Use a "
                    "function or a script"
                )
            case HookKind.FUNCTION | HookKind.URL | HookKind.METRIC:
                if hook.timeout_seconds > LONGEST_HOOK_SECONDS:
                    problems.append(
                        f"hook {hook.name}: a step waits at most {LONGEST_HOOK_SECONDS:g} s for a {hook.kind}. Lower "
                        "the timeout, or use a script on the server"
                    )
            case HookKind.SCRIPT | HookKind.ANOMALIES:  # SSM runs a script, and the next step asks SSM about it
                pass
            case _:
                assert_never(hook.kind)
    return tuple(problems)
