"""What the optional part `awsroll[sandbox]` is needed for, said in one line where it is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from awsroll.errors import SpecError


@contextmanager
def needing_sandbox() -> Iterator[None]:
    """Turn a failed import of the sandbox's own dependencies into the way to install them.

    Raises:
        SpecError: if the extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "moto").partition(".")[0]
        problem = f"this needs the sandbox, which is not installed (no {missing}): pip install 'awsroll[sandbox]'"
        raise SpecError(problem) from error
