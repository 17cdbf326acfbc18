"""An S3 bucket as a backend: one object for each key, under a prefix.

    s3://BUCKET/PREFIX/rollouts/<rollout id>/record.json    the key; the body holds the bytes, large ones as gzip
    x-amz-meta-awsroll-write                                the token of the write

Needs s3:GetObject, s3:PutObject, s3:DeleteObject on the prefix, and s3:ListBucket (without it S3 answers 403 for a
missing object). The version is the ETag.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from awsroll.aws.connection import Connection
from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.errors import AwsRefusedError, SpecError, StateError
from awsroll.stores.backend import StoreTime
from awsroll.stores.compression import compressed, decompressed
from awsroll.stores.remote_backend import ConditionFailedError, Stored, time_of

_WRITER = "awsroll-write"
_CONDITION_FAILED = frozenset({
    "PreconditionFailed",
    "ConditionalRequestConflict",
    "OperationAborted",
    "NoSuchKey",
    "412",
    "404",
})  # fmt: skip


class S3Objects:
    """The conditional calls on one bucket.

    Args:
        bucket: its name.
        prefix: without slashes at its ends; may be empty.
        aws: a connection to the account of the bucket.
    """

    def __init__(self, bucket: str, prefix: str, aws: Connection) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._s3 = aws.s3
        self._aws = aws

    @property
    def address(self) -> StoreAddress:
        """The bucket and the prefix."""
        return StoreAddress(kind=StoreKind.S3, name=f"{self._bucket}/{self._prefix}".rstrip("/"))

    def get(self, key: str) -> Stored | None:
        """Read an object."""
        with self._translated_errors():
            found = self._s3.get(self._bucket, self._prefix + key)
        if found is None:
            return None
        return Stored(data=decompressed(found.body), version=found.etag, writer=found.metadata.get(_WRITER, ""))

    def put(self, key: str, data: bytes, *, writer: str, expected: str | None) -> str:
        """Write an object under a condition."""
        metadata = {_WRITER: writer}
        with self._translated_errors():
            return self._s3.put(self._bucket, self._prefix + key, compressed(data), metadata=metadata, etag=expected)

    def remove(self, key: str, expected: str) -> None:
        """Delete an object under a condition."""
        with self._translated_errors():
            self._s3.delete(self._bucket, self._prefix + key, etag=expected)

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the keys of the objects under a folder."""
        with self._translated_errors():
            keys = self._s3.keys(self._bucket, self._prefix + prefix)
        return tuple(sorted(key.removeprefix(self._prefix) for key in keys))

    def time(self) -> StoreTime | None:
        """Return the time by the clock of the service, from its last answer; None without an answer."""
        return time_of(self._aws, "s3")

    def create(self) -> tuple[str, ...]:
        """Do nothing: the owner of the account creates buckets."""
        return ()

    def retain(self) -> tuple[str, ...]:
        """Refuse: only the owner of a bucket knows its other lifecycle rules.

        Raises:
            SpecError: always; nothing was changed.
        """
        problem = (
            f"{self.address}: awsroll sets no lifecycle rule of a bucket; nothing was changed. Add a rule that expires "
            "objects under rollouts/, requests/, notes/, timelines/ and decisions/ (docs/records.md), or use a "
            "DynamoDB table"
        )
        raise SpecError(problem)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except AwsRefusedError as error:
            if error.code in _CONDITION_FAILED:
                raise ConditionFailedError from error
            if error.code == "NoSuchBucket":
                problem = (
                    f"the bucket {self._bucket} for records does not exist; nothing was changed. Create the bucket, or "
                    "choose another --state"
                )
                raise StateError(problem) from error
            raise
