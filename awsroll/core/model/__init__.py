"""Values: what is observed, recorded, planned and asked for. No decisions."""
