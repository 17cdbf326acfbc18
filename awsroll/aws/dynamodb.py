"""DynamoDB: items with conditions, and the table that holds them. Calls only; no decisions.

Every read is strongly consistent. Attributes have DynamoDB's form: `{"S": "text"}`.
"""

from awsroll.aws.caller import Caller, Reply
from awsroll.errors import AwsRefusedError

_SERVICE = "dynamodb"
PARTITION_KEY, SORT_KEY = "pk", "sk"


class DynamoDb:
    """The DynamoDB calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def get_item(self, table: str, key: Reply) -> Reply | None:
        """Read an item; None if there is none."""
        answer = self._caller.call(_SERVICE, "GetItem", {"TableName": table, "Key": key, "ConsistentRead": True})
        item: Reply | None = answer.get("Item")
        return item

    def put_item(self, table: str, item: Reply, condition: Reply) -> None:
        """Write an item under a condition.

        Raises:
            AwsRefusedError: `ConditionalCheckFailedException` if the condition does not hold. An earlier attempt may
                have succeeded and lost its answer, so that the condition no longer holds.
        """
        self._caller.call(_SERVICE, "PutItem", {"TableName": table, "Item": item, **condition})

    def delete_item(self, table: str, key: Reply, condition: Reply) -> None:
        """Delete an item under a condition. AWS refuses the call as it refuses `put_item`."""
        self._caller.call(_SERVICE, "DeleteItem", {"TableName": table, "Key": key, **condition})

    def sort_keys(self, table: str, partition: str) -> list[str]:
        """List the sort keys of a partition, in order."""
        request = {
            "TableName": table,
            "ConsistentRead": True,
            "KeyConditionExpression": "#pk = :partition",
            "ProjectionExpression": "#sk",
            "ExpressionAttributeNames": {"#pk": PARTITION_KEY, "#sk": SORT_KEY},
            "ExpressionAttributeValues": {":partition": {"S": partition}},
        }
        pages = self._caller.pages(_SERVICE, "Query", request)
        return [item[SORT_KEY]["S"] for page in pages for item in page.get("Items", [])]

    def table(self, name: str) -> Reply | None:
        """Describe a table; None if there is none."""
        try:
            answer = self._caller.call(_SERVICE, "DescribeTable", {"TableName": name})
        except AwsRefusedError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        table: Reply = answer["Table"]
        return table

    def create_table(self, name: str) -> None:
        """Create a table with a partition and a sort key, billed per request. It becomes usable after seconds."""
        keys = ((PARTITION_KEY, "HASH"), (SORT_KEY, "RANGE"))
        request = {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
            "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in keys],
        }
        self._caller.call(_SERVICE, "CreateTable", request)

    def expire_items(self, name: str, attribute: str) -> None:
        """Have a table delete each item at the time in its attribute.

        Raises:
            AwsRefusedError: `ValidationException` if the table does so already.
        """
        wanted = {"Enabled": True, "AttributeName": attribute}
        self._caller.call(_SERVICE, "UpdateTimeToLive", {"TableName": name, "TimeToLiveSpecification": wanted})

    def keep_backups(self, name: str) -> None:
        """Turn on point-in-time recovery."""
        wanted = {"PointInTimeRecoveryEnabled": True}
        request = {"TableName": name, "PointInTimeRecoverySpecification": wanted}
        self._caller.call(_SERVICE, "UpdateContinuousBackups", request)
