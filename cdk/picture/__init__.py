"""Draws the state machines of `definition` as the pictures of docs/step-functions.md: no CDK, no other program.

`cd cdk && python -m picture` writes them again.
"""

from picture.draw import picture

__all__ = ["picture"]
