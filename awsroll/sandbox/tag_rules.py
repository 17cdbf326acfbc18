"""The limits of tags that EC2, Auto Scaling and Elastic Load Balancing share, and the words of their refusals.

Source: EC2 user guide, "Tag your resources" (tag restrictions): 50 tags on a resource without those of AWS, 128
characters of a key, 256 of a value. The characters of tags of Elastic Load Balancing are those of its model.
"""

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn

from awsroll.sandbox.api_errors import refuse

TAGS_PER_RESOURCE = 50
_KEY_CHARACTERS = 128
_VALUE_CHARACTERS = 256
_RESERVED = "aws:"
_SIGNS = frozenset("_.:/=+-@")
_KINDS = frozenset("LZN")  # letters, spaces and digits of any language


def check_lengths(tags: Mapping[str, str], refuse_with: Callable[[str], NoReturn]) -> None:
    """Refuse tags with a longer key or value than AWS takes."""
    for key, value in tags.items():
        if not key:
            refuse_with("Tag key cannot be empty")
        if len(key) > _KEY_CHARACTERS:
            refuse_with(f"Tag key exceeds the maximum length of {_KEY_CHARACTERS} characters")
        if len(value) > _VALUE_CHARACTERS:
            refuse_with(f"Tag value exceeds the maximum length of {_VALUE_CHARACTERS} characters")


def check_characters(tags: Mapping[str, str]) -> None:
    """Refuse characters that Elastic Load Balancing does not take in keys and values, such as `$` and `(`."""
    for text in (*tags.keys(), *tags.values()):
        if not all(sign in _SIGNS or unicodedata.category(sign)[0] in _KINDS for sign in text):
            pattern = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"
            refuse_for_load_balancing(f"Value '{text}' failed to satisfy constraint: must satisfy pattern {pattern}")


def repeated_key(pairs: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a key that a request gives twice; None if there is none."""
    keys = [str(pair["Key"]) for pair in pairs]
    return next((key for number, key in enumerate(keys) if key in keys[:number]), None)


def are_too_many(keys: Collection[str]) -> bool:
    """Return whether a resource cannot have all these tags. Those of AWS do not count."""
    return sum(not key.startswith(_RESERVED) for key in keys) > TAGS_PER_RESOURCE


def refuse_for_ec2(message: str) -> NoReturn:
    """Refuse a tag as EC2 does."""
    refuse("InvalidParameterValue", message)


def refuse_for_load_balancing(message: str) -> NoReturn:
    """Refuse a tag as Elastic Load Balancing and Auto Scaling do."""
    refuse("ValidationError", message)
