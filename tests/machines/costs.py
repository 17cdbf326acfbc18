"""Counts what a rollout by the state machine takes, and what AWS asks for it.

    PYTHONPATH=.:lambda:cdk python -m tests.machines.costs 20 200     rolls fleets of the sandbox, writes the counts
    PYTHONPATH=.:lambda:cdk python -m tests.machines.costs            prints the table of docs/step-functions.md
    PYTHONPATH=.:lambda:cdk python -m tests.machines.costs fleets     prints how many fleets one execution can roll

The real handlers are called as the machine calls them, in virtual time: what is counted happened. Only prices, and how
long AWS takes to answer a call, are assumed; both are in `Prices`.
"""

import json
import sys
import zlib
from bisect import bisect
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from itertools import product
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import plan_waves
from awsroll.stores.backend import Entry
from awsroll.stores.directory_backend import DirectoryBackend
from named import PreflightRefused
from tests.lambdas.driven import machine

COUNTS = Path(__file__).parents[2] / "docs" / "step-functions.costs.json"
STRATEGIES: Mapping[str, dict[str, Any]] = {
    "replace, 10 % at a time": {"concurrent": "10%"},
    "replace, launch first, 10 % at a time": {"launch_first": True, "concurrent": "10%"},
    "double-half": {"strategy": "double-half"},
    "reload, 10 % at a time": {"strategy": "reload", "concurrent": "10%"},
}
STATES_OF_A_STEP = 3  # Reconcile, What now?, and a wait
STATES_AROUND = 6  # Fill in, New rollout?, Prepare, Set out before the first step; Ended, Succeeded instead of a wait
_READ_BYTES, _WRITTEN_BYTES = 4096, 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars in us-east-1, November 2026, after free tiers; and what is assumed of a call.

    Attributes:
        transition: aws.amazon.com/step-functions/pricing: Standard, $0.025 for 1,000.
        invocation: aws.amazon.com/lambda/pricing: $0.20 for a million.
        gigabyte_second: the same page: arm64, first tier.
        gigabytes: what `awsroll_cdk.functions` gives a function.
        write_unit: aws.amazon.com/dynamodb/pricing: on demand, $0.625 for a million.
        read_unit: the same page: $0.125 for a million.
        call_seconds: how long AWS takes to answer one call; calls are made one after the other.
    """

    transition: float = 0.025 / 1000
    invocation: float = 0.20 / 1_000_000
    gigabyte_second: float = 0.0000133334
    gigabytes: float = 1.0
    write_unit: float = 0.625 / 1_000_000
    read_unit: float = 0.125 / 1_000_000
    call_seconds: float = 0.1


@dataclass(kw_only=True)
class Counted:
    """What one rollout took."""

    strategy: str
    servers: int
    minutes: float = 0.0
    steps: int = 0
    invocations: int = 0
    transitions: int = 0
    calls: int = 0
    slept_seconds: float = 0.0
    write_units: int = 0
    read_units: int = 0

    def dollars(self, prices: Prices) -> dict[str, float]:
        """Return what each service asks for it."""
        seconds = self.slept_seconds + self.calls * prices.call_seconds
        return {
            "Step Functions": self.transitions * prices.transition,
            "Lambda": self.invocations * prices.invocation + seconds * prices.gigabytes * prices.gigabyte_second,
            "DynamoDB": self.write_units * prices.write_unit + self.read_units * prices.read_unit,
        }


def count(strategy: str, servers: int) -> Counted:
    """Roll a fleet of the sandbox, one handler's call after the other, and count."""
    counted = Counted(strategy=strategy, servers=servers)
    shape = {"servers": servers, "max_size": 2 * servers}
    with TemporaryDirectory() as folder, machine(Path(folder), grouped=True, **shape) as driven:
        clock, sandbox = driven.rolling.clock, driven.rolling.sandbox
        begun, calls = clock.monotonic(), sum(sandbox.calls.values())
        with _store_counted(counted), redirect_stdout(sys.stderr):
            driven.prepare(driven.request(**STRATEGIES[strategy]))
            driven.go_on()
        waited = sum(answer["wait_seconds"] for answer in driven.answers[1:-1])
        counted.minutes = round((clock.monotonic() - begun) / 60, 1)
        counted.slept_seconds = round(clock.monotonic() - begun - waited, 1)
        counted.calls = sum(sandbox.calls.values()) - calls
    counted.invocations = len(driven.answers)
    counted.steps = counted.invocations - 1
    counted.transitions = transitions(counted.steps)
    return counted


