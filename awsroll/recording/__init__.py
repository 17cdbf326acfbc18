"""The decisions of a rollout, step by step: recorded while it runs, read again, and made again by the planner.

A recording is for people who want to know why a rollout did what it did. No decision depends on it.
"""
