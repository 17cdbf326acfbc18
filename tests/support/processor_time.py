"""Where the processor time of the tests goes, by folder: unlike durations it hardly depends on other load.

    python -m pytest -p tests.support.processor_time -n 2 tests/rollouts tests/machines

The time of a test is that of its process, with all threads, and of the child processes that it has waited for. What a
fixture of several tests takes is counted at the first of them.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

_PROPERTY = "processor_seconds"
_BEGUN = pytest.StashKey[float]()
_SECONDS: defaultdict[str, float] = defaultdict(float)


def _processor_seconds() -> float:
    return sum(os.times()[:4])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_BEGUN] = _processor_seconds()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "teardown":
        report.user_properties.append((_PROPERTY, _processor_seconds() - item.stash[_BEGUN]))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        folder = "/".join(PurePosixPath(report.location[0]).parts[:2])
        _SECONDS[folder] += dict(report.user_properties).get(_PROPERTY, 0.0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("processor time")
    for folder, seconds in sorted(_SECONDS.items(), key=lambda entry: -entry[1]):
        terminalreporter.write_line(f"{seconds:8.1f} s  {folder}")
    terminalreporter.write_line(f"{sum(_SECONDS.values()):8.1f} s  all")
