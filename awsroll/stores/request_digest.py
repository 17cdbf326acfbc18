"""The digest of a rollout's request: it shows that the fixed part of a record has changed since the rollout began."""

from dataclasses import MISSING, Field, fields, is_dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec

from awsroll.core.model.rollout import Rollout
from awsroll.ports import Record


def request_digest(rollout: Rollout) -> str:
    """Return the digest of everything in a rollout but its pace, which a resume may change.

    Values that equal their default are left out, so that a version with a further field computes the same digest.
    """
    return digest_of(rollout.fixed)


def digest_of_record(record: Record) -> str:
    """Return the digest of a record without its revision and its pace, which a resume may change."""
    return digest_of((record.rollout.fixed, replace(record.status, events=())))


def digest_of(value: Any) -> str:
    """Return the digest of a value. Values that equal their default are left out."""
    given = msgspec.json.encode(_given(value), order="sorted")
    return f"sha256:{sha256(given).hexdigest()}"


def _given(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        values = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _given(each) for field, each in values if each != _default(field)}
    if isinstance(value, tuple | list):
        return [_given(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _given(each) for key, each in value.items()}
    # 60 and 60.0 are equal, and a record that is read has only the second.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _default(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
