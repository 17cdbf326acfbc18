"""Drive one rollout: observe, plan, save, execute; repeat."""
