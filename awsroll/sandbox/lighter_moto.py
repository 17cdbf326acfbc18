"""Skip work of moto that costs more than the calls of a small fleet and that the sandbox does not need."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

__all__ = ["cached_handler_names", "cached_urls", "only_botocore_intercepted"]


@contextmanager
def only_botocore_intercepted() -> Iterator[None]:
    """Let moto start without the interception of `requests`.

    moto intercepts botocore and the library `requests`. The second takes about 1,300 matchers at each start. The
    clients of a sandbox are botocore's.
    """
    from moto.core import models  # noqa: PLC0415  moto is an optional, slow import

    with patch.object(models, "RESPONSES_METHODS", ()):
        yield


@contextmanager
def cached_handler_names() -> Iterator[None]:
    """Let moto list the handlers of a service once; it lists all members of a large class at each call."""
    from moto.core import responses  # noqa: PLC0415  moto is an optional, slow import

    with patch.object(responses, "method_names_from_class", _handler_names):
        yield


@cache
def _handler_names(service: Any) -> frozenset[str]:
    """Return the names of the functions of moto's class for one service."""
    from moto.core.utils import method_names_from_class  # noqa: PLC0415  moto is an optional, slow import

    return frozenset(method_names_from_class(service))


@contextmanager
def cached_urls() -> Iterator[None]:
    """Let moto make the table of a service's URLs once; for S3 it loads a module again at each call."""
    from moto.core.base_backend import BaseBackend  # noqa: PLC0415  moto is an optional, slow import

    made: dict[type, Any] = {}
    plain: Any = BaseBackend.__dict__["urls"]

    def urls(backend: Any) -> Any:
        kind = type(backend)
        if kind not in made:
            made[kind] = plain.__get__(backend)
        return made[kind]

    with patch.object(BaseBackend, "urls", property(urls)):
        yield
