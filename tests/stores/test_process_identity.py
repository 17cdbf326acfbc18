"""Two processes are the same machine's only if every part of their identity says so, and in doubt a process lives."""

import errno
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from awsroll.stores import process_identity
from awsroll.stores.process_identity import Process, this_process

BOOT_ID = "11111111-2222-3333-4444-555555555555"
GONE = 10**8


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Machine":
    made = Machine(tmp_path, monkeypatch)
    made.boot()
    return made


class Machine:
    """A machine whose /proc and memory the tests write."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = patch
        self.number = 0

    def boot(self, *, pid: str = "pid:[1]", net: str = "net:[1]", machine_id: str = "m") -> None:
        """Start a machine from the same snapshot: the same boot id, and an empty memory."""
        self.number += 1
        proc = self.folder / f"proc-{self.number}"
        memory = self.folder / f"memory-{self.number}"
        (proc / "sys/kernel/random").mkdir(parents=True)
        (proc / "sys/kernel/random/boot_id").write_text(BOOT_ID)
        (proc / "self").symlink_to(str(os.getpid()))
        (proc / f"{os.getpid()}/ns").mkdir(parents=True)
        for name, target in {"pid": pid, "net": net, "time": "time:[1]"}.items():
            (proc / f"{os.getpid()}/ns" / name).symlink_to(target)
        memory.mkdir()
        (self.folder / "machine-id").write_text(machine_id)
        self.proc, self.memory = proc, memory
        self.patch.setattr(process_identity, "_PROC", proc)
        self.patch.setattr(process_identity, "_MEMORY", memory)
        self.patch.setattr(process_identity, "_MACHINE_ID", self.folder / "machine-id")


def test_processes_of_one_boot_and_container_are_distinguished_by_number_alone(machine: Machine) -> None:
    first, second = this_process(), this_process()

    assert first.boot == second.boot
    assert first.boot is not None
    assert first.is_known_dead(replace(second, number=GONE))


@pytest.mark.parametrize(
    "other",
    [{}, {"pid": "pid:[2]"}, {"net": "net:[2]"}, {"machine_id": "another"}],
    ids=["snapshot-restored-twice", "pid-namespace", "network-namespace", "machine-id"],
)
def test_two_machines_with_one_boot_id_never_know_the_processes_of_the_other_dead(
    machine: Machine, other: dict[str, str]
) -> None:
    there = replace(this_process(), number=GONE)
    machine.boot(**other)
    here = this_process()

    assert here.boot is not None
    assert here.boot.split("/")[0] == there.boot.split("/")[0] == BOOT_ID
    assert not here.is_beside(there)
    assert not here.is_known_dead(there)


def test_the_drawn_id_is_for_its_user_alone_and_drawn_once(machine: Machine) -> None:
    this_process()
    (drawn,) = machine.memory.iterdir()
    text = drawn.read_text()
    this_process()

    assert drawn.stat().st_mode & 0o077 == 0
    assert [path.read_text() for path in machine.memory.iterdir()] == [text]


def _readable(path: Path) -> None:
    path.chmod(0o644)


def _short(path: Path) -> None:
    path.write_text("abc")


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("change", [_readable, _short, _linked])
def test_a_drawn_id_that_another_user_may_have_made_proves_nothing(
    machine: Machine, change: Callable[[Path], None]
) -> None:
    here = this_process()
    (drawn,) = machine.memory.iterdir()
    change(drawn)

    assert this_process().boot is None
    assert not this_process().is_known_dead(replace(here, number=GONE))


def test_a_drawn_id_of_another_user_proves_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    this_process()
    user = os.geteuid()
    (drawn,) = machine.memory.iterdir()
    monkeypatch.setattr("os.geteuid", lambda: user + 1)
    drawn.rename(drawn.with_name(drawn.name.replace(f"-{user}-", f"-{user + 1}-")))

    assert this_process().boot is None


def test_the_proc_of_another_container_proves_nothing(machine: Machine) -> None:
    (machine.proc / "self").unlink()
    (machine.proc / "self").symlink_to("1")

    assert this_process().boot is None


def test_without_a_writable_memory_the_temporary_folder_holds_the_drawn_id(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_identity, "_MEMORY", machine.folder / "none")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(machine.memory))

    assert this_process().boot is not None
    assert list(machine.memory.iterdir()) != []


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
def test_a_process_that_cannot_be_looked_at_is_not_known_dead(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    me = this_process()

    def fail(_path: Path) -> str:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "read_text", fail)

    assert process_identity._is_alive(replace(me, started="1"))


def test_a_hidden_process_that_may_be_signalled_is_not_known_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `hidepid`, a process with CAP_KILL may signal what /proc hides from it."""
    me = this_process()
    monkeypatch.setattr(process_identity, "_started", lambda _number: None)
    monkeypatch.setattr("os.kill", lambda _number, _signal: None)

    assert not me.is_known_dead(me)


def test_a_zombie_is_dead() -> None:
    me = this_process()
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert me.is_known_dead(Process(host=me.host, boot=me.boot, number=child.pid, started="1"))
