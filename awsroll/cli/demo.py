"""`awsroll demo`: the main job on the embedded AWS, under live traffic, without an AWS account."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.drive import Stage, drive
from awsroll.cli.flags import takes
from awsroll.cli.missing_extra import needing_sandbox
from awsroll.cli.output import Output
from awsroll.core.model.rollout import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.driver.operations import Context
    from awsroll.report import Report
    from awsroll.sandbox.demo_world import DemoWorld

_MOST_SERVERS = 100
_LOOK_EVERY_SECONDS = 0.25  # the sandbox's timers are sped up, so that looks must come faster than on AWS


@takes(COMMON_GROUP)
def demo(  # noqa: PLR0913 - one parameter is one option
    common: CommonOptions,
    *,
    servers: Annotated[
        int, typer.Option(metavar="N", min=1, max=_MOST_SERVERS, help="How many servers to roll (default: 9).")
    ] = 9,
    strategy: Annotated[
        Strategy, typer.Option(help="How: replace, double-half or reload (default: replace).")
    ] = Strategy.REPLACE,
    concurrent: Annotated[
        str | None, typer.Option(metavar="N|N%", help="How many servers at a time (default: 1).")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(metavar="N", help="How many times faster than AWS the sandbox's timers run (default: 10 to 25)."),
    ] = None,
    auto_scaling: Annotated[
        bool, typer.Option("--auto-scaling", help="Roll an Auto Scaling group (default: servers registered by hand).")
    ] = False,
    bad_version: Annotated[
        bool, typer.Option("--bad-version", help="Roll to a version that never becomes healthy: shows the stop.")
    ] = False,
) -> int:
    """Roll a fleet of the embedded AWS to a new version under live traffic, and count what was dropped."""
    if speed is not None and not 0 < speed < float("inf"):
        problem = f"--speed {speed:g}: give a number above 0, 10 for ten times as fast"
        raise SpecError(problem)
    request = RolloutSpec(strategy=strategy, concurrent=concurrent, poll=_LOOK_EVERY_SECONDS)
    request.amounts()  # a wrong amount is said before anything is started
    output = Output(json=common.json, quiet=common.quiet)
    with ExitStack() as stack:
        with needing_sandbox():
            from awsroll.sandbox.demo_world import DemoWorld  # noqa: PLC0415 - moto, only for whoever wants it

            world = DemoWorld(
                servers=servers,
                strategy=strategy.value,
                speed=speed,
                bad_version=bad_version,
                auto_scaling=auto_scaling,
            )
            if not common.json:
                output.note(
                    f"starting {servers} servers under live traffic, on timers {world.chosen_speed:g} times AWS's"
                )
            stack.enter_context(world)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="awsroll-demo-")))
        return _drive(_request(request, world), world, common, folder)


def _drive(spec: RolloutSpec, world: "DemoWorld", common: CommonOptions, folder: Path) -> int:
    from awsroll.stores import LocalStore  # noqa: PLC0415 - keeps `--help` fast

    alone = replace(common, endpoint_url=world.server.url, yes=True)
    return drive(
        alone, lambda given: _roll(spec, given, world), stage=Stage(session=world.session, store=LocalStore(folder))
    )


def _request(request: RolloutSpec, world: "DemoWorld") -> RolloutSpec:
    from awsroll.sandbox.demo_world import NEXT_VERSION_LABEL, RELOAD_COMMAND  # noqa: PLC0415 - see above

    fleet = world.fleet
    patience = 240 / world.chosen_speed  # of a bad version: long enough for a good one, short enough to watch
    request = replace(
        request,
        asg=fleet.group_name or "",
        target_group=() if fleet.group_name else fleet.target_group_arns,
        healthy_timeout=max(patience, 5),
    )
    if request.strategy is Strategy.RELOAD:
        return replace(request, command=(RELOAD_COMMAND,), app_version=NEXT_VERSION_LABEL)
    return replace(request, launch_template=f"{fleet.template_id}:{world.next_template_version}")


def _roll(spec: RolloutSpec, context: "Context", world: "DemoWorld") -> "Report":
    from awsroll.driver.operations import start  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.report import Traffic  # noqa: PLC0415 - see above

    report = start(spec, context)
    seen = world.stop_traffic()
    traffic = Traffic(
        requests=seen.requests,
        dropped=seen.dropped,
        by_version=dict(seen.by_version),
        lowest_serving=seen.lowest_serving,
    )
    return replace(report, traffic=traffic)
