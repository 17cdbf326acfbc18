"""Fault rules: API calls that fail, and how."""
