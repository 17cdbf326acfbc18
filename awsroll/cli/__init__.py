"""The command line: options to a request, one library call, and its result as text or JSON. No rollout decisions."""
