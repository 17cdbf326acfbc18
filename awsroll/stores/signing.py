"""Signs what a driver believes, and verifies it: by an HMAC key in KMS, or by a key file on this machine.

`--sign-key` names the key:

    alias/NAME, a key id, an ARN    a KMS key with the key spec HMAC_256; it never leaves KMS
    file:PATH, or a path            a file of at least 32 bytes that only its owner may read

No key, and nothing that is derived from a key, is stored or logged; only the codes are.
"""

import hmac
import os
import stat
from collections.abc import Callable
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from awsroll.core.request.sign_key import SignKey
from awsroll.errors import AccessRefusedError, AwsBusyError, AwsRefusedError, StateError

if TYPE_CHECKING:
    from awsroll.aws.kms import Kms

_SHORTEST, _LONGEST = 32, 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Signer(Protocol):
    """A key that makes and checks the code of a message."""

    def sign(self, message: bytes) -> bytes:
        """Return the code of a message.

        Raises:
            StateError, AwsError: if the key cannot be used.
        """

    def verify(self, message: bytes, mac: bytes) -> bool:
        """Return whether this key made the code of this message.

        Raises:
            StateError, AwsError: if the key cannot be used.
        """


class FileSigner:
    """A key file. It is read once, at the first use.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def sign(self, message: bytes) -> bytes:
        """Return the code of a message."""
        return hmac.digest(self._key, message, sha256)

    def verify(self, message: bytes, mac: bytes) -> bool:
        """Return whether this key made the code of this message."""
        return hmac.compare_digest(self.sign(message), mac)

    @cached_property
    def _key(self) -> bytes:
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                state = os.fstat(handle)
                key = file.read(_LONGEST + 1)
        except OSError as error:
            problem = f"cannot read the key file {self._path}: {error.strerror}; nothing was changed. Check --sign-key"
            raise StateError(problem) from error
        if not stat.S_ISREG(state.st_mode) or state.st_mode & _OTHERS or state.st_uid not in (os.geteuid(), 0):
            problem = (
                f"the key file {self._path} belongs to another user, or others may use it; nothing was changed. Make a "
                "new key that only you may read (chmod 600)"
            )
            raise StateError(problem)
        if not _SHORTEST <= len(key) <= _LONGEST:
            problem = (
                f"the key file {self._path} does not hold {_SHORTEST} to {_LONGEST} bytes; nothing was changed. Make a "
                "key with `head -c 32 /dev/urandom`"
            )
            raise StateError(problem)
        return key


class KmsSigner:
    """An HMAC key in KMS.

    Args:
        key: its id, alias or ARN.
        connect: returns KMS in the region of the key; called at the first use.
    """

    def __init__(self, key: str, connect: "Callable[[], Kms]") -> None:
        self._key = key
        self._connect = connect

    def sign(self, message: bytes) -> bytes:
        """Return the code of a message."""
        try:
            return self._kms.generate_mac(self._key, message)
        except AwsRefusedError as error:
            raise self._unusable(error) from error

    def verify(self, message: bytes, mac: bytes) -> bool:
        """Return whether this key made the code of this message."""
        try:
            return self._kms.verify_mac(self._key, message, mac)
        except AwsRefusedError as error:
            raise self._unusable(error) from error

    @cached_property
    def _kms(self) -> "Kms":
        return self._connect()

    def _unusable(self, error: AwsRefusedError) -> Exception:
        if isinstance(error, AccessRefusedError | AwsBusyError):
            return error
        problem = (
            f"the key of --sign-key cannot be used: {error}; nothing was changed. It must be an enabled KMS key with "
            "the key spec HMAC_256 and the key usage GENERATE_VERIFY_MAC"
        )
        return StateError(problem)


def open_signer(key: str | None, connect: "Callable[[str | None], Kms]") -> Signer | None:
    """Return the signer that `--sign-key` names; None if it names none. Nothing is read yet.

    Args:
        key: as for `--sign-key`.
        connect: returns KMS in a region; None: the region of the session.

    Raises:
        SpecError: if it names neither a KMS key nor a file.
    """
    if key is None:
        return None
    parsed = SignKey.parse(key)
    if parsed.kms:
        return KmsSigner(parsed.kms, lambda: connect(parsed.region or None))
    return FileSigner(Path(parsed.path).expanduser())
