"""A file name stands for one thing: two files share it only if they hold the same concept for another kind."""

from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "awsroll"

SHARED: dict[str, str] = {
    "__init__": "every package has one",
    "api": "the calls of each simulated service",
    "clock": "the real clock, and the virtual one for tests",
    "execute": "the execution of a plan's actions on real fleets, and on the fast world for tests",
    "hooks": "the values of a hook, and the hooks in virtual time for tests",
    "plan": "the plan, and the command that shows it",
    "report": "the closing report, and the command that writes it to a file",
    "repair": "the repair, and the command that runs it",
    "views": "the shapes in which each simulated service describes its resources",
    "waves": "the waves, and the commands for a file of waves",
    "world": "a simulated AWS, and the part of it that one service is",
}


def files_by_name() -> dict[str, list[str]]:
    """Return the paths of all files of the package by their base names."""
    paths: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        paths[path.stem].append(str(path.relative_to(PACKAGE)))
    return paths


def test_two_files_share_a_base_name_only_for_a_reason() -> None:
    shared = {name: paths for name, paths in files_by_name().items() if len(paths) > 1 and name not in SHARED}

    assert shared == {}, "rename the files, or add the name to SHARED with its reason"


def test_every_allowed_base_name_is_still_shared() -> None:
    files = files_by_name()

    assert [name for name in SHARED if len(files[name]) < 2] == []
