"""`awsroll demo`: a rollout in the sandbox under live traffic, without an AWS account."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from awsroll.cli.aligned_text import aligned
from awsroll.cli.common_options import LOCAL_GROUP, CommonOptions
from awsroll.cli.drive import TemporaryBackend, drive
from awsroll.cli.flags import takes
from awsroll.cli.missing_extra import require_sandbox
from awsroll.cli.output import Output
from awsroll.cli.replay import record_option
from awsroll.cli.report import check_report_file, report_option
from awsroll.cli.sandbox import check_speed
from awsroll.core.model.probe_form import CONNECTIONS
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec

if TYPE_CHECKING:
    from awsroll.driver.operations import Context
    from awsroll.report import Report
    from awsroll.sandbox.demo_world import DemoWorld

_MOST_SERVERS = 100
_FLOOR_SECONDS = 5.0  # of a drain that a probe ends, in the simulated time
_POLL_SECONDS = 0.25  # the sandbox's timers run faster than AWS's, so observations must be more frequent


@takes(LOCAL_GROUP)
@click.option(
    "--servers",
    type=click.IntRange(1, _MOST_SERVERS),
    default=9,
    show_default=True,
    metavar="N",
    help="Number of servers.",
)
@click.option(
    "--strategy",
    type=click.Choice([each.value for each in Strategy]),
    default=Strategy.REPLACE.value,
    show_default=True,
    help="Strategy: replace, double-half or reload.",
)
@click.option("--concurrent", metavar="N|N%", help="Number of servers to update at a time (default: 1).")
@click.option(
    "--speed",
    type=float,
    metavar="N",
    help="Speed of the sandbox's timers as a multiple of AWS's (default: 10 to 25).",
)
@click.option("--auto-scaling", is_flag=True, help="Roll an Auto Scaling group (default: manually registered servers).")
@click.option(
    "--drain-probe",
    is_flag=True,
    help="End each drain as soon as no connection is open (manually registered servers).",
)
@report_option
@record_option
@click.option("--bad-version", is_flag=True, help="Roll to a version that never becomes healthy; shows the rollback.")
def demo(  # noqa: PLR0913 - one parameter is one option
    common: CommonOptions,
    *,
    servers: int,
    strategy: str,
    concurrent: str | None,
    speed: float | None,
    auto_scaling: bool,
    drain_probe: bool,
    bad_version: bool,
    report_file: Path | None,
    record_file: Path | None,
) -> int:
    """Roll a fleet in the sandbox under live traffic.

    Starts the embedded AWS, rolls a fleet to a new version and counts the dropped requests. Needs no AWS account.
    """
    check_report_file(report_file)
    if speed is not None:
        check_speed(speed)
    request = RolloutSpec(strategy=Strategy(strategy), concurrent=concurrent, poll=_POLL_SECONDS)
    if drain_probe:
        request = replace(request, drain_probe=CONNECTIONS)
    request.amounts()  # report a wrong amount before anything starts
    output = Output(json=common.json, quiet=common.quiet)
    with ExitStack() as stack:
        with require_sandbox():
            world = _new_world(servers, request.strategy, speed, bad_version=bad_version, auto_scaling=auto_scaling)
            if not common.json:
                output.note(_starting_text(servers, world.simulated_speed))
            stack.enter_context(world)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="awsroll-")))
        if not common.json:
            output.note(f"from a second terminal: awsroll watch --state {folder}")
        code = _drive(_request(request, world), world, common, folder, (report_file, record_file))
    if not common.json:
        for line in _next_steps(bad_version=bad_version):
            output.note(line)
    return code


def _new_world(
    servers: int, strategy: Strategy, speed: float | None, *, bad_version: bool, auto_scaling: bool
) -> "DemoWorld":
    from awsroll.sandbox.demo_world import DemoWorld  # noqa: PLC0415 - moto is slow to import

    return DemoWorld(
        servers=servers, strategy=strategy.value, speed=speed, bad_version=bad_version, auto_scaling=auto_scaling
    )


def _starting_text(servers: int, speed: float) -> str:
    return f"starting {servers} servers under live traffic; timers run {speed:g} times as fast"


def _next_steps(*, bad_version: bool) -> list[str]:
    """Return what to try after the demo, one line each."""
    other = ("awsroll demo", "a good version") if bad_version else ("awsroll demo --bad-version", "a rollback")
    rows = [
        other,
        ("awsroll demo --report demo.html", "a report as a page"),
        ("awsroll sandbox --fleet web:9", "a fleet to roll yourself"),
        ("awsroll doctor --asg NAME", "check your own fleet"),
    ]
    return [f"try next: {line}" for line in aligned(rows).splitlines()]


def _drive(
    spec: RolloutSpec, world: "DemoWorld", common: CommonOptions, folder: Path, files: tuple[Path | None, Path | None]
) -> int:
    from awsroll.stores import LocalStore  # noqa: PLC0415 - keeps `--help` fast

    backend = TemporaryBackend(session=world.session, store=LocalStore(folder))
    options = replace(common, endpoint_url=world.server.url, yes=True)
    report_file, record_file = files
    return drive(
        options,
        lambda context: _roll(spec, context, world),
        backend=backend,
        report_file=report_file,
        record_file=record_file,
    )


def _request(request: RolloutSpec, world: "DemoWorld") -> RolloutSpec:
    from awsroll.sandbox.demo_world import NEXT_VERSION_LABEL, RELOAD_COMMAND  # noqa: PLC0415 - see above

    fleet = world.fleet
    request = replace(
        request,
        asg=fleet.group_name or "",
        target_group=() if fleet.group_name else fleet.target_group_arns,
        healthy_timeout=world.healthy_timeout,
        drain_floor=_FLOOR_SECONDS / world.simulated_speed,
    )
    if request.strategy is Strategy.RELOAD:
        return replace(request, command=(RELOAD_COMMAND,), app_version=NEXT_VERSION_LABEL)
    return replace(request, launch_template=f"{fleet.template_id}:{world.next_template_version}")


def _roll(spec: RolloutSpec, context: "Context", world: "DemoWorld") -> "Report":
    from awsroll.driver import operations  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.report import Traffic  # noqa: PLC0415 - see above

    report = operations.roll(spec, context)
    counts = world.stop_traffic()
    traffic = Traffic(
        requests=counts.requests,
        dropped=counts.dropped,
        by_version=dict(counts.by_version),
        lowest_serving=counts.lowest_serving,
    )
    return replace(report, traffic=traffic)
