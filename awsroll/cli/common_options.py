"""The options that every command takes: where the record lies, which account and region, how to speak."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awsroll.cli.flags import COMMON, Flag, FlagGroup

if TYPE_CHECKING:
    from awsroll.stores import RecordStore


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """What was said with the options that every command takes."""

    state: str | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    json: bool = False
    quiet: bool = False
    yes: bool = False

    def store(self) -> "RecordStore":
        """Return the store that `--state` names.

        Raises:
            SpecError: if it names none.
        """
        from awsroll.stores.opening import open_store  # noqa: PLC0415 - keeps `--help` fast

        return open_store(self.state, session=self.session, endpoint_url=self.endpoint_url)

    def session(self) -> Any:
        """Return a boto3 session of the profile and region.

        Raises:
            SpecError: if there is no such profile or region.
        """
        from awsroll.aws.sessions import open_session  # noqa: PLC0415 - boto3 takes longer than all the rest

        return open_session(profile=self.profile, region=self.region)


COMMON_FLAGS = (
    Flag(
        field="state",
        type=str,
        metavar="DIR|s3://BUCKET/PREFIX|dynamodb://TABLE",
        section=COMMON,
        help="Where the records and locks of rollouts are kept (default: the directory awsroll under the user's state "
        "home).",
    ),
    Flag(
        field="region",
        type=str,
        metavar="NAME",
        section=COMMON,
        help="AWS region (default: as boto3 finds it: AWS_REGION, AWS_DEFAULT_REGION, the profile).",
    ),
    Flag(
        field="profile",
        type=str,
        metavar="NAME",
        section=COMMON,
        help="Profile of the shared AWS configuration (default: AWS_PROFILE, else the default one).",
    ),
    Flag(
        field="endpoint_url",
        type=str,
        metavar="URL",
        section=COMMON,
        help="Send every call there instead of to AWS (default: AWS_ENDPOINT_URL, if set).",
    ),
    Flag(
        field="json",
        type=bool,
        section=COMMON,
        help="Standard output is one JSON object a line, each with `event` and `at`; the result is the last.",
    ),
    Flag(field="quiet", type=bool, section=COMMON, help="No progress, only the result."),
    Flag(field="yes", type=bool, section=COMMON, help="Ask nothing: go on although the checks have warnings."),
)
COMMON_GROUP = FlagGroup("common", COMMON_FLAGS, CommonOptions)
