"""Copy a dataclass with other values, and keep the object itself where the values are the same.

Most steps of a rollout change nothing: seven of ten copies would equal their original. Keeping the object saves the
copy, and what was derived from it stays valid.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

__all__ = ["replace"]

if TYPE_CHECKING:  # type checkers know the fields of each class by this name
    from dataclasses import replace
else:

    def replace(original: Any, /, **values: Any) -> Any:
        """Return a copy of a frozen dataclass with these values, or the object itself if it has them already."""
        for name, value in values.items():
            kept = getattr(original, name)
            if kept is not value and kept != value:
                return dataclasses.replace(original, **values)
        return original
