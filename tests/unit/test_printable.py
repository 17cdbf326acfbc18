"""Text for a terminal: nothing in it can steer the terminal, hide, or pass for another line."""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from awsroll.printable import LONGEST, printable, printable_lines

HOSTILE = {
    "colour": ("\x1b[31mred", "\\x1b[31mred"),
    "title": ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
    "hyperlink": ("\x1b]8;;http://evil\x1b\\click", "\\x1b]8;;http://evil\\x1b\\click"),
    "eight-bit-csi": ("\x9b2J", "\\x9b2J"),
    "backspace": ("ok\x08\x08no", "ok\\x08\\x08no"),
    "carriage-return": ("failed\rsucceeded", "failed\\rsucceeded"),
    "forged-line": ("x\nawsroll: all is well", "x\\nawsroll: all is well"),
    "line-separator": ("a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"),
    "right-to-left": ("a\u202egnp.exe\u2069", "a\\u202egnp.exe\\u2069"),
    "zero-width": ("a\u200bb\ufeffc\u00add", "a\\u200bb\\ufeffc\\xadd"),
    "tag-characters": ("a\U000e0041", "a\\U000e0041"),
    "fillers": ("a\u3164b\u115fc\ufe0f", "a\\u3164b\\u115fc\\ufe0f"),
    "half-a-character": ("a\udc80", "a\\udc80"),
    "null": ("a\x00b\x7f", "a\\x00b\\x7f"),
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["web-1", "größer", "東京 → 大阪", "[red]not markup[/red]", "C:\\dir", "😀"])
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert printable(text) == text


@given(st.text())
def test_every_text_becomes_one_visible_line(text: str) -> None:
    shown = printable(text)

    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode()


def test_a_very_long_text_keeps_its_beginning_and_its_end_and_says_its_length() -> None:
    shown = printable("the call failed: " + "x" * 1_000_000 + ". Continue with `awsroll resume web-1`")

    assert len(shown) < LONGEST + 100
    assert shown.startswith("the call failed: x")
    assert shown.endswith(". Continue with `awsroll resume web-1`")
    assert "[1000055 characters, 996055 left out]" in shown


def test_the_lines_of_a_result_stay_lines() -> None:
    assert printable_lines("a\tb\n\x1bc\n") == "a\\tb\n\\x1bc\n"
    assert printable_lines("x" * (LONGEST + 1)) == "x" * (LONGEST + 1), "a plan shows all of a command"
