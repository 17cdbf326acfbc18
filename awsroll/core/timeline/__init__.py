"""The course of a rollout over time: what each observation shows, as values and as lines of a file. Pure."""
