import os
import stat
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from awsroll.fleets.reload_script import run_once
from tests.support.patience import PATIENCE_SECONDS


class Server:
    """A directory that runs scripts as the SSM agent does on an instance."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "AWSROLL_MARKERS": str(folder / "markers"), "AWS_SSM_INSTANCE_ID": "i-1"}

    def start(self, script: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-c", script], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )

    def run(self, script: str) -> int:
        with self.start(script) as process:
            process.communicate(timeout=PATIENCE_SECONDS)
            return process.returncode

    def lines(self, name: str = "log") -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def script(*commands: str, attempt: int = 1) -> str:
    return run_once(commands, rollout_id="web-1", attempt=attempt)


def test_runs_the_commands_in_order_and_ends_with_their_exit_code(server: Server) -> None:
    assert server.run(script("echo one >>log", "echo two >>log")) == 0
    assert server.lines() == ["one", "two"]


def test_a_second_delivery_does_not_run_again_and_ends_the_same(server: Server) -> None:
    assert server.run(script("echo ran >>log", "exit 3")) == 3
    assert server.run(script("echo ran >>log", "exit 3")) == 3
    assert server.lines() == ["ran"]


def test_a_command_that_asks_for_a_reboot_runs_again_after_it(server: Server) -> None:
    """The SSM agent reboots a server for the exit code 194 and runs the script again, for as often as it ends so."""
    text = script("echo ran >>log", "[ $(wc -l <log) -gt 2 ] || exit 194")

    assert [server.run(text) for _ in range(4)] == [194, 194, 0, 0]
    assert server.lines() == ["ran", "ran", "ran"]


def test_a_second_delivery_waits_for_the_first(server: Server) -> None:
    text = script("echo ran >>log; while [ ! -f go ]; do sleep 0.05; done; exit 4")
    with server.start(text) as first:
        while not server.lines():
            time.sleep(0.01)
        with server.start(text) as second:
            (server.folder / "go").touch()
            first.communicate(timeout=PATIENCE_SECONDS)
            second.communicate(timeout=PATIENCE_SECONDS)
            assert (first.returncode, second.returncode) == (4, 4)
    assert server.lines() == ["ran"]


def test_another_attempt_runs_again(server: Server) -> None:
    server.run(script("echo ran >>log"))
    server.run(script("echo ran >>log", attempt=2))
    assert server.lines() == ["ran", "ran"]


def test_another_instance_with_the_same_disk_runs_again(server: Server) -> None:
    server.run(script("echo ran >>log"))
    server.environment["AWS_SSM_INSTANCE_ID"] = "i-2"
    server.run(script("echo ran >>log"))
    assert server.lines() == ["ran", "ran"]


def test_stops_at_the_first_command_that_fails(server: Server) -> None:
    assert server.run(script("echo one >>log", "false", "echo two >>log")) == 1
    assert server.lines() == ["one"]


def test_a_command_of_its_own_interpreter_is_run_by_it(server: Server) -> None:
    assert server.run(script("#!/bin/sh", "false", "echo went on >>log")) == 0
    assert server.lines() == ["went on"]


def test_commands_may_hold_anything(server: Server) -> None:
    awkward = "cat >>log <<'AWSROLL_END'\n$HOME `id` \"quoted\" 'single' @END@ \\\nAWSROLL_END"
    assert server.run(script(awkward)) == 0
    assert server.lines() == ["$HOME `id` \"quoted\" 'single' @END@ \\"]


def test_an_aborted_first_delivery_is_reported_and_not_repeated(server: Server) -> None:
    text = script("echo ran >>log; kill -9 $PPID")
    server.run(text)
    assert server.run(script("echo ran >>log; kill -9 $PPID")) == 75
    assert server.lines() == ["ran"]


# --- the folder of the markers ---------------------------------------------------------------------------------------


def made_before(server: Server) -> Path:
    return server.folder / "markers"


def rename_uid(server: Server, *, number: int) -> None:
    """Let the script run as another user than the owner of the files."""
    programs = server.folder / "programs"
    programs.mkdir()
    (programs / "id").write_text(f'#!/bin/sh\n[ "$1" = -u ] && echo {number} || echo stranger\n')
    (programs / "id").chmod(0o755)
    server.environment["PATH"] = f"{programs}:{server.environment['PATH']}"


def test_the_markers_and_the_command_are_readable_by_their_user_alone(server: Server) -> None:
    before = os.umask(0)
    try:
        assert server.run(script('ls -l "$0" >>log', "echo made >deployed")) == 0
    finally:
        os.umask(before)

    made = [made_before(server), *made_before(server).rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in made} == {0}
    assert server.lines()[0].startswith("-rw-------")
    assert stat.S_IMODE((server.folder / "deployed").stat().st_mode) == 0o666


@pytest.mark.parametrize("end", ["true", "exit 3", "kill -TERM $PPID"])
def test_the_command_is_removed_after_its_end(server: Server, end: str) -> None:
    server.run(script("password=secret", end))

    assert "command" not in {path.name for path in made_before(server).rglob("*")}


def test_the_command_of_an_aborted_delivery_is_removed_by_the_next(server: Server) -> None:
    text = script("kill -9 $PPID")
    server.run(text)
    server.run(text)

    assert "command" not in {path.name for path in made_before(server).rglob("*")}


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o757], ids=oct)
def test_a_folder_that_others_can_write_to_is_refused(server: Server, mode: int) -> None:
    made_before(server).mkdir()
    made_before(server).chmod(mode)

    assert server.run(script("echo ran >>log")) == 73
    assert server.lines() == []


def test_a_folder_of_another_user_is_refused(server: Server) -> None:
    made_before(server).mkdir(mode=0o700)
    rename_uid(server, number=4_242)

    assert server.run(script("echo ran >>log")) == 73
    assert server.lines() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_results_that_another_user_has_prepared_are_no_results(server: Server) -> None:
    """Another user makes the folder first, with the exit code of a success in each marker that it may have."""
    digest = run_once(["echo ran >>log"], rollout_id="web-1", attempt=1).partition("web-1.1.")[2][:32]
    marker = f"markers/i-1.web-1.1.{digest}"
    with TemporaryDirectory() as made:  # the folders of pytest are closed to other users
        shared = Path(made)
        shared.chmod(0o1777)
        forge = f"umask 0; cd {shared} && mkdir -p {marker} && echo 0 >{marker}/code"
        subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", forge], check=True)
        server.environment["AWSROLL_MARKERS"] = str(shared / "markers")
        assert (shared / marker / "code").read_text() == "0\n"

        assert server.run(script("echo ran >>log")) == 73
    assert server.lines() == []


@pytest.mark.parametrize("kind", ["file", "link", "dangling-link"])
def test_what_is_no_folder_is_refused(server: Server, kind: str) -> None:
    place = made_before(server)
    match kind:
        case "file":
            place.touch()
        case "link":
            (server.folder / "real").mkdir(mode=0o700)
            place.symlink_to(server.folder / "real")
        case _:
            place.symlink_to(server.folder / "nowhere")

    assert server.run(script("echo ran >>log")) == 73
    assert server.lines() == []


def test_a_folder_that_an_older_awsroll_made_readable_is_closed_and_used(server: Server) -> None:
    made_before(server).mkdir()
    made_before(server).chmod(0o755)

    assert server.run(script("echo ran >>log")) == 0
    assert stat.S_IMODE(made_before(server).stat().st_mode) == 0o700


def test_another_command_under_the_same_names_runs(server: Server) -> None:
    assert server.run(script("echo one >>log")) == 0
    assert server.run(script("echo two >>log")) == 0
    assert server.lines() == ["one", "two"]


@pytest.mark.parametrize("fails", ["mkdir", "cat"])
def test_a_full_disk_is_a_failure_and_no_part_of_the_command_runs(server: Server, fails: str) -> None:
    programs = server.folder / "programs"
    programs.mkdir()
    full = {
        "mkdir": '#!/bin/sh\ncase "$*" in *web-1*) exit 1 ;; esac\nexec /bin/mkdir "$@"\n',
        "cat": "#!/bin/sh\nhead -c 12\nexit 1\n",
    }
    (programs / fails).write_text(full[fails])
    (programs / fails).chmod(0o755)
    server.environment["PATH"] = f"{programs}:{server.environment['PATH']}"

    assert server.run(script("echo ran >>log", "echo more >>log")) == 73
    assert server.lines() == []


def test_an_exit_code_that_cannot_be_read_is_no_success(server: Server) -> None:
    assert server.run(script("echo ran >>log")) == 0
    (code,) = made_before(server).rglob("code")
    code.write_text("")

    assert server.run(script("echo ran >>log")) == 73
    assert server.lines() == ["ran"]
