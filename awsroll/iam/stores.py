"""What keeping records and locks takes while rollouts run; making the place (`awsroll state create`) takes more."""

from awsroll.iam.asked import Asked
from awsroll.iam.statement import Statement, allow


def store(asked: Asked) -> list[Statement]:
    """Return what the store takes; one that is a directory takes nothing."""
    scheme, _, rest = asked.rollouts.store.partition("://")
    if scheme == "dynamodb":
        items = [f"dynamodb:{one}" for one in ("DeleteItem", "GetItem", "PutItem", "Query")]
        return [allow("KeepRecords", items, [asked.place.arn("dynamodb", f"table/{rest}")])]
    if scheme != "s3":
        return []
    bucket, _, prefix = rest.partition("/")
    arn = asked.place.of_everywhere("s3", "", bucket)
    folder = "/".join(part for part in (arn, prefix.strip("/"), "*") if part)
    objects = [f"s3:{one}" for one in ("DeleteObject", "GetObject", "PutObject")]
    # With a condition on the prefix S3 would call a missing object forbidden: reading it carries none.
    return [allow("KeepRecords", objects, [folder]), allow("ListRecords", ["s3:ListBucket"], [arn])]
