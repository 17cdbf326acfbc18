from typing import Any

import pytest

from awsroll.sandbox import Sandbox
from awsroll.sandbox.lighter_moto import cached_handler_names, cached_urls, only_botocore_intercepted
from awsroll.testing.clock import VirtualClock


def test_moto_starts_without_matchers_of_requests_and_answers_as_before() -> None:
    from moto.core.models import RESPONSES_METHODS, responses_mock

    with Sandbox(clock=VirtualClock()) as sandbox:
        assert responses_mock.registered() == []
        assert sandbox.session().client("ec2").describe_vpcs()["Vpcs"]
    from moto.core import models

    assert RESPONSES_METHODS == models.RESPONSES_METHODS != ()


def test_the_handlers_of_a_service_are_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.core import responses, utils

    class Service:
        def describe(self) -> None: ...

    listed: list[Any] = []
    plain = utils.method_names_from_class
    monkeypatch.setattr(utils, "method_names_from_class", lambda service: listed.append(service) or plain(service))
    with cached_handler_names():
        names = [set(responses.method_names_from_class(Service)) for _ in range(2)]
    assert names == [{"describe"}, {"describe"}]
    assert listed == [Service]
    assert responses.method_names_from_class is plain


def test_the_matchers_return_after_the_start() -> None:
    from moto.core import models

    with only_botocore_intercepted():
        assert models.RESPONSES_METHODS == ()
    assert "GET" in models.RESPONSES_METHODS


def test_the_urls_of_a_service_are_made_once() -> None:
    from moto.backends import get_backend

    backend = get_backend("s3")["123456789012"]["aws"]
    with cached_urls():
        first, second = backend.urls, backend.urls
    assert first is second
    assert first.keys() == backend.urls.keys()
