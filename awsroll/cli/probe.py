"""`awsroll probe`: experiments on a throw-away account, for what AWS does not document."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from awsroll.cli.common_options import STORELESS_GROUP, CommonOptions
from awsroll.cli.exit_codes import Exit
from awsroll.cli.flags import takes
from awsroll.cli.grouped_option import GroupedOption
from awsroll.cli.output import Output, write_messages
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.probe import Experiment, ProbeOutcome

_DEFAULT_FOLDER = Path("awsroll-probe")


@takes(STORELESS_GROUP)
@click.option(
    "--list",
    "list_experiments",
    is_flag=True,
    help="List the experiments with time and cost, and do nothing else.",
)
@click.option("--only", metavar="P1,P7", help="Run only these experiments (default: all, in order).")
@click.option(
    "--account",
    cls=GroupedOption,
    typed=True,
    default="",
    metavar="ID",
    help="Id of the throw-away account, typed by you. It must match.",
)
@click.option(
    "--accept-cost",
    cls=GroupedOption,
    typed=True,
    is_flag=True,
    help="Accept the cost that --list shows, about one US dollar at most.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=_DEFAULT_FOLDER,
    show_default=True,
    metavar="DIR",
    help="Folder for ledger, calls and result; it must be new or empty.",
)
@click.option(
    "--teardown",
    cls=GroupedOption,
    typed=True,
    type=click.Path(path_type=Path),
    metavar="LEDGER",
    help="Delete what this ledger lists, and do nothing else.",
)
def probe(  # noqa: PLR0913 - one parameter is one option
    common: CommonOptions,
    *,
    list_experiments: bool,
    only: str | None,
    account: str,
    accept_cost: bool,
    out: Path,
    teardown: Path | None,
) -> int:
    """Measure what AWS does where its documentation is silent.

    Runs small experiments once in a throw-away account, and deletes everything. The result is a file without account
    number and secrets: attach it to a bug report, or load it with `awsroll sandbox --switches`.
    """
    output = Output(json=common.json, quiet=common.quiet)
    experiments = _experiments(only)
    if list_experiments:
        return _list(output, experiments)
    with _terminated_like_ctrl_c():
        if teardown is not None:
            return _tear_down(output, common, teardown)
        return _run(output, common, experiments, account=account, accept_cost=accept_cost, out=out)


def _experiments(only: str | None) -> "tuple[Experiment, ...]":
    from awsroll.probe import Experiment  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.probe.experiments import parse_experiments  # noqa: PLC0415 - see above

    return tuple(Experiment) if only is None else parse_experiments(only)


def _list(output: Output, experiments: "tuple[Experiment, ...]") -> int:
    from awsroll.probe.experiments import (  # noqa: PLC0415 - see _experiments
        BASE_DOLLARS,
        BASE_MINUTES,
        EXPERIMENTS,
        dollars_of,
    )

    described = [(experiment, EXPERIMENTS[experiment]) for experiment in experiments]
    if output.json:
        for experiment, each in described:
            output.emit(
                "probe.experiment",
                id=experiment.value,
                title=each.title,
                calls=each.calls,
                expected=each.expected,
                settles=each.settles,
                minutes=each.minutes,
                dollars=each.dollars,
                instances=each.instances,
                deletes=each.removes,
            )
        return Exit.DONE
    lines = []
    for experiment, each in described:
        lines += [
            f"{experiment.value:<4} {each.title}",
            f"     calls     {each.calls}",
            f"     expected  {each.expected}",
            f"     settles   {each.settles}",
            f"     at most   {each.minutes} min, ${each.dollars:.2f}, {each.instances} instances",
            f"     deletes   {each.removes}",
        ]
    lines.append(
        f"environment: {BASE_MINUTES} min, ${BASE_DOLLARS:.2f}; in total at most ${dollars_of(experiments):.2f}"
    )
    output.result("\n".join(lines))
    return Exit.DONE


def _run(  # noqa: PLR0913 - the options of the command
    output: Output,
    common: CommonOptions,
    experiments: "tuple[Experiment, ...]",
    *,
    account: str,
    accept_cost: bool,
    out: Path,
) -> int:
    from awsroll.clock import SystemClock  # noqa: PLC0415 - see _experiments
    from awsroll.probe import Probe  # noqa: PLC0415 - see _experiments
    from awsroll.probe.process_rolls import ProcessRolls  # noqa: PLC0415 - see _experiments

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        problem = f"--out {out} must be a new or empty folder. Nothing was created"
        raise SpecError(problem)
    named = {"--region": common.region, "--profile": common.profile, "--endpoint-url": common.endpoint_url}
    options = tuple(word for name, value in named.items() if value for word in (name, value))
    outcome = Probe(
        session=common.session(),
        clock=SystemClock(),
        folder=out,
        rolls=ProcessRolls(options=options),
        account=account,
        accepts_cost=accept_cost,
        experiments=experiments,
        endpoint_url=common.endpoint_url,
        say=output.note,
    ).run()
    return _report(output, outcome)


def _report(output: Output, outcome: "ProbeOutcome") -> int:
    results = outcome.results
    if output.json:
        output.emit(
            "probe.ended",
            result=str(outcome.result_file),
            calls=str(outcome.transcript),
            ledger=str(outcome.ledger),
            switches=results.switches,
            experiments={each.value: result.status.value for each, result in results.experiments.items()},
            left=list(outcome.left),
        )
    else:
        lines = [f"{each.value:<4} {result.status.value}" for each, result in results.experiments.items()]
        lines += [f"{name} = {value}" for name, value in results.switches.items()]
        output.result("\n".join([*lines, f"result: {outcome.result_file}", f"calls: {outcome.transcript}"]))
    if outcome.left:
        return _complain(outcome.ledger, outcome.left)
    if outcome.interrupted:
        return Exit.INTERRUPTED
    return Exit.DONE


def _tear_down(output: Output, common: CommonOptions, ledger: Path) -> int:
    from awsroll.clock import SystemClock  # noqa: PLC0415 - see _experiments
    from awsroll.probe import tear_down_only  # noqa: PLC0415 - see _experiments

    left = tear_down_only(ledger, session=common.session(), clock=SystemClock(), endpoint_url=common.endpoint_url)
    if output.json:
        output.emit("probe.torn-down", ledger=str(ledger), left=list(left))
    if left:
        return _complain(ledger, left)
    if not output.json:
        output.result("every resource of the ledger is deleted")
    return Exit.DONE


def _complain(ledger: Path, left: tuple[str, ...]) -> int:
    write_messages(
        f"these resources are left: {', '.join(left)}",
        f"delete them with `awsroll probe --teardown {ledger}`, or by hand",
    )
    return Exit.STOPPED_OR_PAUSED


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the block like Ctrl-C, so that the teardown runs."""

    def interrupt(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
