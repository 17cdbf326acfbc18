"""What holds for all tests: how they are spread over processes, and that none waits for the disk or the compiler."""

import gc
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

FIRST = ("tests/chain/", "tests/property/", "tests/model/", "tests/crash/", "tests/cdk/", "tests/lambdas/test_startup")
"""Where the longest tests are: they begin first, so that no process is left alone with one at the end."""


class _Order:
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder for this user alone in it
ENOUGH = 4 << 30  # bytes, more than a run of all tests leaves


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(100_000, 20, 50)  # to search the objects of moto and botocore for cycles costs 5 % of the time
    config.pluginmanager.register(_Order())
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        # A file that replaces another one, as each record does, waits for a disk, but not for memory.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Leave out the wait for the disk: no test turns the machine off, and each record of a rollout would wait twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _file: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _service_models_read_once() -> Iterator[None]:
    """Let all boto3 sessions of a process share what botocore reads from its files: EC2's model alone takes 0.1 s."""
    from botocore import session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_loader", cache(session.create_loader))
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(pytestconfig: pytest.Config) -> Iterator[None]:
    """Let the processes that tests start keep compiled modules, also where the environment forbids it.

    Hundreds of tests start `awsroll` as a process. Without compiled modules, each start takes twice the processor time.
    """
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(pytestconfig.rootpath / ".pytest_cache" / "compiled"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_records_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the tests a default store of their own: a rollout left unfinished by hand must not lock theirs."""
    from awsroll.stores import lost_disks

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state-home")))
        patch.setattr(lost_disks, "_MOUNTS", tmp_path_factory.getbasetemp() / "none")  # the tests' files are in memory
        for name in lost_disks.JOBS:  # the tests may run in a CI job
            patch.delenv(name, raising=False)
        yield
