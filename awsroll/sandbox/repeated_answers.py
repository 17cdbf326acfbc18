"""Answers of the sandbox in process, written and parsed once where they repeat.

A rollout asks the same question many times and mostly gets the same answer. The request and the XML document are the
same as without this module; only the second parsing of an equal document is saved.
"""

import pickle
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

REMEMBERED = 256
"""How many documents are remembered before all are forgotten."""
_XML_PROTOCOLS = frozenset({"ec2", "query"})
_FIRST_OTHER_STATUS = 300


class Remembered:
    """The results of an expensive function, by a key that holds everything the result depends on."""

    def __init__(self) -> None:
        self._results: dict[Any, Any] = {}

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return the result for a key, made now if it is not remembered."""
        try:
            return self._results[key]
        except KeyError:
            if len(self._results) >= REMEMBERED:
                self._results.clear()
            return self._results.setdefault(key, make())


@cache
def parser_factory() -> Any:
    """Return botocore's factory of response parsers, with a memory for XML documents."""
    from botocore.parsers import ResponseParserFactory  # noqa: PLC0415  kept out of the import of this module

    class Factory(ResponseParserFactory):  # type: ignore[misc, unused-ignore]  # untyped where no stubs are installed
        """Makes each protocol's parser once: parsers keep nothing of a response."""

        def __init__(self) -> None:
            super().__init__()
            self.set_parser_defaults(timestamp_parser=parse_timestamp)
            self._made: dict[str, Any] = {}

        def create_parser(self, protocol_name: str) -> Any:
            """Return the parser of a protocol."""
            if protocol_name not in self._made:
                parser = super().create_parser(protocol_name)
                self._made[protocol_name] = _Parser(parser) if protocol_name in _XML_PROTOCOLS else parser
            return self._made[protocol_name]

    return Factory()


class _Parser:
    """A parser that remembers the documents it has parsed."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._remembered = Remembered()

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        """Return the parsed response."""
        if response["status_code"] >= _FIRST_OTHER_STATUS or shape is None:
            return self._parser.parse(response, shape)
        key = (shape.name, response["status_code"], response["body"])
        parsed = pickle.loads(self._remembered.get(key, lambda: pickle.dumps(self._parser.parse(response, shape), -1)))  # noqa: S301  its own
        headers = {name.lower(): value for name, value in response["headers"].items()}
        parsed["ResponseMetadata"]["HTTPHeaders"] = headers
        return parsed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


def parse_timestamp(value: Any) -> datetime:
    """Return the same instant as botocore's parser, which takes a hundred times longer for the sandbox's format."""
    from botocore.utils import parse_timestamp as parse_any, tzutc  # noqa: PLC0415  kept out of this module's import

    if isinstance(value, str) and value.endswith("Z"):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=tzutc())
        except ValueError:
            pass
    parsed: datetime = parse_any(value)
    return parsed
