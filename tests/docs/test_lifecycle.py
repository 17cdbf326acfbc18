"""The diagram of a server's life in docs/architecture.md is the table of moves."""

from awsroll.core.lifecycle import MOVES
from tests.docs.lifecycle import BEGIN, END, PAGE, diagram, drawn


def test_the_page_shows_the_table_of_moves() -> None:
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert page == drawn(page), "run `python -m tests.docs.lifecycle`"


def test_the_diagram_has_an_arrow_for_each_move() -> None:
    assert diagram().count("-->") == sum(len(moves) for moves in MOVES.values())
