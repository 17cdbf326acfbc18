"""Target groups in the sandbox: registration, health checks and draining, on the groups' own timers."""
