"""Propose writes: settings, launches, registrations, drains, reloads, and the end of a rollout."""