def transitions(steps: int) -> int:
    """Return how many states an execution enters in which nothing had to be tried twice."""
    return STATES_AROUND + STATES_OF_A_STEP * steps - 1  # after the last step nothing is waited for


@contextmanager
def _store_counted(counted: Counted) -> Iterator[None]:
    """Count the store's reads and writes in the units that DynamoDB bills, with the records as they lie there."""
    read, write = DirectoryBackend.read, DirectoryBackend.write

    def reading(backend: DirectoryBackend, key: str) -> Entry | None:
        entry = read(backend, key)
        counted.read_units += _units(b"" if entry is None else entry.data, _READ_BYTES)
        return entry

    def writing(backend: DirectoryBackend, key: str, data: bytes, expected: str | None) -> str:
        counted.write_units += _units(data, _WRITTEN_BYTES)
        return write(backend, key, data, expected)

    with patch.object(DirectoryBackend, "read", reading), patch.object(DirectoryBackend, "write", writing):
        yield


def _units(data: bytes, size: int) -> int:
    return max(1, ceil(len(zlib.compress(data)) / size))


def table(rows: list[Counted], prices: Prices) -> str:
    """Return what was counted as a table of Markdown."""
    services = list(rows[0].dollars(prices))
    heads = ["strategy", "servers", "minutes", "steps", "transitions", "invocations", *services, "together"]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for row in rows:
        dollars = list(row.dollars(prices).values())
        counts = [row.servers, f"{row.minutes:.0f}", row.steps, row.transitions, row.invocations]
        lines.append([row.strategy, *map(str, counts), *(f"${one:.3f}" for one in (*dollars, sum(dollars)))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def kept() -> list[Counted]:
    """Return what was counted last."""
    return [Counted(**row) for row in json.loads(COUNTS.read_text())]


def most_fleets(of_a_wave: int) -> int:
    """Return how many fleets of different accounts fit into one execution, in waves of this size."""
    return bisect(range(1, 1000), False, key=lambda many: not _is_taken(many, of_a_wave))


def _is_taken(many: int, of_a_wave: int) -> bool:
    one = {"launch-template": "lt-0123456789abcdef0:12", "concurrent": "10%"}
    place = {"region": "eu-central-1", "role": "arn:aws:iam::111122223333:role/awsroll", "external-id": "shared"}
    asked = [{"asg": f"group-of-service-{number:04}", **one, **place} for number in range(many)]
    waves = [
        {"name": f"wave-{start}", "fleets": asked[start : start + of_a_wave]} for start in range(0, many, of_a_wave)
    ]
    try:
        with redirect_stdout(StringIO()):
            plan_waves.handler({"name": "release-2026-11-24", "fleets": {"waves": waves}}, None)
    except PreflightRefused:
        return False
    return True


def main(words: list[str]) -> None:
    """Calculate again if sizes are given. Print the table, or how many fleets fit."""
    if words == ["fleets"]:
        sys.stdout.write(f"{most_fleets(1000)} fleets in one wave, {most_fleets(10)} in waves of ten\n")
        return
    sizes = [int(word) for word in words]
    if sizes:
        wanted = list(product(STRATEGIES, sizes))
        with ProcessPoolExecutor(2) as pool:
            rows = list(pool.map(count, *zip(*wanted, strict=True)))
        COUNTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    sys.stdout.write(table(kept(), Prices()) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
