"""The whole chain in separate processes: the stack deployed, the state machine run, a fleet rolled under live traffic.

    python -m tests.chain.everything [--servers N] [--keep DIR]

The CDK deploys the app to an emulator of AWS; a fleet of the sandbox serves live traffic; an execution of the machine
rolls it. Its functions are processes of AWS's own runtime client with the built bundle, and nothing else to import.
Prints what happened; 0 only if the execution succeeded, every server is new, and no request was dropped. It takes a
minute or two, and needs node.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from awsroll.sandbox.demo import DemoWorld
from tests.chain.assembly import STACK, adapted, synthesized
from tests.chain.processes import CDK, REGION, ministack, run, tool

SPEED = 10.0
_PATIENCE_SECONDS = 300
_ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it went.

    Attributes:
        states: how often each state of the machine was entered.
        by_version: requests served.
        versions: servers at the end, by the version of their launch template.
    """

    status: str
    output: str
    states: dict[str, int]
    requests: int
    dropped: int
    by_version: dict[str, int]
    versions: dict[str, int]
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether all is as promised."""
        return self.status == "SUCCEEDED" and self.dropped == 0 and set(self.versions) == {"2"}


def run_chain(folder: Path, servers: int) -> Ending:
    """Deploy, roll, and tell how it went."""
    with ExitStack() as stack:
        world = stack.enter_context(DemoWorld(servers=servers, auto_scaling=True, speed=SPEED))
        url = stack.enter_context(ministack(folder))
        deploy(folder, url, world)
        began = time.monotonic()
        steps = _client(url, "stepfunctions")
        status, output, execution = _execute(steps, world)
        seconds = time.monotonic() - began
        traffic = world.stop_traffic()
        return Ending(
            status=status,
            output=output,
            states=_states(steps, execution),
            requests=traffic.requests,
            dropped=traffic.dropped,
            by_version=dict(traffic.by_version),
            versions=_versions(world),
            seconds=seconds,
        )


def deploy(folder: Path, url: str, world: DemoWorld) -> None:
    """Synthesize, bootstrap and deploy as people do, to the emulator."""
    context = {"asg": str(world.fleet.group_name), "target_groups": ",".join(world.fleet.target_group_arns)}
    assembly = synthesized(folder, context)
    fleet = dict.fromkeys(("EC2", "ELASTIC_LOAD_BALANCING_V2", "AUTO_SCALING", "STS"), world.server.url)
    variables = {f"AWS_ENDPOINT_URL_{name}": where for name, where in fleet.items()}
    adapted(assembly, folder, {**variables, "AWS_ENDPOINT_URL": url})
    cdk = [tool("npx"), "--yes", CDK]
    more = {"AWS_ENDPOINT_URL": url, "AWS_ENDPOINT_URL_S3": url}
    run([*cdk, "bootstrap", f"aws://{_ACCOUNT}/{REGION}"], more=more, log=folder / "bootstrap.log", cwd=folder)
    deploying = [*cdk, "deploy", "--app", str(assembly), "--require-approval", "never"]
    run(deploying, more=more, log=folder / "deploy.log", cwd=folder)


def _execute(steps: Any, world: DemoWorld) -> tuple[str, str, str]:
    (machine,) = steps.list_state_machines()["stateMachines"]
    request = {
        "asg": world.fleet.group_name,
        "launch_template": f"{world.fleet.template_id}:{world.next_template_version}",
        "concurrent": 2,
        "poll": 2,  # longer than a pass takes on looks: the machine has something to wait for
    }
    started = steps.start_execution(
        stateMachineArn=machine["stateMachineArn"], name="release-2", input=json.dumps({"request": request})
    )
    execution: str = started["executionArn"]
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        seen = steps.describe_execution(executionArn=execution)
        if seen["status"] != "RUNNING":
            return seen["status"], seen.get("output") or f"{seen.get('error')}: {seen.get('cause')}", execution
        time.sleep(0.5)
    steps.stop_execution(executionArn=execution)
    return "still RUNNING, stopped", "", execution


def _states(steps: Any, execution: str) -> dict[str, int]:
    entered: Counter[str] = Counter()
    request = {"executionArn": execution, "maxResults": 1000}
    while True:
        page = steps.get_execution_history(**request)
        details = (one.get("stateEnteredEventDetails") for one in page["events"])
        entered.update(one["name"] for one in details if one)
        if not page.get("nextToken"):
            return dict(entered)
        request["nextToken"] = page["nextToken"]


def _versions(world: DemoWorld) -> dict[str, int]:
    group = world.session.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    return dict(Counter(one["LaunchTemplate"]["Version"] for one in group["Instances"]))


def _client(url: str, service: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    session = boto3.Session(region_name=REGION, **keys)
    return session.client(service, endpoint_url=url, config=Config(retries={"total_max_attempts": 3}))


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="awsroll-chain-") as made:
        yield Path(made)


def main() -> int:
    """Run it and print what happened."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--servers", type=int, default=4, help="servers of the fleet (4)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the logs of all programs are kept")
    chosen = parser.parse_args()
    with _folder(chosen.keep) as folder:
        ending = run_chain(folder, chosen.servers)
    lines = (
        f"the stack {STACK} was deployed; its execution: {ending.status} in {ending.seconds:.0f} s  {ending.output}",
        f"states entered: {', '.join(f'{name} {count}' for name, count in ending.states.items())}",
        f"servers by version: {ending.versions}; requests served by version: {ending.by_version}",
        f"{ending.requests} requests, {ending.dropped} dropped",
    )
    print("\n".join(lines))  # noqa: T201 - what a command answers
    return 0 if ending.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
