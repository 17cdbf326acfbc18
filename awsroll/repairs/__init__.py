"""Find and restore what a dead rollout left changed on a fleet."""
