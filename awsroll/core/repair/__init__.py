"""Reconstruct a rollout from what it left on a fleet, and describe what restoring would do."""
