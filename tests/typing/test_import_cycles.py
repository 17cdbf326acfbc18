"""No module of awsroll takes part in an import cycle. Imports for type checkers count too."""

from collections.abc import Iterator

import grimp


def test_no_module_takes_part_in_an_import_cycle() -> None:
    graph = grimp.build_graph("awsroll", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    assert list(cycles(imports)) == []


def test_a_cycle_is_found() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}, "e": set()}

    assert sorted(cycles(imports)) == [["b", "c"], ["d"]]


def cycles(imports: dict[str, set[str]]) -> Iterator[list[str]]:
    """Yield the modules of each cycle: those that reach each other by imports."""
    reached = {module: reachable(imports, module) for module in imports}
    reported: set[str] = set()
    for module in sorted(imports):
        if module in reached[module] and module not in reported:
            members = sorted(other for other in reached[module] if module in reached[other])
            reported.update(members)
            yield members


def reachable(imports: dict[str, set[str]], module: str) -> set[str]:
    """Return the modules that a module imports, directly or not."""
    reached: set[str] = set()
    pending = list(imports[module])
    while pending:
        imported = pending.pop()
        if imported not in reached:
            reached.add(imported)
            pending.extend(imports[imported])
    return reached
