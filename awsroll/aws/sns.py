"""SNS: publishing a message. Calls only; no decisions."""

from awsroll.aws.caller import Caller, Reply

_SERVICE = "sns"


class Sns:
    """The SNS calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def make_client(self) -> None:
        """Make the client now, because threads must not share a session while clients are made."""
        self._caller.clients.client(_SERVICE)

    def publish(self, topic: str, *, subject: str, message: str, key: str, kind: str) -> None:
        """Publish a message to a topic. A FIFO topic drops a message that it has by its key."""
        attributes = {
            name: {"DataType": "String", "StringValue": value} for name, value in (("id", key), ("kind", kind))
        }
        request: Reply = {
            "TopicArn": topic,
            "Subject": subject,
            "Message": message,
            "MessageAttributes": attributes,
        }
        if topic.endswith(".fifo"):
            request |= {"MessageGroupId": key.split("/", 1)[0][:128], "MessageDeduplicationId": key[-128:]}
        self._caller.call(_SERVICE, "Publish", request)
