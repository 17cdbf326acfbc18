"""Text for the live view on a terminal: rich interprets no markup in it, and the terminal obeys no part of it."""

from typing import Any

from rich.console import Console
from rich.text import Text

from awsroll.printable import printable


def terminal(**options: Any) -> Console:
    """Return the console on standard error, or with rich's `options`. It shows `[red]` and `:smile:` as they are."""
    return Console(**{"stderr": True, **options}, markup=False, emoji=False, highlight=False)


class TerminalText(Text):
    """A styled text whose content is printable."""

    def __init__(self, text: str = "", *arguments: Any, **options: Any) -> None:
        super().__init__(printable(text), *arguments, **options)

    def append(self, text: "Text | str", style: Any = None) -> "TerminalText":
        """Append a text; its content becomes printable."""
        super().append(printable(text) if isinstance(text, str) else text, style)
        return self

    @classmethod
    def assemble(cls, *parts: "Text | str | tuple[str, str]") -> "TerminalText":  # type: ignore[override]
        """Return the parts as one text; a part with a style is a pair."""
        whole = cls()
        for part in parts:
            whole.append(*part) if isinstance(part, tuple) else whole.append(part)
        return whole
