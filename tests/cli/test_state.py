"""`--state` and `awsroll state create`: the stores of records and locks."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from moto import mock_aws

from awsroll.cli.main import run
from awsroll.core.request.store_parts import OF_DRIVERS, OF_USERS
from awsroll.stores.opening import open_store
from awsroll.testing.clock import VirtualClock
from tests.stores.places import DynamoPlace, S3Place
from tests.stores.records import busy_record
from tests.stores.wire import Wire

ADDRESSES = {"s3": "s3://records/some/prefix", "dynamodb": "dynamodb://records"}


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("make", [S3Place, DynamoPlace], ids=["s3", "dynamodb"])
def test_list_and_status_read_the_store_that_state_names(make: type, capsys: pytest.CaptureFixture[str]) -> None:
    place = make()
    store = place.open()
    store.save(busy_record())

    with store.drive(busy_record().rollout):
        assert run(["list", "--json", "--state", place.address]) == 0
        (driven,) = lines(capsys)
    assert run(["status", "--json", "--state", place.address]) == 0
    (shown,) = lines(capsys)

    assert (driven["rollout_id"], driven["status"]) == ("web-1", "running")
    assert (shown["rollout_id"], shown["status"]) == ("web-1", "interrupted")


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
@pytest.mark.parametrize(
    "command", [["list"], ["status", "web-1"], ["resume", "web-1"]], ids=lambda command: command[0]
)
def test_a_missing_store_is_refused_by_name(
    address: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--json", "--state", address]) == 2

    out, err = capsys.readouterr()
    assert json.loads(out)["event"] == "refused"
    assert "does not exist" in err
    assert "records" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_a_store_in_aws_without_credentials_exits_5(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        code = run(["list", "--state", address])

    assert code == 5

    err = capsys.readouterr().err
    assert "credentials" in err
    assert len(err.splitlines()) == 1


def test_a_table_is_created_once_with_backups_and_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["state", "create", "--state", "dynamodb://records"]) == 0
    out, err = capsys.readouterr()
    assert "dynamodb://records is ready to store records" in out
    assert "created the table records" in err

    assert run(["state", "create", "--state", "dynamodb://records", "--json"]) == 0
    (created,) = lines(capsys)
    assert (created["event"], created["state"], created["notes"]) == ("state.created", "dynamodb://records", [])

    dynamodb = Wire().client("dynamodb")
    table = dynamodb.describe_table(TableName="records")["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    backups = dynamodb.describe_continuous_backups(TableName="records")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert dynamodb.scan(TableName="records")["Count"] == 0


def test_a_table_with_retention_deletes_what_is_no_lock_after_its_last_write(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for _ in range(2):  # the command can be repeated
        assert run(["state", "create", "--state", "dynamodb://records", "--retention"]) == 0
        assert "deletes records 400 days after their last write" in capsys.readouterr().err
    dynamodb = Wire().client("dynamodb")
    ttl = dynamodb.describe_time_to_live(TableName="records")["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires")

    backend = open_store("dynamodb://records", session=Wire, clock=VirtualClock()).backend
    for part in (*OF_DRIVERS, *OF_USERS):
        backend.write(f"{part}/web-1/item.json", b"{}", expected=None)
    items = dynamodb.scan(TableName="records")["Items"]
    due = {item["pk"]["S"]: int(item["expires"]["N"]) for item in items if "expires" in item}
    assert set(due) == {"rollouts", "requests", "notes", "timelines", "decisions"}
    assert set(due.values()) == {int((VirtualClock().now() + timedelta(days=400)).timestamp())}

    S3Place()
    for address in ("s3://records", str(tmp_path)):
        assert run(["state", "create", "--state", address, "--retention"]) == 2
        assert "nothing was changed" in capsys.readouterr().err


def test_a_table_of_another_application_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Wire().client("dynamodb").create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "order", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "order", "KeyType": "HASH"}],
    )

    assert run(["state", "create", "--state", "dynamodb://orders"]) == 2
    assert "has the wrong keys" in capsys.readouterr().err


def test_a_bucket_is_checked_and_left_empty(capsys: pytest.CaptureFixture[str]) -> None:
    S3Place()

    assert run(["state", "create", "--state", "s3://records"]) == 0
    assert "s3://records is ready to store records" in capsys.readouterr().out
    assert Wire().client("s3").list_objects_v2(Bucket="records")["KeyCount"] == 0


def test_a_missing_bucket_is_not_created(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["state", "create", "--state", "s3://missing-bucket"]) == 2
    assert "the bucket missing-bucket for records does not exist" in capsys.readouterr().err


def test_a_directory_is_created(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["state", "create", "--state", str(tmp_path / "a" / "b")]) == 0
    assert (tmp_path / "a" / "b").is_dir()
    assert "is ready to store records" in capsys.readouterr().out


def test_a_directory_that_cannot_be_created_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")

    assert run(["state", "create", "--state", str(tmp_path / "file")]) == 2
    assert "Choose another --state" in capsys.readouterr().err


def key_file(folder: Path) -> Path:
    path = folder / "key"
    path.write_bytes(b"k" * 32)
    path.chmod(0o600)
    return path


def test_a_signed_record_is_shown_with_its_key_and_refused_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, key = str(tmp_path / "state"), f"file:{key_file(tmp_path)}"
    assert run(["state", "create", "--state", state, "--sign-key", key]) == 0
    open_store(state, sign_key=key).save(busy_record())
    capsys.readouterr()

    assert run(["status", "web-1", "--json", "--state", state, "--sign-key", key]) == 0
    assert run(["pause", "web-1", "--state", state, "--sign-key", key]) == 0
    for command in (["status", "web-1"], ["pause", "web-1"], ["approve", "web-1"], ["resume", "web-1"]):
        capsys.readouterr()
        assert run([*command, "--state", state]) == 2
        assert "Pass the --sign-key of this store" in capsys.readouterr().err
    capsys.readouterr()
    assert run(["list", "--json", "--state", state]) == 0
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["rollout_id"], line["status"]) == ("web-1", "unreadable")
    assert "is signed" in line["reason"]


def test_a_signed_store_is_used_with_a_key_of_kms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Wire().client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    options = ["--state", str(tmp_path / "state"), "--sign-key", made["KeyMetadata"]["Arn"]]

    assert run(["state", "create", *options]) == 0
    assert run(["list", *options]) == 0
    assert "there are no rollouts" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["list"], ["status"], ["state", "create"]], ids=" ".join)
def test_a_wrong_sign_key_is_refused_and_not_shown(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--state", str(tmp_path), "--sign-key", "correct-horse"]) == 2
    out, err = capsys.readouterr()
    assert "--sign-key names no key" in err
    assert "correct-horse" not in out + err
