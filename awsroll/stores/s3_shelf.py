"""An S3 bucket as a shelf: one object a key, under the prefix that was given.

    s3://BUCKET/PREFIX/rollouts/<rollout id>/record.json    the key; the body is the very bytes
    x-amz-meta-awsroll-write                                the token of the write

Needs s3:GetObject, s3:PutObject, s3:DeleteObject on the prefix, and s3:ListBucket (without it S3 calls a missing object
forbidden). The version is the ETag.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from awsroll.aws.connection import Connection
from awsroll.errors import AwsRefusedError, StateError
from awsroll.stores.remote_shelf import ConditionFailedError, Stored

_WRITER = "awsroll-write"
_NO = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "404"})


class S3Objects:
    """The conditional calls on one bucket.

    Args:
        bucket: its name.
        prefix: without slashes at its ends; may be empty.
        aws: a connection in the bucket's account.
    """

    def __init__(self, bucket: str, prefix: str, aws: Connection) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._s3 = aws.s3

    @property
    def place(self) -> str:
        """The place as `--state` names it."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def get(self, key: str) -> Stored | None:
        """Read an object."""
        with self._in_words():
            found = self._s3.get(self._bucket, self._prefix + key)
        if found is None:
            return None
        return Stored(data=found.body, version=found.etag, writer=found.metadata.get(_WRITER, ""))

    def put(self, key: str, stored: Stored, expected: str | None) -> str:
        """Write an object under a condition."""
        metadata = {_WRITER: stored.writer}
        with self._in_words():
            return self._s3.put(self._bucket, self._prefix + key, stored.data, metadata=metadata, etag=expected)

    def remove(self, key: str, expected: str) -> None:
        """Delete an object under a condition."""
        with self._in_words():
            self._s3.delete(self._bucket, self._prefix + key, etag=expected)

    def keys(self, prefix: str) -> tuple[str, ...]:
        """List the objects under a folder."""
        with self._in_words():
            found = self._s3.keys(self._bucket, self._prefix + prefix)
        return tuple(sorted(one.removeprefix(self._prefix) for one in found))

    def create(self) -> tuple[str, ...]:
        """Do nothing: buckets have owners and rules of their own."""
        return ()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except AwsRefusedError as error:
            if error.code in _NO:
                raise ConditionFailedError from error
            if error.code == "NoSuchBucket":
                problem = (
                    f"there is no bucket {self._bucket} to keep records in: create it, or name another --state; "
                    "nothing was changed"
                )
                raise StateError(problem) from error
            raise
