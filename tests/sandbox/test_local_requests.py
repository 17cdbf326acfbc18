"""The sandbox server answers local programs and no web page in the user's browser."""

import http.client
from pathlib import Path

import pytest

from awsroll.sandbox import SandboxServer, serve
from awsroll.sandbox.local_requests import refusal

LOCAL = "127.0.0.1:5000"


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HOST": LOCAL},
        {"HTTP_HOST": "localhost:5000"},
        {"HTTP_HOST": "[::1]:5000"},
        {"HTTP_HOST": "records.localhost:5000"},
        {"HTTP_HOST": LOCAL, "HTTP_ORIGIN": "http://localhost:3000", "HTTP_SEC_FETCH_SITE": "same-site"},
        {"HTTP_HOST": LOCAL, "HTTP_SEC_FETCH_SITE": "none"},
    ],
)
def test_a_local_program_is_answered(headers: dict[str, str]) -> None:
    assert refusal({"PATH_INFO": "/", **headers}) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_HOST": "rebound.example.com:5000"},
        {"HTTP_HOST": "127.0.0.1.example.com:5000"},
        {"HTTP_HOST": "[broken"},
        {"HTTP_HOST": LOCAL, "HTTP_ORIGIN": "https://example.com"},
        {"HTTP_HOST": LOCAL, "HTTP_ORIGIN": "http://localhost.example.com"},
        {"HTTP_HOST": LOCAL, "HTTP_ORIGIN": "null"},
        {"HTTP_HOST": LOCAL, "HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_HOST": LOCAL, "PATH_INFO": "/moto-api/reset"},
        {"HTTP_HOST": LOCAL, "PATH_INFO": "/moto-api"},
    ],
)
def test_a_web_page_is_refused(headers: dict[str, str]) -> None:
    assert refusal({"PATH_INFO": "/", **headers}) != ""


def _post(server: SandboxServer, path: str, headers: dict[str, str], body: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.process
def test_no_request_of_a_page_changes_the_state_or_writes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://example.com"}
    launch = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.9.0.0%2F16"
    with serve() as server:
        before = server.session().client("ec2").describe_vpcs()["Vpcs"]
        status, text = _post(server, "/", form, launch)
        recorded, _ = _post(server, "/moto-api/recorder/start-recording", {})
        server.session().client("ec2").describe_vpcs()
        rebound, _ = _post(
            server, "/_awsroll/options", {"Content-Type": "application/json", "Host": "example.com"}, "{}"
        )
        after = server.session().client("ec2").describe_vpcs()["Vpcs"]

    assert (status, recorded, rebound) == (403, 403, 403)
    assert "not the web page 'https://example.com'. Nothing was changed." in text
    assert after == before
    assert list(tmp_path.iterdir()) == []
