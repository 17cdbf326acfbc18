"""The whole chain in separate processes: the stack deployed, the state machine run, a fleet rolled under live traffic.

    python -m tests.chain.everything [--servers N] [--keep DIR]

The CDK deploys the app to an emulator of AWS; a fleet of the sandbox serves live traffic; an execution of the machine
rolls it. Its functions are processes of AWS's own runtime client with the built bundle, and nothing else to import.
Prints what happened; 0 only if the execution succeeded, every server is new, and no request was dropped. It takes a
minute or two, and needs node.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from awsroll.sandbox.demo_world import DemoWorld
from awsroll.sandbox.ready_fleets import Fleet
from tests.chain.assembly import STACK, adapted, synthesized
from tests.chain.executions import Execution, client, execute, machine_arn
from tests.chain.processes import CDK, REGION, ministack, run, tool

SPEED = 10.0
_ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it went.

    Attributes:
        by_version: requests served.
        versions: servers at the end, by the version of their launch template.
    """

    execution: Execution
    requests: int
    dropped: int
    by_version: dict[str, int]
    versions: dict[str, int]

    @property
    def is_right(self) -> bool:
        """Whether all is as promised."""
        return self.execution.status == "SUCCEEDED" and self.dropped == 0 and set(self.versions) == {"2"}


def run_chain(folder: Path, servers: int) -> Ending:
    """Deploy, roll, and tell how it went."""
    with ExitStack() as stack:
        world = stack.enter_context(DemoWorld(servers=servers, auto_scaling=True, speed=SPEED))
        url = stack.enter_context(ministack(folder))
        deploy(folder, url, world, [world.fleet])
        steps = client(url, "stepfunctions")
        request = {
            "asg": world.fleet.group_name,
            "launch_template": f"{world.fleet.template_id}:{world.next_template_version}",
            "concurrent": 2,
            "poll": 2,  # longer than a pass takes on looks: the machine has something to wait for
        }
        execution = execute(steps, machine_arn(steps, "Rollout"), "release-2", {"request": request})
        traffic = world.stop_traffic()
        return Ending(
            execution=execution,
            requests=traffic.requests,
            dropped=traffic.dropped,
            by_version=dict(traffic.by_version),
            versions=versions(world, [world.fleet]),
        )


def deploy(
    folder: Path, url: str, world: DemoWorld, fleets: Sequence[Fleet], options: Mapping[str, str] | None = None
) -> None:
    """Synthesize, bootstrap and deploy as people do, to the emulator.

    Args:
        folder: for the assembly and the logs.
        url: the emulator.
        world: the sandbox that the functions are sent to.
        fleets: groups of it, which the stack may roll.
        options: further context values of the app.
    """
    context = {
        "asg": ",".join(str(one.group_name) for one in fleets),
        "target_groups": ",".join(arn for one in fleets for arn in one.target_group_arns),
        **(options or {}),
    }
    assembly = synthesized(folder, context)
    fleet = dict.fromkeys(("EC2", "ELASTIC_LOAD_BALANCING_V2", "AUTO_SCALING", "STS"), world.server.url)
    variables = {f"AWS_ENDPOINT_URL_{name}": where for name, where in fleet.items()}
    adapted(assembly, folder, {**variables, "AWS_ENDPOINT_URL": url})
    cdk = [tool("npx"), "--yes", CDK]
    more = {"AWS_ENDPOINT_URL": url, "AWS_ENDPOINT_URL_S3": url}
    run([*cdk, "bootstrap", f"aws://{_ACCOUNT}/{REGION}"], more=more, log=folder / "bootstrap.log", cwd=folder)
    deploying = [*cdk, "deploy", "--app", str(assembly), "--require-approval", "never"]
    run(deploying, more=more, log=folder / "deploy.log", cwd=folder)


def versions(world: DemoWorld, fleets: Sequence[Fleet]) -> dict[str, int]:
    """Count the servers of groups by the version of their launch template."""
    names = [str(one.group_name) for one in fleets]
    found = world.session.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=names)
    members = [member for group in found["AutoScalingGroups"] for member in group["Instances"]]
    return dict(Counter(one["LaunchTemplate"]["Version"] for one in members))


@contextmanager
def kept_folder(kept: Path | None) -> Iterator[Path]:
    """Make the folder that was asked for, or one that goes again."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="awsroll-chain-") as made:
        yield Path(made)


def describe_ending(ending: Ending) -> str:
    """Say what happened, for people."""
    execution = ending.execution
    how = f"{execution.status} in {execution.seconds:.0f} s  {execution.output}"
    lines = (
        f"the stack {STACK} was deployed; its execution: {how}",
        f"states entered: {', '.join(f'{name} {count}' for name, count in execution.states.items())}",
        f"servers by version: {ending.versions}; requests served by version: {ending.by_version}",
        f"{ending.requests} requests, {ending.dropped} dropped",
    )
    return "\n".join(lines)


def main() -> int:
    """Run it and print what happened."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--servers", type=int, default=4, help="servers of the fleet (4)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the logs of all programs are kept")
    chosen = parser.parse_args()
    with kept_folder(chosen.keep) as folder:
        ending = run_chain(folder, chosen.servers)
    print(describe_ending(ending))  # noqa: T201 - what a command answers
    return 0 if ending.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
