r"""Text as a terminal or a log may receive it.

Text from AWS, hooks, servers, tags, records and users may hold control characters, terminal sequences, invisible
characters and characters that turn the direction of text. A terminal would obey them. Here they become visible escapes,
such as `\x1b` and `\u202e`. Every writer of text for people uses `printable`; JSON has escapes of its own.
"""

import sys

LONGEST = 4000
"""Of one printed line, in characters."""

# Invisible characters that Unicode counts as letters, marks or symbols. `str.isprintable` covers all other ones.
_INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),  # combining grapheme joiner
        (0x115F, 0x1160),  # Hangul fillers
        (0x17B4, 0x17B5),  # Khmer inherent vowels
        (0x180B, 0x180F),  # Mongolian variation selectors
        (0x2800, 0x2800),  # blank Braille pattern
        (0x3164, 0x3164),  # Hangul filler
        (0xFE00, 0xFE0F),  # variation selectors
        (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
        (0xE0100, 0xE01EF),  # variation selectors
    )
    for code in range(first, last + 1)
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BYTE, _PLANE = 0x100, 0x10000
_HEAD_SHARE = 0.75


def printable(text: object, *, longest: int = LONGEST) -> str:
    """Return a text as one line that a terminal shows and does not obey; cut its middle if it is very long."""
    plain = str(text)
    if len(plain) > longest:
        plain = _cut(plain, longest)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(letter if _is_shown(letter) else _escaped(letter) for letter in plain)


def printable_lines(text: object) -> str:
    """Return a text of several lines, each as `printable` returns it, but none cut: a person has asked for this text.

    A plan shows all that a rollout runs, so it must not leave out the middle of a command.
    """
    return "\n".join(printable(line, longest=sys.maxsize) for line in str(text).split("\n"))


def _is_shown(letter: str) -> bool:
    return letter.isprintable() and letter not in _INVISIBLE


def _escaped(letter: str) -> str:
    code = ord(letter)
    if letter in _SHORT:
        return _SHORT[letter]
    if code < _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _PLANE else f"\\U{code:08x}"


def _cut(text: str, longest: int) -> str:
    """Return the head and the tail: the beginning says what happened, and the end what to do."""
    head = int(longest * _HEAD_SHARE)
    tail = longest - head
    return f"{text[:head]} … [{len(text)} characters, {len(text) - longest} left out] … {text[-tail:]}"
