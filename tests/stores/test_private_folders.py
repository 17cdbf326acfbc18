"""A store on disk is for its user alone, and no other user can put another store in its place."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from awsroll.errors import StateError
from awsroll.stores import private_folders
from awsroll.stores.directory_backend import DirectoryBackend

KEY = "rollouts/web-1/record.json"
STRANGER = 4_242


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int], None]:
    """Return a function that gives a path to another user, without the rights of root."""
    owners: dict[Path, int] = {}
    lstat = os.lstat

    def with_owner(path: str | Path, **given: Any) -> os.stat_result:
        found = lstat(path, **given)
        fields = list(found)
        fields[stat.ST_UID] = owners.get(Path(path), found.st_uid)
        return os.stat_result(fields)

    monkeypatch.setattr(os, "lstat", with_owner)
    return owners.__setitem__


def refused_everywhere(place: Path) -> str:
    """Check that a store refuses every call, and changes nothing; return the message."""
    backend = DirectoryBackend(place)
    before = sorted(place.rglob("*"))
    messages = set()
    for call in (
        lambda: backend.write(KEY, b"{}", None),
        lambda: backend.read(KEY),
        lambda: backend.delete(KEY, "0"),
        lambda: backend.keys("rollouts/"),
        backend.create,
    ):
        with pytest.raises(StateError) as refusal:
            call()
        messages.add(str(refusal.value).partition("is not safe: ")[2])
    assert sorted(place.rglob("*")) == before
    (message,) = messages
    return message


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_a_store_is_for_its_user_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    place = tmp_path / "home" / "state" / "awsroll"
    before = os.umask(umask)
    try:
        DirectoryBackend(place).write(KEY, b"{}", None)
    finally:
        os.umask(before)

    made = [*(path for path in (tmp_path / "home").rglob("*")), tmp_path / "home"]
    assert {path.name for path in made} >= {"home", "state", "awsroll", "rollouts", "web-1", "record.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}


def test_a_store_that_others_could_read_is_closed_by_the_next_write(tmp_path: Path) -> None:
    place = tmp_path / "awsroll"
    (place / "rollouts" / "web-1").mkdir(parents=True, mode=0o755)
    for folder in (place, *place.rglob("*")):
        folder.chmod(0o755)

    DirectoryBackend(place).write(KEY, b"{}", None)

    assert {stat.S_IMODE(path.stat().st_mode) for path in (place, *place.rglob("*")) if path.is_dir()} == {0o700}


def test_a_store_among_other_files_leaves_the_mode_of_their_folder(tmp_path: Path) -> None:
    place = tmp_path / "project"
    place.mkdir()
    place.chmod(0o755)
    (place / "readme").touch()

    DirectoryBackend(place).write(KEY, b"{}", None)

    assert stat.S_IMODE(place.stat().st_mode) == 0o755
    assert stat.S_IMODE((place / "rollouts").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o770, 0o757], ids=oct)
@pytest.mark.parametrize("part", ["shared", "shared/home", "shared/home/state", "shared/home/state/rollouts"])
def test_a_component_that_others_can_write_to_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, mode: int
) -> None:
    monkeypatch.setattr(private_folders, "_is_private_group", lambda _number: False)
    place = tmp_path / "shared" / "home" / "state"
    (place / "rollouts").mkdir(parents=True)
    (tmp_path / part).chmod(mode)
    backend = DirectoryBackend(place)

    with pytest.raises(StateError, match=rf"can write to {tmp_path / part}\. Nothing was changed\. Run `chmod g"):
        backend.read(KEY)
    with pytest.raises(StateError, match="not safe"):
        backend.write(KEY, b"{}", None)
    assert not (place / "rollouts" / "web-1").exists()


@pytest.mark.parametrize("part", ["shared", "shared/home", "shared/home/state"])
def test_a_component_of_another_user_is_refused_by_name(
    tmp_path: Path, owned: Callable[[Path, int], None], part: str
) -> None:
    place = tmp_path / "shared" / "home" / "state"
    place.mkdir(parents=True)
    owned(tmp_path / part, STRANGER)

    message = refused_everywhere(place)

    assert f"{tmp_path / part} belongs to the user {STRANGER}, who could replace the records" in message


@pytest.mark.parametrize("part", ["etc", "etc/state"])
def test_a_component_of_root_is_trusted(tmp_path: Path, owned: Callable[[Path, int], None], part: str) -> None:
    place = tmp_path / "etc" / "state"
    place.mkdir(parents=True)
    owned(tmp_path / part, 0)

    DirectoryBackend(place).write(KEY, b"{}", None)

    assert DirectoryBackend(place).keys("rollouts/") == (KEY,)


def test_a_folder_with_the_sticky_bit_may_hold_a_store_and_cannot_be_one(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)

    DirectoryBackend(shared / "state").write(KEY, b"{}", None)

    with pytest.raises(StateError, match=f"other users share {shared}.*--state {shared}/NAME"):
        DirectoryBackend(shared).write(KEY, b"{}", None)


def test_a_store_that_another_user_made_first_is_refused(tmp_path: Path, owned: Callable[[Path, int], None]) -> None:
    shared = tmp_path / "tmp"
    (shared / "state").mkdir(parents=True)
    shared.chmod(0o1777)
    owned(shared / "state", STRANGER)

    assert "state belongs to the user" in refused_everywhere(shared / "state")


def test_links_on_the_path_are_followed_and_their_target_is_checked(tmp_path: Path) -> None:
    target = tmp_path / "disk" / "home"
    target.mkdir(parents=True)
    (tmp_path / "home").symlink_to("disk/../disk/home")
    place = tmp_path / "home" / "state"

    DirectoryBackend(place).write(KEY, b"{}", None)
    assert (target / "state" / KEY).read_bytes() == b"{}"

    (tmp_path / "disk").chmod(0o777)
    assert f"can write to {tmp_path / 'disk'}" in refused_everywhere(place)


def test_a_link_of_another_user_is_refused(tmp_path: Path, owned: Callable[[Path, int], None]) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    owned(tmp_path / "link", STRANGER)

    assert f"{tmp_path / 'link'} belongs to" in refused_everywhere(tmp_path / "link")


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")

    assert "loop of symbolic links" in refused_everywhere(tmp_path / "one")


def test_a_file_in_place_of_the_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch()

    assert "is not a directory" in refused_everywhere(tmp_path / "state")


def test_a_link_in_place_of_a_record_is_not_followed(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "state", tmp_path / "elsewhere.json"
    elsewhere.write_bytes(b"secret")
    backend = DirectoryBackend(place)
    backend.write("rollouts/web-1/lock.json", b"{}", None)
    (place / KEY).symlink_to(elsewhere)

    with pytest.raises(StateError, match="symbolic link"):
        backend.read(KEY)
    with pytest.raises(StateError, match="symbolic link"):
        backend.write(KEY, b"{}", None)
    assert backend.keys("rollouts/") == ("rollouts/web-1/lock.json", KEY), "listed, so that its rollout is reported"
    assert elsewhere.read_bytes() == b"secret"


def test_a_pipe_in_place_of_a_record_is_refused_at_once(tmp_path: Path) -> None:
    backend = DirectoryBackend(tmp_path / "state")
    backend.write("rollouts/web-1/lock.json", b"{}", None)
    os.mkfifo(tmp_path / "state" / KEY)

    with pytest.raises(StateError, match="not a regular file"):
        backend.read(KEY)


@pytest.mark.parametrize(
    ("members", "others", "is_private"),
    [((), (), True), (("me",), (), True), (("me", "you"), (), False), ((), (77,), False)],
    ids=["no-members", "only-this-user", "another-member", "primary-group-of-another-user"],
)
def test_a_private_group_has_no_other_member(
    monkeypatch: pytest.MonkeyPatch, members: tuple[str, ...], others: tuple[int, ...], is_private: bool
) -> None:
    class Entry:
        pw_name = gr_name = "me"
        pw_uid, pw_gid = 1000, 1000
        gr_mem = members

    class Other:
        pw_uid, pw_gid = others[0] if others else 0, 1000

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("os.getegid", lambda: 1000)
    monkeypatch.setattr("pwd.getpwuid", lambda _number: Entry)
    monkeypatch.setattr("pwd.getpwall", lambda: [Entry, Other])
    monkeypatch.setattr("grp.getgrgid", lambda _number: Entry)

    assert private_folders._is_private_group(1000) is is_private
    assert not private_folders._is_private_group(100)
