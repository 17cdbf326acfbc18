"""A wrong AWS configuration ends in exit 2 or 5 and one line: profiles, credentials, regions, endpoints, settings."""

from pathlib import Path

import pytest

from awsroll.aws.sdk_errors import while_calling
from awsroll.cli.main import run

REGION = "[default]\nregion=us-east-1\n"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAFAKE", "AWS_SECRET_ACCESS_KEY": "fake", "AWS_REGION": "us-east-1"}
CREDENTIALS = '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c", "Expiration": "%s"}'
NO_CREDENTIALS = "no usable AWS credentials"
UNUSABLE = "the AWS credentials or configuration cannot be used"

VARIABLES: dict[str, tuple[dict[str, str], int, str]] = {
    "profile": ({"AWS_PROFILE": "nope"}, 2, "no AWS profile 'nope' (known: none): AWS_PROFILE names it"),
    "profile-beside-keys": ({**KEYS, "AWS_PROFILE": "nope"}, 2, "unset AWS_PROFILE"),
    "default-profile": ({"AWS_DEFAULT_PROFILE": "nope"}, 2, "AWS_DEFAULT_PROFILE names it"),
    "empty-profile": ({**KEYS, "AWS_PROFILE": ""}, 2, "no AWS profile ''"),
    "no-credentials": ({"AWS_REGION": "us-east-1"}, 5, NO_CREDENTIALS),
    "half-of-the-credentials": ({"AWS_ACCESS_KEY_ID": "a", "AWS_REGION": "us-east-1"}, 5, "missing: AWS_SECRET_ACCESS"),
    "no-region": ({**KEYS, "AWS_REGION": ""}, 5, "no AWS region is set"),
    "region-that-is-no-region": ({**KEYS, "AWS_REGION": "\x1b[2J"}, 5, "'\\x1b[2J'"),
    "endpoint-that-is-no-url": ({**KEYS, "AWS_ENDPOINT_URL": "web"}, 5, "Invalid endpoint: web"),
    "endpoint-of-a-service": ({**KEYS, "AWS_ENDPOINT_URL_AUTO_SCALING": "web"}, 5, "Invalid endpoint: web"),
    "endpoint-with-a-wrong-port": ({**KEYS, "AWS_ENDPOINT_URL": "http://a:99999"}, 5, "an endpoint like http://HOST:PORT"),
    "endpoint-with-a-word-as-port": ({**KEYS, "AWS_ENDPOINT_URL": "http://a:x"}, 5, "an endpoint like http://HOST:PORT"),
    "endpoint-of-half-an-address": ({**KEYS, "AWS_ENDPOINT_URL": "http://[::1"}, 5, "Invalid IPv6 URL"),
    "endpoint-of-another-scheme": ({**KEYS, "AWS_ENDPOINT_URL": "ftp://a"}, 5, "Not supported URL scheme"),
    "proxy": ({**KEYS, "AWS_ENDPOINT_URL": "http://a", "http_proxy": "http://x:y"}, 5, "'x:y' is not a valid host"),
    "token-with-a-line-end": ({**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_SESSION_TOKEN": "hush\r\n1"}, 5,
        "the credentials hold a character that"),
    "web-identity-without-a-file": ({**KEYS, "AWS_ACCESS_KEY_ID": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "/missing/token",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x"}, 5, "/missing/token"),
    "container-of-another-host": ({"AWS_REGION": "us-east-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://a.b/"}, 5,
        "Unsupported host 'a.b'"),
    "defaults-mode": ({**KEYS, "AWS_DEFAULTS_MODE": "x"}, 5, "invalid defaults mode"),
    "metadata-timeout": ({"AWS_REGION": "us-east-1", "AWS_METADATA_SERVICE_TIMEOUT": "x"}, 5, UNUSABLE),
}  # fmt: skip
FILES: dict[str, tuple[str | bytes, int, str]] = {
    "binary": (b"\xff\xfe\x00[", 2, "cannot be used: Unable to parse config file"),
    "not-ini": ("web\n[default\n", 2, "cannot be used: Unable to parse config file"),
    "a-section-twice": ("[default]\n[default]\n", 2, "cannot be used: Unable to parse config file"),
    "process-fails": (f"{REGION}credential_process=false\n", 5, NO_CREDENTIALS),
    "process-missing": (f"{REGION}credential_process=/missing/program\n", 5, "/missing/program"),
    "process-prints-no-json": (f"{REGION}credential_process=echo x\n", 5, UNUSABLE),
    "process-prints-a-list": (f"{REGION}credential_process=echo []\n", 5, UNUSABLE),
    "process-without-a-closing-quote": (f"{REGION}credential_process=echo 'x\n", 5, "No closing quotation"),
    "process-is-empty": (f"{REGION}credential_process=\n", 5, UNUSABLE),
    "process-prints-expired-keys": (
        f"{REGION}credential_process=echo '{CREDENTIALS % '2001-01-01T00:00:00Z'}'\n", 5, "still expired"),
    "process-prints-no-time": (f"{REGION}credential_process=echo '{CREDENTIALS % 'never'}'\n", 5, UNUSABLE),
    "process-prints-numbers-as-keys": (
        REGION + 'credential_process=echo \'{"Version": 1, "AccessKeyId": 1, "SecretAccessKey": 2}\'\n', 5, UNUSABLE),
    "half-of-the-credentials": (f"{REGION}aws_access_key_id=x\n", 5, NO_CREDENTIALS),
    "role-without-a-source": (f"{REGION}role_arn=arn:aws:iam::1:role/x\n", 5, NO_CREDENTIALS),
    "role-of-an-unknown-profile": (f"{REGION}role_arn=arn:aws:iam::1:role/x\nsource_profile=y\n", 5, NO_CREDENTIALS),
    "role-of-itself": (f"{REGION}role_arn=x\nsource_profile=a\n[profile a]\nrole_arn=x\nsource_profile=a\n", 5,
        "Infinite loop"),
    "sso-not-logged-in": (
        f"{REGION}sso_start_url=https://x\nsso_region=a\nsso_account_id=1\nsso_role_name=x\n", 5, NO_CREDENTIALS),
    "sso-session-missing": (f"{REGION}sso_session=x\nsso_account_id=1\nsso_role_name=x\n", 5, NO_CREDENTIALS),
    "number-as-a-word": (f"{REGION}metadata_service_num_attempts=x\n", 5, UNUSABLE),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in os.environ:
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))


def check(capsys: pytest.CaptureFixture[str], code: int, message: str) -> None:
    assert run(["plan", "--asg", "web"]) == code

    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert "hush" not in line


@pytest.mark.parametrize(("variables", "code", "message"), VARIABLES.values(), ids=VARIABLES)
def test_a_wrong_variable_is_refused(
    variables: dict[str, str],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    check(capsys, code, message)


@pytest.mark.parametrize(("content", "code", "message"), FILES.values(), ids=FILES)
def test_a_wrong_file_is_refused(
    content: str | bytes,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "config"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))

    check(capsys, code, message)


def test_a_known_profile_is_named_beside_an_unknown_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").write_text("[profile prod]\nregion=us-east-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "staging")

    assert run(["plan", "--asg", "web", "--profile", "dev"]) == 2
    assert "no AWS profile 'dev' (known: prod): name one of these with --profile" in capsys.readouterr().err


def test_an_argument_that_is_not_text_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--asg", "web\udcff"]) == 2
    assert capsys.readouterr().err == "awsroll: the argument 'web\\udcff' is not valid UTF-8\n"


def test_a_defect_of_another_module_is_no_error_of_the_sdk() -> None:
    with pytest.raises(ValueError) as caught:
        int("x")

    assert while_calling(caught.value, "ec2:X") is None
