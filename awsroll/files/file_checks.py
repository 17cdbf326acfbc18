"""What no file may have, in any syntax: a key that is given twice, and values that are nested too deeply."""

from awsroll.core.model.value_errors import shown

DEEPEST = 40


def note_key(keys: dict[str, int], key: str, line: int) -> None:
    """Add a key of a mapping and its line.

    Raises:
        ValueError: if the mapping has the key already.
    """
    if key in keys:
        problem = f"line {line} gives the key {shown(key)} again; line {keys[key]} has it already. Remove one of them"
        raise ValueError(problem)
    keys[key] = line


def too_deep() -> ValueError:
    """Return the error of a text that is nested too deeply."""
    return ValueError(f"it is nested more than {DEEPEST} levels deep")


def check_depth(depth: int) -> None:
    """Check the nesting of a text.

    Raises:
        ValueError: if it is too deep.
    """
    if depth > DEEPEST:
        raise too_deep()
