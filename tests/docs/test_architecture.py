"""docs/architecture.md: each file, function and layer that it names exists."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PATHS = sorted(set(re.findall(r"`([\w/.-]+\.py)`", PAGE)))
NAMES = sorted(set(re.findall(r"`([\w/.-]+\.py)`\s*(?:\|\s*)?`([\w.]+)`", PAGE)))
FOLDERS = sorted(set(re.findall(r"`((?:tests|stages|lambda|cdk)/[\w/]*)`", PAGE)))
OUTSIDE = ("lambda/", "cdk/", "docs/", "tests/")


def _path(name: str) -> Path:
    return ROOT / name if name.startswith(OUTSIDE) else ROOT / "awsroll" / name


def _defined(tree: ast.Module | ast.ClassDef) -> dict[str, ast.AST]:
    """Return the functions, classes and constants of a module or class by name."""
    names: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = node
        elif isinstance(node, ast.Assign):
            names.update({target.id: node for target in node.targets if isinstance(target, ast.Name)})
    return names


@pytest.mark.parametrize("name", [*PATHS, *FOLDERS])
def test_each_file_exists(name: str) -> None:
    assert _path(name).exists(), f"docs/architecture.md names {name}: write its new place there"


@pytest.mark.parametrize(("path", "name"), NAMES, ids=[f"{path}-{name}" for path, name in NAMES])
def test_each_name_is_defined_in_its_file(path: str, name: str) -> None:
    scope: ast.AST = ast.parse(_path(path).read_text())
    for part in name.split("."):
        assert isinstance(scope, ast.Module | ast.ClassDef)
        known = _defined(scope)
        assert part in known, f"docs/architecture.md names {name} of {path}: write its new name there"
        scope = known[part]


def test_the_call_chains_are_complete() -> None:
    chains = re.findall(r"^\| [^|]+ \| `[\w/.]+\.py` \| `[\w.]+` \|$", PAGE, re.MULTILINE)

    assert len(chains) > 20


def test_the_layers_are_those_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract.get("containers") == ["awsroll"])
    shown = PAGE.split("<!-- layers -->\n```\n")[1].split("\n```")[0]

    assert shown.splitlines() == layers


def test_there_is_a_place_for_the_lifecycle() -> None:
    section = PAGE.split("\n## The life of a server\n")[1].split("\n## ")[0]

    assert section.index("<!-- lifecycle -->") < section.index("<!-- /lifecycle -->")


def test_each_term_is_defined_once() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", PAGE.split("\n## Glossary\n")[1], re.MULTILINE)[2:]
    terms = [term.strip() for row in rows for term in row.split(",")]

    assert len(terms) == len(set(terms))
    assert {"observation", "hold", "baseline", "saved settings", "slot", "user request", "lease", "step"} <= set(terms)
