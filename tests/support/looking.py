"""A fleet in a sandbox, prepared for a rollout and observed, for tests of `fleets`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from awsroll.aws.connection import Connection
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import Instance, Observation, TargetKey, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.core.request.spec import RolloutSpec
from awsroll.fleets import fleet_of
from awsroll.ports import Fleet
from awsroll.preflight import prepare
from awsroll.sandbox import Fleet as Built, Sandbox
from tests.support.amazon import Requests, sandbox
from tests.support.status import changed

ROLLOUT = "web-20260101-000000-4f2a"


@dataclass
class Lab:
    """The sandbox, connection, fleet and rollout of one test."""

    sandbox: Sandbox
    aws: Connection
    built: Built
    rollout: Rollout
    status: Status
    fleet: Fleet
    requests: Requests
    warnings: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return self.sandbox.session().client(service)

    def now(self) -> datetime:
        return self.aws.clock.now()

    def look(self, **status: Any) -> Observation:
        return self.fleet.observe(self.rollout, changed(self.status, **status))

    def one(self, name: str, **status: Any) -> Instance:
        found = self.look(**status).instance(name)
        assert found is not None
        return found

    def do(self, action: Action) -> Result:
        (result,) = self.fleet.execute(self.rollout, [action])
        assert result.action == action
        return result

    def succeed(self, action: Action) -> Result:
        result = self.do(action)
        assert result.answer is Answer.DONE, result
        return result

    def key(self, port: int = 80, number: int = 0) -> TargetKey:
        return TargetKey(target_group=self.built.target_group_arns[number], port=port)

    def launch(self, number: int = 1, **changes: Any) -> Launch:
        made = Launch(
            number=number,
            token=f"awsroll-{ROLLOUT}-{number}",
            at=self.now(),
            zone="us-east-1a",
            subnet_id=self.built.subnet_ids[0],
            template=self.template(2),
        )
        return replace(made, **changes)

    def template(self, number: int) -> TemplateVersion:
        return TemplateVersion(template_id=self.built.template_id, number=number)

    def reloading(self, name: str, attempt: int) -> dict[str, Server]:
        return {name: Server(phase=ServerPhase.RELOADING, since=self.now(), attempt=attempt)}


@contextmanager
def standalone(
    spec: dict[str, Any] | None = None, shape: dict[str, Any] | None = None, **options: Any
) -> Iterator[Lab]:
    with sandbox(**options) as (made, aws):
        built = made.standalone_fleet(**{"servers": 2, "zones": 2, **(shape or {})})
        yield _lab(made, aws, built, {"target_group": built.target_group_arns, **(spec or {})})


@contextmanager
def group(spec: dict[str, Any] | None = None, shape: dict[str, Any] | None = None, **options: Any) -> Iterator[Lab]:
    with sandbox(**options) as (made, aws):
        built = made.auto_scaling_fleet(**{"desired": 3, "zones": 3, **(shape or {})})
        yield _lab(made, aws, built, {"asg": built.group_name, **(spec or {})})


def _lab(made: Sandbox, aws: Connection, built: Built, spec: dict[str, Any]) -> Lab:
    if spec.get("strategy") is Strategy.RELOAD:
        spec = {"command": ("sandbox-version v2",), "app_version": "v2", **spec}
    else:
        spec = {"launch_template": built.template_id, **spec}
    prepared = prepare(RolloutSpec(**spec), aws, rollout_id=ROLLOUT)
    warnings: list[str] = []
    fleet = fleet_of(prepared.rollout, aws, warn=warnings.append)
    return Lab(
        sandbox=made,
        aws=aws,
        built=built,
        rollout=prepared.rollout,
        status=prepared.status,
        fleet=fleet,
        requests=Requests(made),
        warnings=warnings,
    )
