"""Running hooks: commands and Python callables beside awsroll, Lambda functions, scripts on the servers.

Nothing here decides when a hook runs or what its failure means (`core.hooking`). Everything runs in the background;
a look collects what has ended.
"""

from awsroll.hooks.callables import HookCallable, PythonHook
from awsroll.hooks.runner import HookRunner

__all__ = ["HookCallable", "HookRunner", "PythonHook"]
