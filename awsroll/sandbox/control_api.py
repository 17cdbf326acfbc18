"""The sandbox server's control interface over HTTP: read its state, change its options, inject faults.

    GET  /_awsroll/state                 instances, targets, calls and the current time
    GET  /_awsroll/options               the switches
    POST /_awsroll/options               {"boot_seconds": 5, ...}
    POST /_awsroll/capacity              {"us-east-1a": 0, "us-east-1b": null}    null: no limit
    POST /_awsroll/failing-boots         {"count": 2}
    POST /_awsroll/instances/ID/fail     {"code": "Server.InternalError"}
    GET  /_awsroll/faults                the active fault rules, and the faults that fired
    POST /_awsroll/faults                {"fault": "throttled", "operation": "ec2:*", "probability": 0.3, "seed": 7}
    POST /_awsroll/faults/clear          {}    removes every rule; the record of faults stays
    POST /_awsroll/faults/ID/remove      {}
    POST /_awsroll/time                  {"jump": 60}    only on a virtual clock

Other requests go to the next application. `local_requests` has refused the requests of web pages before.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.faults.fault_rule import FaultRule

if TYPE_CHECKING:
    from awsroll.sandbox.simulation import Simulation

PREFIX = "/_awsroll/"
LARGEST_BODY = 1_000_000
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class BadRequestError(Exception):
    """The request is not valid. Nothing was changed."""


class Control:
    """A WSGI application that serves `/_awsroll/` and passes other requests on.

    Args:
        simulation: the sandbox to show and change.
        application: serves all other requests.
    """

    def __init__(self, simulation: "Simulation", application: Application) -> None:
        self._simulation = simulation
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Return one request."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._application(environ, start_response)
        try:
            body = self._answer(environ["REQUEST_METHOD"], path.removeprefix(PREFIX), environ)
            status = "200 OK"
        except LookupError:
            body, status = {"error": f"Unknown path {path}. Nothing was changed."}, "404 Not Found"
        except (BadRequestError, TypeError, ValueError, ApiError, RuntimeError) as error:
            body, status = {"error": str(error)}, "400 Bad Request"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(body, default=str).encode()]

    def _answer(self, method: str, path: str, environ: dict[str, Any]) -> Mapping[str, Any]:
        if method == "GET":
            return {"state": self._state, "options": self._options, "faults": self._simulation.faults.to_json}[path]()
        body = _json_body(environ)
        with self._simulation.world.lock:
            self._simulation.world.advance()
            if path.startswith("instances/") and path.endswith("/fail"):
                return self._fail(path.split("/")[1], body)
            if path.startswith("faults/") and path.endswith("/remove"):
                return self._remove_fault(int(path.split("/")[1]))
            change = {
                "faults": self._add_fault,
                "faults/clear": self._clear_faults,
                "options": self._change_options,
                "capacity": self._change_capacity,
                "failing-boots": self._change_failing_boots,
                "time": self._jump,
            }[path]
            return change(body)

    def _state(self) -> Mapping[str, Any]:
        world = self._simulation.world
        with world.lock:
            world.advance()
            return {
                "now": world.now().isoformat(),
                "speed": world.options.speed,
                "virtual": self._simulation.is_virtual,
                "instances": [
                    {
                        "instance_id": instance.instance_id,
                        "state": instance.state,
                        "zone": instance.zone,
                        "template_version": instance.template_version,
                        "version": instance.version_label,
                        "application_healthy": instance.application_healthy(),
                    }
                    for instance in world.ec2.instances()
                ],
                "targets": {
                    arn: [asdict(target) for target in world.elb.targets(arn)] for arn in world.elb.target_groups()
                },
                "calls": dict(self._simulation.calls),
            }

    def _options(self) -> Mapping[str, Any]:
        return asdict(self._simulation.world.options)

    def _change_options(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        world = self._simulation.world
        world.options = world.options.with_fields(body)
        return self._options()

    def _change_capacity(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        capacity = self._simulation.ec2.capacity
        if any(count is not None and not isinstance(count, int) for count in body.values()):
            message = "Capacity must be a number of instances for each zone, or null for no limit. Nothing was changed."
            raise BadRequestError(message)
        for zone, count in body.items():
            if count is None:
                capacity.pop(zone, None)
            else:
                capacity[zone] = count
        return dict(capacity)

    def _change_failing_boots(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._simulation.ec2.failing_boots = int(body.get("count", 1))
        return {"count": self._simulation.ec2.failing_boots}

    def _fail(self, instance_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._simulation.ec2.fail(instance_id, str(body.get("code", "Server.InternalError")))
        return {"instance_id": instance_id, "state": self._simulation.ec2.instance(instance_id).state}

    def _add_fault(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"id": self._simulation.faults.add(FaultRule.from_fields(body))}

    def _remove_fault(self, rule_id: int) -> Mapping[str, Any]:
        self._simulation.faults.remove(rule_id)
        return self._simulation.faults.to_json()

    def _clear_faults(self, _body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._simulation.faults.clear()
        return self._simulation.faults.to_json()

    def _jump(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._simulation.jump(float(body.get("jump", 0)))
        return {"now": self._simulation.world.now().isoformat()}


def _json_body(environ: Mapping[str, Any]) -> Mapping[str, Any]:
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip() != "application/json":
        message = "Send JSON, with Content-Type: application/json. Nothing was changed."
        raise BadRequestError(message)
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > LARGEST_BODY:
        message = f"The request body exceeds {LARGEST_BODY} bytes. Nothing was changed."
        raise BadRequestError(message)
    body = json.loads(environ["wsgi.input"].read(length) or b"{}")
    if not isinstance(body, dict):
        message = "The request body must be a JSON object. Nothing was changed."
        raise BadRequestError(message)
    return body
