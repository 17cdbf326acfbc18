"""Draw the state machines of `definition` for docs/step-functions.md, without the CDK or another program.

`cd cdk && python -m picture` writes the pictures.
"""

from picture.draw import picture

__all__ = ["picture"]
