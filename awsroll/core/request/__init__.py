"""The user's request to roll one fleet or many, and its keys in a file."""
