"""A pipeline with our action: calls the handler with job after job, as CodePipeline does, and keeps its answers.

Its client is botocore's own, which checks each request against the API's model; only the network is left out.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import codepipeline
import container
from tests.lambdas.driven import Machine, machine

SECRET = "VERY-SECRET-ACCESS-KEY"
TOKEN = "VERY-SECRET-SESSION-TOKEN"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:awsroll-codepipeline"
LIMIT = 500
_ASKS_AGAIN_SECONDS = 30
_FUNCTION_SECONDS = 300


@dataclass
class Context:
    """A Lambda context whose time passes on the sandbox's clock."""

    clock: Any
    seconds: float = _FUNCTION_SECONDS
    aws_request_id: str = "request-1"
    invoked_function_arn: str = FUNCTION
    function_name: str = "awsroll-codepipeline"
    function_version: str = ""

    def __post_init__(self) -> None:
        self._end = self.clock.monotonic() + self.seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._end - self.clock.monotonic()))


@dataclass
class Pipeline:
    """The jobs of CodePipeline, and the answers that it got."""

    driven: Machine
    answers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    on_answer: Callable[[], None] = lambda: None
    _waiting: set[str] = field(default_factory=set)
    _given: int = 0

    def job(self, parameters: Any = None, *, token: str | None = None) -> dict[str, Any]:
        """Give out a job, with everything that CodePipeline's events hold."""
        self._given += 1
        job_id = str(uuid.UUID(int=self._given))
        self._waiting.add(job_id)
        wanted = {"request": self.driven.request()} if parameters is None else parameters
        text = wanted if isinstance(wanted, str) else json.dumps(wanted)
        data: dict[str, Any] = {
            "actionConfiguration": {"configuration": {"FunctionName": "awsroll", "UserParameters": text}},
            "inputArtifacts": [],
            "outputArtifacts": [],
            "artifactCredentials": {"accessKeyId": "ASIA1", "secretAccessKey": SECRET, "sessionToken": TOKEN},
        }
        if token is not None:
            data["continuationToken"] = token
        return {"CodePipeline.job": {"id": job_id, "accountId": "123456789012", "data": data}}

    def call(self, event: Any, *, seconds: float = _FUNCTION_SECONDS, version: str = "") -> Any:
        context = Context(self.driven.rolling.clock, seconds, function_version=version)
        return codepipeline.handler(event, context)

    @property
    def last(self) -> dict[str, Any]:
        return self.answers[-1][1]

    @property
    def token(self) -> str | None:
        """The token of the last answer; None if that was the end."""
        return self.last.get("continuationToken")

    def go_on(self, parameters: Any = None, *, until: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """Run the action until it reports an end, or until `until` is true. Return the last answer."""
        self.call(self.job(parameters))
        return self.finish(parameters, until=until)

    def finish(self, parameters: Any = None, *, until: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """Ask again for as long as the action goes on."""
        for _ in range(LIMIT):
            if self.token is None or until():
                return self.last
            self.driven.rolling.clock.sleep(_ASKS_AGAIN_SECONDS)
            self.call(self.job(parameters, token=self.token))
        message = f"no end after {LIMIT} jobs: {self.last}"
        raise AssertionError(message)

    def answered(self, params: dict[str, Any], model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        """Take an answer as the service would: each job's first, and none of a job it does not know."""
        self.on_answer()
        body = json.loads(params["body"])
        code = self.refusals.pop(0) if self.refusals else ""
        if not code and body["jobId"] not in self._waiting:
            code = "InvalidJobStateException"
        if code:
            return _Http(400), {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        self._waiting.discard(body["jobId"])
        self.answers.append((model.name, body))
        return _Http(200), {}


@dataclass(frozen=True)
class _Http:
    status_code: int


@contextmanager
def pipeline(folder: Path, *, grouped: bool = True, **more: Any) -> Iterator[Pipeline]:
    with machine(folder, grouped=grouped, **more, servers=4) as driven:
        made = Pipeline(driven)
        session = container.session()
        client = session.client("codepipeline", region_name="us-east-1")
        client.meta.events.register("before-call.codepipeline", made.answered)
        with patch.object(container, "session", lambda _order=None: _Session(session, client)):
            yield made


class _Session:
    """A session of the sandbox that gives CodePipeline's client."""

    def __init__(self, session: Any, pipelines: Any) -> None:
        self._session = session
        self._pipelines = pipelines
        self.region_name = session.region_name

    def client(self, service: str, **more: Any) -> Any:
        return self._pipelines if service == "codepipeline" else self._session.client(service, **more)
