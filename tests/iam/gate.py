"""A gate before the sandbox: a session that checks each call against a policy and refuses it as AWS does."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from awsroll.sandbox import Sandbox
from tests.iam.checked_actions import Asks
from tests.iam.judge import Ask, allowing

_CODES = {"ec2": "UnauthorizedOperation", "autoscaling": "AccessDenied", "elbv2": "AccessDenied", "s3": "AccessDenied"}


class Gate:
    """Checks the calls of its own sessions. Sessions that build and observe fleets for a test have no gate."""

    def __init__(self, sandbox: Sandbox, policy: Mapping[str, Any]) -> None:
        self._sandbox = sandbox
        self.policy = policy
        self._asks = Asks(sandbox)
        self.asked: list[Ask] = []
        self.refused: list[Ask] = []
        self.used: set[tuple[str, str]] = set()
        """Return the statements and the actions that they have allowed: (Sid, action)."""

    def session(self) -> Any:
        session = self._sandbox.session()
        session.events.register("provide-client-params", self._judge)
        return session

    def _judge(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        service = {"elastic-load-balancing-v2": "elbv2"}.get(str(model.service_model.service_id.hyphenize()), "")
        service = service or str(model.service_model.service_name)
        for ask in self._asks.of(service, model.name, params):
            self.asked.append(ask)
            statements = allowing(self.policy, ask)
            if not statements:
                self.refused.append(ask)
                raise self._refusal(service, model.name, ask)
            self.used |= {(one["Sid"], ask.action) for one in statements}

    def _refusal(self, service: str, operation: str, ask: Ask) -> ClientError:
        message = f"not authorized to perform: {ask.action} on resource: {ask.resource}"
        code = _CODES.get(service, "AccessDeniedException")
        answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        return ClientError(answer, operation)  # type: ignore[arg-type]
