"""docs/python.md: each public name with its parameters; and the settings of the site."""

import inspect
import re
from pathlib import Path
from types import FunctionType

import awsroll
from tests.docs import build_site, python_page as page

ROOT = Path(__file__).parents[2]
TEXT = page.PATH.read_text()


def test_every_public_name_is_on_the_page_and_no_other() -> None:
    headings = set(re.findall(r"^### `awsroll\.(\w+)`$", TEXT, re.MULTILINE))
    errors = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))

    assert headings | errors == set(awsroll.__all__), "run `python -m tests.docs.python_page`"


def test_each_function_has_its_parameters() -> None:
    functions = {name: value for name in awsroll.__all__ if isinstance(value := getattr(awsroll, name), FunctionType)}
    shown = dict(re.findall(r"^```text\nawsroll\.(\w+)\((.*)\)$", TEXT, re.MULTILINE))

    wrong = [
        name
        for name, value in functions.items()
        if not all(re.search(rf"\b{one}\b", shown[name]) for one in inspect.signature(value).parameters)
    ]
    assert wrong == [], "run `python -m tests.docs.python_page`"


def test_the_site_has_all_pages_and_pinned_tools() -> None:
    settings = (build_site.SITE / "conf.py").read_text()
    pins = [
        line for line in (build_site.SITE / "requirements.txt").read_text().splitlines() if not line.startswith("#")
    ]

    assert all(re.fullmatch(r"[\w-]+==[\d.]+", pin) for pin in pins)
    assert '"docs/*.md"' in settings
    assert build_site.command(Path("out"))[-1] == "out"
