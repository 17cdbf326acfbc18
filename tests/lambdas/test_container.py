import json
from pathlib import Path

import pytest

import container
from awsroll.errors import SpecError, UntrustedItemError
from tests.lambdas.bundles import run_alone
from tests.stores.records import record


def test_session_is_in_the_region_asked_for_or_in_the_functions_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    regions = [container.CoreSession(asked).client("ec2").meta.region_name for asked in ("", "eu-west-1")]
    assert regions == ["eu-north-1", "eu-west-1"]


def test_session_has_the_credentials_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", "own"), ("SECRET_ACCESS_KEY", "secret"), ("SESSION_TOKEN", "token")):
        monkeypatch.setenv(f"AWS_{name}", value)
    assert container.CoreSession("eu-west-1").get_credentials().access_key == "own"


def test_clients_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = container.KeptClients(container.CoreSession("eu-west-1"))
    assert kept.client("ec2") is kept.client("ec2")
    assert kept.client("ec2") is not kept.client("ec2", region_name="us-east-1")


def test_a_cold_start_imports_botocore_without_boto3(bundle: Path) -> None:
    program = """
import json, reconcile, container
container.session().client("ec2")
print(json.dumps(sorted({"boto3", "s3transfer", "botocore"} & set(sys.modules))))
"""
    assert json.loads(run_alone(bundle, program)) == ["botocore"]


def test_the_store_signs_with_the_key_of_the_environment(tmp_path: Path) -> None:
    environment = {"AWSROLL_STATE": str(tmp_path / "state"), "AWSROLL_SIGN_KEY": f"file:{tmp_path / 'key'}"}
    (tmp_path / "key").write_bytes(b"k" * 32)
    (tmp_path / "key").chmod(0o600)
    container.store(environment).save(record())

    with pytest.raises(UntrustedItemError, match="is signed"):
        container.store({"AWSROLL_STATE": environment["AWSROLL_STATE"]}).load("web-1")
    assert container.store(environment).load("web-1").revision == 1


def test_an_empty_name_of_the_key_is_a_mistake_and_not_no_key(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--sign-key names no key"):
        container.store({"AWSROLL_STATE": str(tmp_path), "AWSROLL_SIGN_KEY": ""})
