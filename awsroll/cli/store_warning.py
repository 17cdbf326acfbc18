"""The warning that the default store may be lost with the job or container that awsroll runs in."""

import os
from urllib.parse import urlsplit

from awsroll.cli.common_options import CommonOptions
from awsroll.cli.output import write_messages

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def warn_of_lost_store(common: CommonOptions) -> None:
    """Write a warning if no store is named, and the default directory does not outlive this job or container."""
    if common.state is not None:
        return
    from awsroll.stores.local_store import default_directory  # noqa: PLC0415 - keeps `--help` fast
    from awsroll.stores.lost_disks import job_of, lost_with  # noqa: PLC0415 - see above

    directory = default_directory()
    cause = job_of(os.environ) or ("" if _is_emulated(common) else lost_with(directory))
    if cause:
        write_messages(
            f"warning: the records of rollouts are in {directory}, which does not outlive {cause}. A rollout that "
            "breaks off cannot be resumed without its record. Pass --state s3://BUCKET/PREFIX or --state dynamodb://TABLE"
        )


def _is_emulated(common: CommonOptions) -> bool:
    """Return whether the calls go to this machine: a rollout of a sandbox needs no lasting record."""
    endpoint = common.endpoint_url or os.environ.get("AWS_ENDPOINT_URL", "")
    try:
        return urlsplit(endpoint).hostname in _LOOPBACK
    except ValueError:
        return False
