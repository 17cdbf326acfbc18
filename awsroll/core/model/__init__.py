"""The values of a rollout: observation, record, plan and requests. No decisions."""
