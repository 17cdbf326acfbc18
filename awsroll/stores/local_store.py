"""The default store: a directory under the user's state home."""

import os
from pathlib import Path

from awsroll.stores.directory_backend import DirectoryBackend
from awsroll.stores.record_store import RecordStore
from awsroll.stores.signing import Signer


def default_directory() -> Path:
    """Return awsroll's folder under the user's state home (XDG): `~/.local/state/awsroll` by default."""
    home = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is invalid and must be ignored.
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state") / "awsroll"


class LocalStore(RecordStore):
    """Records of rollouts in a directory of this machine.

    Args:
        directory: created by the first write; None: the default directory.
        signer: as for `RecordStore`.
    """

    def __init__(self, directory: Path | None = None, *, signer: Signer | None = None) -> None:
        self.directory = default_directory() if directory is None else directory
        super().__init__(DirectoryBackend(self.directory), signer=signer)
