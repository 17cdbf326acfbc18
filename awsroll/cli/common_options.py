"""The options that every command takes: the record store, the AWS account and region, and the form of the output."""

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from awsroll.cli.flags import CONNECTION, OUTPUT, Flag, FlagGroup
from awsroll.cli.process_state import note_connection

if TYPE_CHECKING:
    from awsroll.stores import RecordStore


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """The values of the options that every command has."""

    state: str | None = None
    sign_key: str | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    json: bool = False
    quiet: bool = False
    yes: bool = False

    def store(self) -> "RecordStore":
        """Return the store that `--state` names, with the key that `--sign-key` names.

        Raises:
            SpecError: if `--state` names no kind of store, or `--sign-key` no key.
        """
        from awsroll.stores.opening import open_store  # noqa: PLC0415 - keeps `--help` fast

        note_connection(self._connection())
        return open_store(self.state, session=self.session, endpoint_url=self.endpoint_url, sign_key=self.sign_key)

    def _connection(self) -> str:
        """Return the options that lead to the same store, as one types them."""
        given = {
            "--state": self.state,
            "--sign-key": self.sign_key,
            "--region": self.region,
            "--profile": self.profile,
            "--endpoint-url": self.endpoint_url,
        }
        return shlex.join(word for option, value in given.items() if value for word in (option, value))

    def session(self) -> Any:
        """Return a boto3 session for the profile and region.

        Raises:
            SpecError: if the profile or the region does not exist.
        """
        from awsroll.aws.sessions import open_session  # noqa: PLC0415 - boto3 is slow to import

        return open_session(profile=self.profile, region=self.region)


COMMON_FLAGS = (
    Flag(
        field="state",
        type=str,
        metavar="DIR|s3://BUCKET/PREFIX|dynamodb://TABLE",
        section=CONNECTION,
        from_environment=True,
        help="Where records and locks of rollouts are stored (default: $XDG_STATE_HOME/awsroll, else "
        "~/.local/state/awsroll).",
    ),
    Flag(
        field="sign_key",
        type=str,
        metavar="KMS-KEY|file:PATH",
        section=CONNECTION,
        from_environment=True,
        help="Key that signs records, user requests and notes, and verifies them before use: an HMAC key in KMS "
        "(alias/NAME, id or ARN; HMAC_256), or a file that only you may read. Unsigned or wrongly signed records are "
        "refused; so are signed records without it (default: nothing is signed).",
    ),
    Flag(
        field="region",
        type=str,
        metavar="NAME",
        section=CONNECTION,
        from_environment=True,
        help="AWS region (default: AWS_REGION, else AWS_DEFAULT_REGION, else the region of the profile).",
    ),
    Flag(
        field="profile",
        type=str,
        metavar="NAME",
        section=CONNECTION,
        from_environment=True,
        help="Profile in the shared AWS configuration files (default: AWS_PROFILE, else the profile `default`).",
    ),
    Flag(
        field="endpoint_url",
        type=str,
        metavar="URL",
        section=CONNECTION,
        from_environment=True,
        help="Send all AWS calls to this URL (default: AWS_ENDPOINT_URL, else the endpoints of AWS).",
    ),
    Flag(
        field="json",
        type=bool,
        section=OUTPUT,
        default=False,
        from_environment=True,
        help="Print one JSON object per line on standard output, each with `event` and `at`; the last is the result. "
        "Progress for people stays on standard error.",
    ),
    Flag(
        field="quiet",
        type=bool,
        section=OUTPUT,
        default=False,
        from_environment=True,
        help="Print only the result, no progress, also with --json.",
    ),
    Flag(
        field="yes",
        type=bool,
        section=OUTPUT,
        default=False,
        from_environment=True,
        help="Skip confirmation prompts: continue even if the checks have warnings.",
    ),
)


def _acting(*fields: str) -> FlagGroup:
    """Return the common options. Scripts may pass all of them to every command; `--help` shows those that act."""
    flags = [replace(flag, hidden=flag.field not in fields) for flag in COMMON_FLAGS]
    return FlagGroup("common", flags, CommonOptions)


_STORE, _AWS, _FORM = ("state", "sign_key"), ("region", "profile", "endpoint_url"), ("json", "quiet")
COMMON_GROUP = _acting(*_STORE, *_AWS, *_FORM, "yes")
READING_GROUP = _acting(*_STORE, *_AWS, *_FORM)
"""For commands that never ask."""
POLICY_GROUP = _acting(*_STORE, *_AWS, "json")
STORELESS_GROUP = _acting(*_AWS, *_FORM)
"""For commands that ask AWS, and use no records."""
LOCAL_GROUP = _acting(*_FORM)
"""For commands of the sandbox."""
DOCUMENT_GROUP = _acting("json")
"""For commands that print a document."""
