"""KMS: message authentication codes by an HMAC key that never leaves KMS. Calls only; no decisions."""

from awsroll.aws.caller import Caller
from awsroll.errors import AwsRefusedError

_SERVICE = "kms"
_ALGORITHM = "HMAC_SHA_256"


class Kms:
    """The KMS calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def generate_mac(self, key: str, message: bytes) -> bytes:
        """Return the code of a message of at most 4096 bytes."""
        request = {"KeyId": key, "Message": message, "MacAlgorithm": _ALGORITHM}
        mac: bytes = self._caller.call(_SERVICE, "GenerateMac", request)["Mac"]
        return mac

    def verify_mac(self, key: str, message: bytes, mac: bytes) -> bool:
        """Return whether this key made the code of this message."""
        request = {"KeyId": key, "Message": message, "MacAlgorithm": _ALGORITHM, "Mac": mac}
        try:
            return bool(self._caller.call(_SERVICE, "VerifyMac", request)["MacValid"])
        except AwsRefusedError as error:
            if error.code == "KMSInvalidMacException":
                return False
            raise
