"""With a signing key, nothing that a driver believes is used unless someone with the key wrote it, here and last."""

import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from awsroll.aws.connection import Connection
from awsroll.core.model.user_requests import UserRequests
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import AccessRefusedError, AwsUnansweredError, SpecError, StateError, UntrustedItemError
from awsroll.stores import RecordStore, RolloutRequest, Waiting
from awsroll.stores.opening import open_store
from awsroll.stores.signing import FileSigner, KmsSigner, Signer, open_signer
from awsroll.testing.clock import VirtualClock
from tests.stores.places import DirectoryPlace, DynamoPlace, Place
from tests.stores.records import busy_record, record
from tests.stores.wire import Wire, lost_request, refused

RECORD, REQUESTS, NOTE = "rollouts/web-1/record.json", "requests/web-1.json", "notes/web-1/request.json"
WAITING = "notes/web-1/waiting.json"
ALL = (RECORD, REQUESTS, NOTE, WAITING)
SECRET = b"0123456789abcdef0123456789abcdef"


def key_file(folder: Path, name: str = "key", content: bytes = SECRET, mode: int = 0o600) -> Path:
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.fixture
def signed(place: Place, tmp_path: Path) -> Place:
    place.signer = FileSigner(key_file(tmp_path))
    return place


def fill(store: RecordStore) -> None:
    store.save(store.save(busy_record()))
    store.change_user_requests("web-1", lambda said: replace(said, approved=1))
    store.put_note("web-1", RolloutRequest(request=RolloutSpec(asg="web")))
    store.put_note("web-1", Waiting(task_token="token"))


def read_all(store: RecordStore) -> None:
    store.load("web-1")
    store.user_requests("web-1")
    store.note("web-1", RolloutRequest)
    store.note("web-1", Waiting)


READS: dict[str, Callable[[RecordStore], object]] = {
    RECORD: lambda store: store.load("web-1"),
    REQUESTS: lambda store: store.user_requests("web-1"),
    NOTE: lambda store: store.note("web-1", RolloutRequest),
    WAITING: lambda store: store.note("web-1", Waiting),
}


def test_signed_items_are_read_by_every_process_with_the_key(signed: Place) -> None:
    fill(signed.open())
    store = signed.open()

    read_all(store)
    assert store.load("web-1").revision == 2
    assert store.user_requests("web-1") == UserRequests(approved=1)
    assert [one.rollout.rollout_id for one in store.list()] == ["web-1"]


@pytest.mark.parametrize("key", ALL)
def test_an_item_of_someone_without_the_key_is_refused_by_name(signed: Place, key: str) -> None:
    fill(signed.open())
    signer, signed.signer = signed.signer, None
    unsigned = json.loads(signed.look(key))
    unsigned.pop("mac")
    signed.put(key, json.dumps(unsigned).encode())
    signed.signer = signer

    with pytest.raises(UntrustedItemError, match="is not signed") as refusal:
        READS[key](signed.open())
    assert signed.location(key) in str(refusal.value)


