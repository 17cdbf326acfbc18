"""The report of many fleets, from the result of each."""

from collections.abc import Mapping
from datetime import datetime

from awsroll.core.request.waves import FleetEnding, FleetSpec, FleetsSpec, WaveSpec, worst
from awsroll.core.wave_turns import WaveFailure
from awsroll.report import FleetReport, FleetsReport, WaveReport
from awsroll.waves.check_fleets import ReadyFleet
from awsroll.waves.fleet_results import FleetResult


def fleets_report(
    spec: FleetsSpec,
    results: Mapping[str, tuple[ReadyFleet | None, FleetResult]],
    failure: WaveFailure | None,
    *,
    is_interrupted: bool,
    times: tuple[datetime, datetime],
) -> FleetsReport:
    """Return the report.

    Args:
        spec: the waves.
        results: each fleet as it was checked, and its result, by name.
        failure: the failure of a wave; None if none has failed.
        is_interrupted: the driver was asked to stop before the waves had ended.
        times: when the run started, and now.
    """
    endings = [result.ending for _, result in results.values()]
    return FleetsReport(
        status=worst(endings, interrupted=is_interrupted, failed=failure is not None),
        started_at=times[0],
        ended_at=times[1],
        waves=tuple(_wave_report(wave, results, failure) for wave in spec.waves),
    )


def _wave_report(
    wave: WaveSpec, results: Mapping[str, tuple[ReadyFleet | None, FleetResult]], failure: WaveFailure | None
) -> WaveReport:
    endings = [results[fleet.name][1].ending for fleet in wave.fleets]
    none_started = set(endings) == {FleetEnding.NOT_BEGUN}
    own = failure if failure is not None and failure.wave == wave.name else None
    return WaveReport(
        name=wave.name,
        status=FleetEnding.NOT_BEGUN if none_started else FleetEnding(worst(endings, failed=own is not None).value),
        concurrency=wave.at_once,
        tolerated_failures=wave.may_fail,
        reason="" if own is None else own.reason,
        fleets=tuple(_fleet_report(fleet, *results[fleet.name]) for fleet in wave.fleets),
    )


def _fleet_report(fleet: FleetSpec, ready: ReadyFleet | None, result: FleetResult) -> FleetReport:
    return FleetReport(
        fleet_name=fleet.name,
        region=fleet.region if ready is None else ready.plan.region,
        role=fleet.role,
        status=result.ending,
        reason=result.reason,
        report=result.report,
    )
