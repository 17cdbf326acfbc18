"""S3: small objects, written and deleted under conditions (compare and swap). Calls only; no decisions."""

from collections.abc import Mapping
from dataclasses import dataclass

from awsroll.aws.caller import Caller
from awsroll.aws.translate_errors import read_fault
from awsroll.errors import AwsRefusedError

_SERVICE = "s3"
_LONGEST = 64 * 1024 * 1024  # of an object, far above any true one
_MISSING = frozenset({"NoSuchKey", "404"})
_RACING = frozenset({"ConditionalRequestConflict", "OperationAborted"})  # HTTP 409: another write was under way


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Object:
    """An object and the ETag that it had when it was read."""

    body: bytes
    etag: str
    metadata: Mapping[str, str]


class S3:
    """The S3 calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def get(self, bucket: str, key: str) -> S3Object | None:
        """Read an object; None if it does not exist. Without s3:ListBucket, S3 answers `AccessDenied` instead."""
        try:
            answer = self._caller.call(_SERVICE, "GetObject", {"Bucket": bucket, "Key": key})
        except AwsRefusedError as error:
            if error.code in _MISSING:
                return None
            raise
        if answer.get("ContentLength", 0) > _LONGEST:
            problem = f"s3:GetObject: s3://{bucket}/{key} has more than {_LONGEST} bytes; it was not read"
            raise AwsRefusedError(problem, code="TooLong", operation="s3:GetObject")
        try:
            body: bytes = answer["Body"].read()
        except Exception as failure:
            raise read_fault(failure, _SERVICE, "GetObject").error from failure
        return S3Object(body=body, etag=answer["ETag"], metadata=answer.get("Metadata", {}))

    def put(self, bucket: str, key: str, body: bytes, *, metadata: Mapping[str, str], etag: str | None) -> str:
        """Write an object if it still has this ETag (None: if it does not exist); return the new ETag.

        Raises:
            AwsRefusedError: `PreconditionFailed` (412) if the ETag differs. An earlier attempt may have succeeded and
                lost its answer. `NoSuchKey` if the object does not exist any longer.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        request = {"Bucket": bucket, "Key": key, "Body": body, "Metadata": dict(metadata), **condition}
        return str(self._caller.call(_SERVICE, "PutObject", request, also_retry=_RACING)["ETag"])

    def delete(self, bucket: str, key: str, *, etag: str) -> None:
        """Delete an object if it still has this ETag. S3 refuses the call as it refuses `put`."""
        request = {"Bucket": bucket, "Key": key, "IfMatch": etag}
        self._caller.call(_SERVICE, "DeleteObject", request, also_retry=_RACING)

    def encryption_key(self, bucket: str) -> str:
        """Return the key that encrypts new objects of a bucket by default; empty if S3 manages the key."""
        answer = self._caller.call(_SERVICE, "GetBucketEncryption", {"Bucket": bucket})
        rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
        return next((str(default["KMSMasterKeyID"]) for default in defaults if default.get("KMSMasterKeyID")), "")

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Return the keys that begin with a prefix, in order."""
        pages = self._caller.pages(_SERVICE, "ListObjectsV2", {"Bucket": bucket, "Prefix": prefix})
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
