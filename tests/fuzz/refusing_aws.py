"""A session whose every call AWS refuses, without a network: it shows what happens before a call is answered."""

from types import SimpleNamespace
from typing import Any

import boto3

_REFUSED = {"Error": {"Code": "AccessDenied", "Message": "not allowed"}, "ResponseMetadata": {"HTTPStatusCode": 403}}


class RefusingSession:
    """A boto3 session for tests. Only CodePipeline takes calls, so that a job can be answered."""

    region_name = "us-east-1"
    profile_name = None

    def __init__(self) -> None:
        self._session = boto3.Session(
            aws_access_key_id="none", aws_secret_access_key="none", region_name=self.region_name
        )
        self._made: dict[str, Any] = {}
        self.answers: list[str] = []

    def client(self, service: str, **_: Any) -> Any:
        if service not in self._made:
            client = self._session.client(service)
            client.meta.events.register("before-call", self._answer)
            self._made[service] = client
        return self._made[service]

    def get_credentials(self) -> Any:
        return self._session.get_credentials()

    def _answer(self, model: Any, **_: Any) -> Any:
        if model.service_model.service_name == "codepipeline":
            self.answers.append(model.name)
            return SimpleNamespace(status_code=200), {}
        return SimpleNamespace(status_code=403), _REFUSED
