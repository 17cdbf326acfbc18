"""Parts that the API handlers of several services share: pages, lists of ids, timestamps, refusals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from awsroll.sandbox.api_errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    Parameters: TypeAlias = Mapping[str, Any]
    Answer: TypeAlias = dict[str, Any]
    Handler: TypeAlias = Callable[[Parameters], Answer]

Item = TypeVar("Item")
TOKEN_PREFIX = "sandbox-page-"  # noqa: S105  a page token, no secret


def refuse(message: str, *, code: str = "ValidationError") -> NoReturn:
    """Refuse a request. Auto Scaling uses ValidationError, HTTP 400, for nearly every refusal.

    Raises:
        ApiError: always.
    """
    raise ApiError(code, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSize:
    """The bounds of the page size of an operation, and the parameter that sets it."""

    default: int
    most: int
    least: int = 1
    parameter: str = "MaxRecords"
    refusal: str = "ValidationError"


def page(items: Sequence[Item], parameters: Parameters, sizes: PageSize) -> tuple[list[Item], str | None]:
    """Return one page of `items` and the next token, by the page size and the NextToken of a request.

    Raises:
        ApiError: the token is unknown, or the page size is out of bounds.
    """
    size = int(parameters.get(sizes.parameter) or sizes.default)
    if not sizes.least <= size <= sizes.most:
        refuse(f"{sizes.parameter} must be between {sizes.least} and {sizes.most}, not {size}.", code=sizes.refusal)
    token = str(parameters.get("NextToken") or f"{TOKEN_PREFIX}0")
    number = token.removeprefix(TOKEN_PREFIX)
    if number == token or not number.isdecimal():
        refuse("The token provided is not valid.", code="InvalidNextToken")
    end = int(number) + size
    return list(items[int(number) : end]), (f"{TOKEN_PREFIX}{end}" if end < len(items) else None)


def timestamp(value: Any, *, code: str = "ValidationError") -> datetime:
    """Return a timestamp of a request, in UTC if it has no time zone.

    Raises:
        ApiError: the value is not a timestamp.
    """
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        refuse(f"{value} is not a valid timestamp", code=code)
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def with_token(answer: Answer, token: str | None) -> Answer:
    """Return the answer, with NextToken if there is a next page."""
    return answer if token is None else answer | {"NextToken": token}


def ids_of(parameters: Parameters, *, limit: int, name: str = "InstanceIds") -> list[str]:
    """Return the instance ids of a request.

    Raises:
        ApiError: there are no ids, too many, or repeated ids.
    """
    ids = [str(instance_id) for instance_id in parameters.get(name) or []]
    if not ids:
        refuse(f"1 validation error detected: {name} must not be empty")
    if len(ids) > limit:
        refuse(f"The number of instances must not exceed {limit}; {len(ids)} were given.")
    if len(set(ids)) < len(ids):
        refuse("The instance IDs must not repeat.")
    return ids
