"""The rule of a composite alarm, parsed and evaluated: `ALARM("errors") AND NOT (OK(deploying) OR FALSE)`.

rule := term (OR term)*    term := factor (AND factor)*    factor := NOT factor | (rule) | STATE(name) | TRUE | FALSE
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
Truth: TypeAlias = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>[^"]+)"|(?P<bare>[^()"\s]+))\s*\)
        |(?P<word>AND|OR|NOT|TRUE|FALSE)\b
        |(?P<paren>[()])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """A parsed rule."""

    text: str
    children: tuple[str, ...]
    """The names of its alarms, in order, without duplicates. An ARN counts as the name at its end."""
    holds: Truth
    """Returns whether the rule is true for the states of its children."""


def parse(text: str) -> AlarmRule:
    """Return the parsed rule.

    Raises:
        ValueError: the text is not a valid rule.
    """
    reader = _Reader(_tokens(text))
    holds = reader.any_of()
    if reader.tokens:
        message = f"unexpected {reader.tokens[0][0]!r}"
        raise ValueError(message)
    return AlarmRule(text=text, children=tuple(dict.fromkeys(reader.children)), holds=holds)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            message = f"unexpected {text[at:].strip()[:20]!r}"
            raise ValueError(message)
        name = match["quoted"] or match["bare"] or ""
        tokens.append((match["state"] or match["word"] or match["paren"], name.rpartition(":alarm:")[2]))
        at = match.end()
    return tokens


@dataclass(slots=True)
class _Reader:
    tokens: list[tuple[str, str]]
    children: list[str] = field(default_factory=list)

    def any_of(self) -> Truth:
        terms = [self.all_of()]
        while self._next_is("OR"):
            terms.append(self.all_of())
        return lambda states: any(term(states) for term in terms)

    def all_of(self) -> Truth:
        factors = [self.factor()]
        while self._next_is("AND"):
            factors.append(self.factor())
        return lambda states: all(factor(states) for factor in factors)

    def factor(self) -> Truth:
        if not self.tokens:
            message = "it ends too early"
            raise ValueError(message)
        word, name = self.tokens.pop(0)
        if word == "NOT":
            inner = self.factor()
            return lambda states: not inner(states)
        if word == "(":
            inner = self.any_of()
            if not self._next_is(")"):
                message = "a parenthesis is not closed"
                raise ValueError(message)
            return inner
        if word in {"TRUE", "FALSE"}:
            return lambda _states: word == "TRUE"
        if word in STATES:
            self.children.append(name)
            return lambda states: states.get(name) == word
        message = f"unexpected {word!r}"
        raise ValueError(message)

    def _next_is(self, word: str) -> bool:
        if self.tokens and self.tokens[0][0] == word:
            self.tokens.pop(0)
            return True
        return False
