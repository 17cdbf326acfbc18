"""The items that a driver believes: records, user requests and notes. Each is checked before it is used.

    format, checksum   as in `envelope`: no truncated, edited or newer item is used
    revision           counts the writes; this process accepts no older revision than it has read or written
    mac                with a signing key: the code of the key of the item, its revision and its content

With a signing key, an item without a valid code is refused. Without one, a signed item is refused: this process could
not tell a forged item from a true one, and its own writes would be refused by all others.

Locks and the index of unfinished rollouts are not signed. They give no orders, a writer of them can delete them as
well, and a lease must not end because a key cannot be reached.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

from awsroll.errors import UntrustedItemError
from awsroll.stores import codec
from awsroll.stores.backend import Backend
from awsroll.stores.signing import Signer

_ALGORITHM = "HMAC_SHA_256:"
_UNCHANGED = "nothing was changed, also not the item"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Generic[Value]):
    """The content under a key.

    Attributes:
        version: the version of the bytes, for the next write.
        revision: the number of writes.
    """

    value: Value
    version: str
    revision: int


class Items:
    """The items of one store, for one thread.

    Args:
        backend: stores the bytes.
        signer: signs and verifies the items; None: items are not signed.
    """

    def __init__(self, backend: Backend, signer: Signer | None = None) -> None:
        self.backend = backend
        self.signer = signer
        self._newest: dict[str, int] = {}
        self._verified: dict[str, bytes] = {}

    def read(self, key: str, kind: type[Value]) -> Item[Value] | None:
        """Return the item under a key; None if there is none.

        Raises:
            OldItemError: if an older awsroll wrote it.
            UntrustedItemError: if its code is missing or wrong, or it is older than it was before.
            StateError: if it cannot be used for another reason.
        """
        entry = self.backend.read(key)
        if entry is None:
            return None
        location, revision = self.backend.location(key), 0

        def check(body: bytes, envelope: Mapping[str, object]) -> None:
            nonlocal revision
            revision = _revision(envelope)
            self._check_code(key, body, envelope)
            newest = self._newest.get(key, 0)
            if revision < newest:
                problem = (
                    f"revision {revision} of {location} was put back: revision {newest} was there before; "
                    f"{_UNCHANGED}. Find out who writes to the store before you continue"
                )
                raise UntrustedItemError(problem)

        value = codec.decode(entry.data, kind, location=location, check=check)
        self._newest[key] = revision
        return Item(value=value, version=entry.version, revision=revision)

    def write(self, key: str, value: object, *, revision: int, expected: str | None) -> str:
        """Write an item if the stored version is the expected one (None: no item exists); return the new version.

        Raises:
            WriteConflictError: if it is not; nothing was changed.
            StateError, AwsError: if it cannot be signed or written.
        """
        signed = b""

        def more(body: bytes) -> Mapping[str, object]:
            nonlocal signed
            signed = _message(key, revision, body)
            code = {} if self.signer is None else {"mac": _ALGORITHM + b64encode(self.signer.sign(signed)).decode()}
            return {"revision": revision, **code}

        version = self.backend.write(key, codec.encode(value, more), expected)
        self._newest[key], self._verified[key] = revision, signed
        return version

    def replace(self, key: str, value: Value, before: Item[Value] | None) -> Item[Value]:
        """Write an item in the place of the one that was read before (None: there was none); return it as stored.

        Raises:
            WriteConflictError: if another process has written it meanwhile; nothing was changed.
            StateError, AwsError: if it cannot be signed or written.
        """
        revision, expected = (1, None) if before is None else (before.revision + 1, before.version)
        version = self.write(key, value, revision=revision, expected=expected)
        return Item(value=value, version=version, revision=revision)

    def expect(self, key: str, revision: int) -> None:
        """Accept no older revision of an item from now on."""
        self._newest[key] = max(revision, self._newest.get(key, 0))

    def has_seen(self, key: str) -> bool:
        """Return whether this process has read or written an item under a key."""
        return key in self._newest

    def _check_code(self, key: str, body: bytes, envelope: Mapping[str, object]) -> None:
        code, location = envelope.get("mac"), self.backend.location(key)
        if self.signer is None:
            if code is None:
                return
            problem = (
                f"{location} is signed, and this process has no key to verify it; {_UNCHANGED}. Pass the --sign-key of "
                "this store"
            )
            raise UntrustedItemError(problem)
        if code is None:
            problem = (
                f"{location} is not signed: it was written by someone without the key, or before this store had a key; "
                f"{_UNCHANGED}. If you trust it, finish its rollout without --sign-key"
            )
            raise UntrustedItemError(problem)
        message = _message(key, _revision(envelope), body)
        if self._verified.get(key) == message:
            return
        mac = _decoded(code)
        if not mac or not self.signer.verify(message, mac):
            problem = (
                f"the signature of {location} is wrong: it was changed by someone without the key, it is a copy of "
                f"another item, or --sign-key names another key; {_UNCHANGED}. Do not resume its rollout before you "
                "know which"
            )
            raise UntrustedItemError(problem)
        self._verified[key] = message


def _revision(envelope: Mapping[str, object]) -> int:
    revision = envelope.get("revision")
    return revision if isinstance(revision, int) else 0


def _message(key: str, revision: int, body: bytes) -> bytes:
    """Return what is signed: the key of the item binds the code to its place, the revision to its time."""
    return b"\0".join([b"awsroll item 1", key.encode(), str(revision).encode(), sha256(body).digest()])


def _decoded(code: object) -> bytes:
    text = code if isinstance(code, str) and code.startswith(_ALGORITHM) else _ALGORITHM
    try:
        return b64decode(text.removeprefix(_ALGORITHM), validate=True)
    except ValueError:
        return b""
