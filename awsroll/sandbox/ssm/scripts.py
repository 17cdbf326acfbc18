"""The exit code of a simple shell script, as `AWS-RunShellScript` reports it.

The script is not run. Of its lines at the left margin, outside of `if`, `for`, `while`, `until`, `case`, functions and
here-documents, these parts are interpreted: `exit N`, `true`, `false`, `:`, `set -e`, `set +e`, `&&`, `||`, `;`, `!`,
pipes, comments, `sh -c TEXT`, `( ... )` on one line, and a command after `exec` or `sudo`. Any other command is assumed
to succeed. The exit code is the last command's, unless
`exit` or `set -e` ends the script before (Systems Manager guide, exit codes in commands).

A script that writes a here-document to a file and runs that file with `sh` has the exit code of the here-document:
`awsroll roll --command` sends such a script.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

_HERE_DOCUMENT = re.compile(
    r"^\s*cat >(?P<file>\S+) <<'(?P<end>\w+|@\w+@)'\n(?P<body>.*?)^(?P=end)$", re.MULTILINE | re.DOTALL
)
_TEXT_FOLLOWS = re.compile(r"<<-?\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)")
_NO_NUMBER = 2  # what a shell returns for `exit` with another word than a number
_OPENERS = {"if", "for", "while", "until", "case", "{", "select"}
_CLOSERS = {"fi", "done", "esac", "}"}
_SHELLS = {"sh", "bash", "dash", "/bin/sh", "/bin/bash"}
_SEPARATORS = {";", "&&", "||", "&"}
EXIT_CODES = 256


@dataclass(frozen=True, slots=True)
class _Exit(Exception):  # noqa: N818  the script ends
    code: int


def exit_code(text: str) -> int:
    """Return the exit code of a script: 0 unless a line that is interpreted fails."""
    if document := _HERE_DOCUMENT.search(text):
        file = re.escape(document["file"])
        if run := re.search(rf"^\s*sh (?P<option>-e )?{file}( \|\| .*)?$", text[document.end() :], re.MULTILINE):
            return exit_code(("set -e\n" if run["option"] else "") + document["body"])
        if re.search(rf"&& {file}", text[document.end() :]):
            return exit_code(document["body"])
        text = text[: document.start()] + text[document.end() :]
    return _Shell().run(text)


class _Shell:
    """Interprets the lines of one script."""

    def __init__(self) -> None:
        self._stops_at_errors = False
        self._last = 0

    def run(self, text: str) -> int:
        """Return the exit code of the script."""
        depth, end = 0, ""
        try:
            for line in text.replace("\\\n", " ").splitlines():
                if end:
                    end = "" if line.strip() == end else end
                    continue
                words = _words(line)
                end = document["end"] if words and (document := _TEXT_FOLLOWS.search(line)) else ""
                opens = sum(word in _OPENERS for word in words) + any(word.endswith("()") for word in words[:1])
                closes = sum(word in _CLOSERS for word in words)
                opens -= bool(words[:1] and words[0].endswith("()") and "{" in words)
                if depth == 0 and not opens and words and not line[:1].isspace():
                    self._line(words)
                depth = max(0, depth + opens - closes)
        except _Exit as ended:
            return ended.code % EXIT_CODES
        return self._last % EXIT_CODES

    def _line(self, words: list[str]) -> None:
        """Run the commands of a line, left to right, with the equal precedence of `&&` and `||`."""
        operator, command, is_last = ";", list[str](), False
        for word in [*words, ";"]:
            if word not in _SEPARATORS:
                command.append(word)
                continue
            skipped = (operator == "&&" and self._last != 0) or (operator == "||" and self._last == 0)
            if command and not skipped:
                self._last = self._command(command)
                is_last = word in {";", "&"} and command[0] != "!"
                if self._stops_at_errors and is_last and self._last:
                    raise _Exit(self._last)
            operator, command = word, []

    def _command(self, words: list[str]) -> int:
        if words[0].startswith("(") and words[-1].endswith(")"):
            return _Shell().run(" ".join(words)[1:-1])
        if "|" in words:
            return self._command(words[len(words) - words[::-1].index("|") :] or ["true"])
        match words:
            case ["!", *negated]:
                return int(self._command(negated or ["true"]) == 0)
            case ["exec", *command] if command:
                raise _Exit(self._command(command))
            case ["sudo", *command] if command:
                return self._command(command)
            case [shell, "-c", script, *_] if shell in _SHELLS:
                return exit_code(script)
            case _:
                return self._builtin(words)

    def _builtin(self, words: list[str]) -> int:
        match words:
            case ["exit"]:
                raise _Exit(self._last)
            case ["exit", number, *_]:
                raise _Exit(self._number(number))
            case ["set", option, *_] if option in {"+e", "-e"} or re.fullmatch(r"-[a-z]*e[a-z]*", option):
                self._stops_at_errors = option.startswith("-")
            case ["set", "-o", "errexit", *_]:
                self._stops_at_errors = True
            case _:
                pass
        return int(words[0] == "false")

    def _number(self, word: str) -> int:
        """Return the exit code that a word stands for: 0 for a variable, which may have any value."""
        if word == "$?":
            return self._last
        if word.isdecimal():
            return int(word)
        return 0 if "$" in word else _NO_NUMBER


def _words(line: str) -> list[str]:
    """Return the words and operators of a line; none for a line that is a part of a longer text."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split, lexer.commenters = True, "#"
    try:
        return list(lexer)
    except ValueError:
        return []
