"""The error of a value that has the wrong form, and how a message shows such a value."""

_LONGEST_SHOWN = 100


class WrongValueError(ValueError):
    """Raised when a value has the wrong form.

    Args:
        problems: what is wrong with it and what to pass instead, one line each.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def shown(value: object) -> str:
    """Return a value for a message: in one line, printable and short, whatever the value is."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a foreign `__repr__`, or a number with too many digits
        return f"a value of type {type(value).__name__}"
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
