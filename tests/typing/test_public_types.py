"""The public surface speaks awsroll's own types: no dictionary of AWS's, nothing untyped, every name tried."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import boto3

import awsroll
from awsroll.stores.driver_notes import Notified, RolloutRequest, Waiting
from awsroll.stores.fleets_notes import KeptFleet, WavesProgress

PLAIN_JSON = {"Report.as_dict", "FleetsReport.as_dict", "RolloutPlan.as_dict"}  # say so in their names
LOADED_ON_USE = {
    "boto3": boto3,
    "KeptFleet": KeptFleet,
    "Notified": Notified,
    "RolloutRequest": RolloutRequest,
    "Waiting": Waiting,
    "WavesProgress": WavesProgress,
}
USERS_OWN = {"session"}  # boto3 has no types of its own


def _signatures() -> Iterator[tuple[str, str, Any]]:
    """Yield where a type is said, the name it is said for, and the type."""
    for name in awsroll.__all__:
        thing = getattr(awsroll, name)
        if inspect.isfunction(thing):
            yield from ((name, what, hint) for what, hint in _hints(thing).items())
        elif is_dataclass(thing):
            hints = _hints(thing)
            yield from ((name, field.name, hints[field.name]) for field in fields(thing))
        if inspect.isclass(thing):
            methods = [(key, one) for key, one in vars(thing).items() if inspect.isfunction(one) and key[0] != "_"]
            for key, one in methods:
                yield from ((f"{name}.{key}", what, hint) for what, hint in _hints(one).items())


def _hints(thing: Any) -> dict[str, Any]:
    return get_type_hints(thing, localns=LOADED_ON_USE)


def test_no_public_signature_holds_an_untyped_value() -> None:
    untyped = [
        f"{where}: {what} is {hint}"
        for where, what, hint in _signatures()
        if re.search(r"\bAny\b", str(hint)) and where not in PLAIN_JSON and what not in USERS_OWN
    ]

    assert untyped == []


def test_every_public_name_is_in_the_code_that_the_type_checker_reads() -> None:
    code = (Path(__file__).parent / "api.py").read_text()

    assert [name for name in awsroll.__all__ if not re.search(rf"\b{name}\b", code)] == []
