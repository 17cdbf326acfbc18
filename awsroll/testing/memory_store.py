"""Records of rollouts in memory, for tests: nothing is written to the machine.

store = MemoryStore()
awsroll.roll(spec, session=fleet, store=store)
awsroll.status(rollout_id, store=store)
"""

from itertools import count

from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.stores.backend import Entry, StoreTime, conflict
from awsroll.stores.record_store import RecordStore


class MemoryBackend:
    """Bytes in a dictionary. Implements `awsroll.stores.backend.Backend`."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._versions = count(1)

    @property
    def address(self) -> StoreAddress:
        """A name for messages: no other process can open this store."""
        return StoreAddress(kind=StoreKind.DIRECTORY, name="memory")

    def location(self, key: str) -> str:
        """Return the key."""
        return f"memory/{key}"

    def read(self, key: str) -> Entry | None:
        """Return the entry under a key; None if there is none."""
        return self._entries.get(key)

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        """Write if the stored version is the expected one."""
        self._compare(key, expected)
        entry = Entry(data=data, version=str(next(self._versions)))
        self._entries[key] = entry
        return entry.version

    def delete(self, key: str, expected: str) -> None:
        """Delete if the stored version is the expected one."""
        self._compare(key, expected)
        del self._entries[key]

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the keys under a folder, sorted."""
        return tuple(sorted(key for key in self._entries if key.startswith(prefix)))

    def check_conditions(self) -> None:
        """Do nothing: this class compares the versions itself."""

    def time(self, *, writes: bool) -> StoreTime | None:  # noqa: ARG002 - reading this clock never writes
        """Return None: the clock of the driver is the only clock."""
        return None

    def create(self) -> tuple[str, ...]:
        """Do nothing."""
        return ()

    def retain(self) -> tuple[str, ...]:
        """Keep everything: the store ends with the test."""
        return ()

    def _compare(self, key: str, expected: str | None) -> None:
        entry = self._entries.get(key)
        if (None if entry is None else entry.version) != expected:
            raise conflict(self.location(key))


class MemoryStore(RecordStore):
    """Records of rollouts in memory. All calls that share records share one `MemoryStore`."""

    def __init__(self) -> None:
        super().__init__(MemoryBackend())
