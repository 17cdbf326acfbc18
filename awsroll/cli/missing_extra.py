"""The error for a missing optional dependency `awsroll[sandbox]`."""

from collections.abc import Iterator
from contextlib import contextmanager

from awsroll.errors import SpecError


@contextmanager
def require_sandbox() -> Iterator[None]:
    """Replace an import error of the sandbox by the command that installs it.

    Raises:
        SpecError: if a dependency of the sandbox is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "moto").partition(".")[0]
        problem = (
            f"the sandbox is not installed ({missing} is missing). Install it with: pip install 'awsroll[sandbox]'"
        )
        raise SpecError(problem) from error
