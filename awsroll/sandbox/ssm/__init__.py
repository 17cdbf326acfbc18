"""SSM Run Command in the sandbox."""
