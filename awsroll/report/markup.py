"""Elements of HTML and SVG, built as a tree: the serializer escapes every text and attribute.

Text of a report comes from AWS, servers and users. It only ever becomes text or an attribute of an element, made
printable, so that no part of it can be markup, a link or a style.
"""

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring  # writes only; nothing is parsed

from awsroll.printable import printable


def element(name: str, text: object = "", /, **attributes: object) -> Element:
    """Return an element; `_` in an attribute's name stands for a dash, and a trailing `_` is dropped."""
    made = Element(name, _attributes(attributes))
    made.text = printable(text)
    return made


def add(parent: Element, name: str, text: object = "", /, **attributes: object) -> Element:
    """Add an element to a parent, and return it; see `element`."""
    made = SubElement(parent, name, _attributes(attributes))
    made.text = printable(text)
    return made


def add_table(parent: Element, heading: Sequence[str], rows: Iterable[Sequence[object]]) -> Element:
    """Add a table. A cell that is a number is aligned to the right."""
    table = add(add(parent, "div", class_="wide"), "table")
    row = add(add(table, "thead"), "tr")
    for title in heading:
        add(row, "th", title, scope="col")
    body = add(table, "tbody")
    for cells in rows:
        row = add(body, "tr")
        for cell in cells:
            add(row, "td", cell, **({"class_": "number"} if isinstance(cell, int | float) else {}))
    return table


def as_html(root: Element) -> str:
    """Return a tree as an HTML document."""
    return f"<!DOCTYPE html>\n{tostring(root, encoding='unicode', method='html')}\n"


def as_xml(root: Element) -> str:
    """Return a tree as an XML document."""
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _attributes(attributes: dict[str, object]) -> dict[str, str]:
    return {name.rstrip("_").replace("_", "-"): printable(value) for name, value in attributes.items()}
