"""The colours of a plan on a terminal, as in Terraform: green adds, red removes, yellow changes and warns.

Each line is printable text already. A colour repeats what a sign or a word says: a plan without colours says the same.
"""

import re

_RESET, _BOLD, _RED, _GREEN, _YELLOW = "\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"
_CHANGE = re.compile(r"^(?P<label>changes)?(?P<gap>\s+)(?P<sign>[+~-]) (?P<rest>.*)$")
_SIGNS = {"+": _GREEN, "-": _RED, "~": _YELLOW}
_LABELS = {"warning": _YELLOW, "fleet": _BOLD, "version": _BOLD}
_LABEL = re.compile(rf"^(?P<label>{'|'.join(_LABELS)})(?P<rest>\s.*)$")


def coloured(line: str) -> str:
    """Return a line of a plan with its colours."""
    if found := _CHANGE.match(line):
        colour = _SIGNS[found["sign"]]
        return f"{found['label'] or ''}{found['gap']}{colour}{found['sign']} {found['rest']}{_RESET}"
    if found := _LABEL.match(line):
        return f"{_LABELS[found['label']]}{line}{_RESET}"
    if line.startswith("No changes:"):
        return f"{_GREEN}{line}{_RESET}"
    return line
