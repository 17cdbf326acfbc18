"""Runs hooks: commands and Python callables in this process, Lambda functions, and scripts on the servers.

`awsroll.core` decides when a hook runs and what its failure means. Every hook runs in the background; an
observation collects the results.
"""

from awsroll.hooks.callables import HookCallable, PythonHook
from awsroll.hooks.runner import HookRunner

__all__ = ["HookCallable", "HookRunner", "PythonHook"]