def _edited(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return an edited item with the checksum that awsroll itself would write."""
    from awsroll.stores.envelope import _canonical, _checksum

    envelope = json.loads(data)
    change(envelope)
    envelope["checksum"] = _checksum(_canonical(envelope["record"]))
    return json.dumps(envelope).encode()


EDITS = {
    RECORD: lambda one: one["record"]["status"].update(rolling_back=True),
    REQUESTS: lambda one: one["record"].update(abort=True),
    NOTE: lambda one: one["record"].update(role="arn:aws:iam::123456789012:role/admin"),
    WAITING: lambda one: one["record"].update(task_token="other"),
}


@pytest.mark.parametrize(("key", "edit"), EDITS.items(), ids=EDITS)
def test_an_edited_item_is_refused_although_its_checksum_is_right(
    signed: Place, key: str, edit: Callable[[dict[str, Any]], object]
) -> None:
    fill(signed.open())
    signed.put(key, _edited(signed.look(key), edit))

    with pytest.raises(UntrustedItemError, match=r"signature of .* is wrong"):
        READS[key](signed.open())


@pytest.mark.parametrize("key", ALL)
def test_without_the_key_a_signed_item_is_refused_with_the_option_to_pass(signed: Place, key: str) -> None:
    fill(signed.open())
    signed.signer = None

    with pytest.raises(UntrustedItemError, match="Pass the --sign-key"):
        READS[key](signed.open())


def test_another_key_does_not_verify(signed: Place, tmp_path: Path) -> None:
    fill(signed.open())
    signed.signer = FileSigner(key_file(tmp_path, "other", SECRET[::-1]))

    with pytest.raises(UntrustedItemError, match="names another key"):
        signed.open().load("web-1")


@pytest.mark.parametrize("key", ALL)
def test_an_older_revision_that_is_put_back_is_refused_by_a_process_that_knows_a_newer_one(
    signed: Place, key: str
) -> None:
    first = signed.open()
    fill(first)
    old = signed.look(key)
    first.save(first.load("web-1"))
    first.change_user_requests("web-1", lambda said: replace(said, approved=2))
    first.put_note("web-1", RolloutRequest(request=RolloutSpec(asg="web"), region="eu-west-1"))
    first.put_note("web-1", Waiting(task_token="token-2"))
    signed.put(key, old)

    with pytest.raises(UntrustedItemError, match=r"revision \d of .* was put back"):
        READS[key](first)


def test_the_revision_of_a_signed_item_cannot_be_raised(signed: Place) -> None:
    fill(signed.open())
    envelope = json.loads(signed.look(REQUESTS))
    envelope["revision"] = 9
    signed.put(REQUESTS, json.dumps(envelope).encode())

    with pytest.raises(UntrustedItemError, match="signature"):
        signed.open().user_requests("web-1")


def test_a_signed_item_counts_only_in_its_own_place(signed: Place) -> None:
    store = signed.open()
    fill(store)
    store.save(record("web-2"))
    signed.put("requests/web-2.json", signed.look(REQUESTS))

    with pytest.raises(UntrustedItemError, match="a copy of another item"):
        signed.open().user_requests("web-2")


def test_deleted_user_requests_are_noticed_by_the_process_that_read_them(signed: Place) -> None:
    store = signed.open()
    fill(store)
    version = store.backend.read(REQUESTS).version
    store.backend.delete(REQUESTS, version)

    with pytest.raises(UntrustedItemError, match="was deleted"):
        store.user_requests("web-1")


def test_an_untrusted_unfinished_rollout_is_not_overlooked_and_does_not_hide_the_others(signed: Place) -> None:
    fill(signed.open())
    store = signed.open()
    store.save(record("web-2"))
    signed.put(RECORD, _edited(signed.look(RECORD), EDITS[RECORD]))

    with pytest.raises(UntrustedItemError):
        store.unfinished()
    assert [one.rollout.rollout_id for one in store.list()] == ["web-2"]
    assert ["signature" in str(error) for error in store.unreadable()] == [True]


def test_locks_and_the_index_need_no_key(signed: Place) -> None:
    with signed.open().drive(record().rollout):
        signed.signer = None
        assert "mac" not in json.loads(signed.look("rollouts/web-1/lock.json"))
        assert signed.open().driver("web-1") is not None


def test_neither_the_key_nor_its_name_is_stored(signed: Place, tmp_path: Path) -> None:
    fill(signed.open())

    for key in ALL:
        data = signed.look(key)
        assert SECRET not in data
        assert str(tmp_path).encode() not in data


# --- the key file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622], ids=oct)
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    signer = FileSigner(key_file(tmp_path, mode=mode))

    with pytest.raises(StateError, match="others may use it"):
        signer.sign(b"message")


@pytest.mark.parametrize("content", [b"", SECRET[:31], SECRET * 129], ids=["empty", "short", "long"])
def test_a_key_of_another_length_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(StateError, match="32 to 4096 bytes") as refusal:
        FileSigner(key_file(tmp_path, content=content)).sign(b"message")
    assert SECRET[:8].decode() not in str(refusal.value)


def test_a_missing_key_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot read the key file"):
        FileSigner(tmp_path / "missing").sign(b"message")
    with pytest.raises(StateError, match="key file"):
        FileSigner(tmp_path).sign(b"message")


def test_a_key_file_is_read_without_a_change_of_it(tmp_path: Path) -> None:
    path = key_file(tmp_path, mode=0o400)

    assert FileSigner(path).verify(b"message", FileSigner(path).sign(b"message"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o400


# --- the key in KMS -------------------------------------------------------------------------------------------------


@pytest.fixture
def wire() -> Iterator[Wire]:
    with mock_aws():
        yield Wire()


def kms_key(wire: Wire, spec: str = "HMAC_256", usage: str = "GENERATE_VERIFY_MAC") -> str:
    name: str = wire.client("kms").create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    return name


def kms_signer(wire: Wire, key: str) -> tuple[Signer, Connection]:
    aws = Connection(wire, clock=VirtualClock())
    return KmsSigner(key, lambda: aws.kms), aws


def test_a_key_in_kms_signs_and_verifies_and_its_calls_are_counted(wire: Wire) -> None:
    signer, aws = kms_signer(wire, kms_key(wire))
    code = signer.sign(b"message")

    assert signer.verify(b"message", code)
    assert not signer.verify(b"another", code)
    assert aws.calls.by_operation == {"kms:GenerateMac": 1, "kms:VerifyMac": 2}
    assert aws.calls.mutating == 0


def test_calls_to_kms_are_repeated(wire: Wire) -> None:
    signer, aws = kms_signer(wire, kms_key(wire))
    wire.faults = {"generate_mac": [lost_request, refused("ThrottlingException", 400), refused("KMSInternal", 500)]}

    assert signer.verify(b"message", signer.sign(b"message"))
    assert aws.calls.by_operation["kms:GenerateMac"] == 4


def test_a_key_of_another_kind_is_refused_by_name(wire: Wire) -> None:
    signer, _ = kms_signer(wire, kms_key(wire))
    wire.faults = {"generate_mac": [refused("InvalidKeyUsageException", 400)]}
    with pytest.raises(StateError, match="HMAC_256"):
        signer.sign(b"message")
    wire.faults = {"generate_mac": [refused("DisabledException", 400)]}
    with pytest.raises(StateError, match="cannot be used: kms:GenerateMac: DisabledException"):
        signer.sign(b"message")


def test_a_missing_permission_and_a_missing_answer_stay_what_they_are(wire: Wire) -> None:
    signer, _ = kms_signer(wire, kms_key(wire))
    wire.faults = {"verify_mac": [refused("AccessDeniedException", 400)]}
    with pytest.raises(AccessRefusedError, match="kms:VerifyMac"):
        signer.verify(b"message", b"code")
    wire.faults = {"verify_mac": [lost_request] * 20}
    with pytest.raises(AwsUnansweredError, match="kms:VerifyMac"):
        signer.verify(b"message", b"code")


def test_an_item_that_did_not_change_is_verified_once(wire: Wire) -> None:
    place = DynamoPlace()
    signer, aws = kms_signer(wire, kms_key(wire))
    place.signer = signer
    fill(place.open())
    store = place.open()
    for _ in range(3):
        read_all(store)
    store.save(store.load("web-1"))
    store.load("web-1")

    assert aws.calls.by_operation == {"kms:GenerateMac": 6, "kms:VerifyMac": 4}


def test_a_store_in_a_directory_takes_a_key_of_kms(wire: Wire, tmp_path: Path) -> None:
    key = kms_key(wire)

    def opened() -> RecordStore:
        return open_store(str(tmp_path), session=lambda: wire, clock=VirtualClock(), sign_key=key)

    opened().create()
    opened().save(record())
    assert opened().load("web-1").revision == 1
    assert not [path for path in tmp_path.rglob("*.json") if key in path.read_text()]


def test_state_create_fails_if_the_key_cannot_be_used(tmp_path: Path) -> None:
    place = DirectoryPlace(tmp_path / "state")
    place.signer = FileSigner(tmp_path / "missing")

    with pytest.raises(StateError, match="--sign-key"):
        place.open().create()


# --- names of keys --------------------------------------------------------------------------------------------------

UUID = "1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("named", "region"),
    [
        ("alias/awsroll", None),
        (UUID, None),
        ("mrk-1234abcd12ab34cd56ef1234567890ab", None),
        (f"arn:aws:kms:eu-west-1:123456789012:key/{UUID}", "eu-west-1"),
        ("arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/awsroll", "us-gov-west-1"),
    ],
)
def test_a_key_in_kms_is_used_in_its_own_region(named: str, region: str | None, wire: Wire) -> None:
    asked: list[str | None] = []

    def connect(region: str | None) -> Any:
        asked.append(region)
        return Connection(wire, clock=VirtualClock()).kms

    signer = open_signer(named, connect)
    assert isinstance(signer, KmsSigner)
    assert asked == []
    with pytest.raises(StateError):
        signer.sign(b"message")
    assert asked == [region]


@pytest.mark.parametrize("named", ["file:key", "file:/etc/key", "/etc/key", "./key", "~/key", "file:alias/x"])
def test_a_path_names_a_file(named: str) -> None:
    assert isinstance(open_signer(named, lambda _: pytest.fail("no call")), FileSigner)


@pytest.mark.parametrize("named", ["", "file:", "key", "arn:aws:s3:::bucket/key", "0x0123456789abcdef"])
def test_any_other_text_is_refused_and_not_repeated_because_it_may_be_a_secret(named: str) -> None:
    with pytest.raises(SpecError) as refusal:
        open_signer(named, lambda _: pytest.fail("no call"))
    assert str(refusal.value) == (
        "--sign-key names no key: pass a KMS key (alias/NAME, a key id or an ARN), or file:PATH"
    )


def test_no_key_means_no_signer() -> None:
    assert open_signer(None, lambda _: pytest.fail("no call")) is None
