"""The progress of waves in the store: only of waves whose failure rolls fleets back. Others need no memory.

The name of the progress is made from the file, the account and the region, so that the same file finds it again.
"""

from dataclasses import replace
from hashlib import sha256

import msgspec

from awsroll.core.request.waves import FleetsSpec, OnWaveFailure
from awsroll.core.wave_turns import WaveFailure
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.files.rollout_file import plain_fleets
from awsroll.ports import Store
from awsroll.stores import RecordStore, WavesProgress


class StoredProgress:
    """What the store knows of the progress.

    Args:
        spec: the waves.
        store: the store; one of another class than awsroll's own keeps no progress.
        context: whose account and region the fleets without a role belong to.
    """

    def __init__(self, spec: FleetsSpec, store: Store, context: Context) -> None:
        rolls_back = any(wave.on_failure is not OnWaveFailure.STOP for wave in spec.waves)
        self._store = store if rolls_back and isinstance(store, RecordStore) else None
        self._name = "" if self._store is None else _name_of(spec, context)
        stored = None if self._store is None else self._store.note(self._name, WavesProgress)
        self.value = WavesProgress() if stored is None or stored.is_over else stored

    def begin(self, fleet: str, rollout_id: str) -> None:
        """Save that the rollout of a fleet begins."""
        self._save(replace(self.value, rollouts={**self.value.rollouts, fleet: rollout_id}))

    def fail(self, failure: WaveFailure) -> None:
        """Save a failure, before anything is done about it."""
        self._save(replace(self.value, failure=failure))

    def end(self) -> None:
        """Save that the waves have ended: the same file begins again."""
        self._save(replace(self.value, is_over=True))

    def _save(self, value: WavesProgress) -> None:
        self.value = value
        if self._store is not None:
            self._store.put_note(self._name, value)


def _name_of(spec: FleetsSpec, context: Context) -> str:
    aws = Session(context).aws
    place = (aws.sts.account(), aws.region)
    return f"waves-{sha256(msgspec.json.encode((place, plain_fleets(spec)))).hexdigest()[:24]}"
