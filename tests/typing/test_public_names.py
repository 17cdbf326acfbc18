"""Each package names its public names once, in one table; what type checkers read must say the same."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = ("awsroll", "awsroll.sandbox", "awsroll.testing")


def _read_by_type_checkers(module: ModuleType) -> set[tuple[str, str]]:
    """Return the imports under `if TYPE_CHECKING:` as (module, name)."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    assert all(alias.name == alias.asname for node in imports for alias in node.names)
    return {(str(node.module), alias.name) for node in imports for alias in node.names}


def _table(module: ModuleType) -> set[tuple[str, str]]:
    return {(home, name) for home, names in module._HOMES.items() for name in names}


@pytest.mark.parametrize("name", PACKAGES)
def test_type_checkers_see_the_names_of_the_table_at_the_same_homes(name: str) -> None:
    module = importlib.import_module(name)

    assert _read_by_type_checkers(module) == _table(module)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_of_the_table_can_be_loaded(name: str) -> None:
    module = importlib.import_module(name)

    assert [one for one in module.__all__ if getattr(module, one, None) is None] == []
    assert sorted(module.__all__) == list(module.__all__)


@pytest.mark.parametrize("name", PACKAGES)
def test_no_public_name_is_the_name_of_a_submodule(name: str) -> None:
    """Importing `awsroll.repair` as a package would hide the function `awsroll.repair`."""
    module = importlib.import_module(name)

    assert [each for each in module.__all__ if importlib.util.find_spec(f"{name}.{each}") is not None] == []
