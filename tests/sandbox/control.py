"""A client of the sandbox server's control interface, for tests."""

import http.client
import json
from typing import Any

from awsroll.sandbox import SandboxServer
from tests.support.patience import PATIENCE_SECONDS


def control(server: SandboxServer, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    content = None if body is None else json.dumps(body)
    connection.request(method, f"/_awsroll/{path}", content, headers or {"Content-Type": "application/json"})
    answer = connection.getresponse()
    status, data = answer.status, json.loads(answer.read())
    connection.close()
    return status, data
