"""Small shared pieces of the API handlers of Auto Scaling and SSM: pages, lists of ids, refusals.

Nothing here knows what a group or a command is.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """Refuse a request; Auto Scaling says ValidationError, HTTP 400, for nearly everything.

    Raises:
        ApiError: always.
    """
    raise ApiError(code, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSize:
    """How many items a page of an operation may have, and the parameter that asks for it."""

    default: int
    most: int
    least: int = 1
    parameter: str = "MaxRecords"
    refusal: str = "ValidationError"


def page(items: Sequence[Item], parameters: Parameters, sizes: PageSize) -> tuple[list[Item], str | None]:
    """Cut one page out of `items` by the size and the NextToken of a request; answer it with the next token.

    Raises:
        ApiError: a token that was not given out, or a page size out of bounds.
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


def with_token(answer: Answer, token: str | None) -> Answer:
    """Add NextToken to an answer when there is a next page."""
    return answer if token is None else answer | {"NextToken": token}


def ids_of(parameters: Parameters, *, limit: int, name: str = "InstanceIds") -> list[str]:
    """Answer a list of instance ids from a request.

    Raises:
        ApiError: none given, too many, or repeated ones.
    """
    ids = [str(each) for each in parameters.get(name) or []]
    if not ids:
        refuse(f"1 validation error detected: {name} must not be empty")
    if len(ids) > limit:
        refuse(f"The number of instances must not exceed {limit}; {len(ids)} were given.")
    if len(set(ids)) < len(ids):
        refuse("The instance IDs must not repeat.")
    return ids
