"""The progress of waves in the store: only of waves with a judge, or whose failure rolls fleets back.

At a terminal, the name of the progress is made from the file, the account and the region, so that the same file finds
it again. For a state machine, it is made from its execution: `stores.fleets_notes` `name_of_execution`.
"""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

import msgspec

from awsroll.core.model.evidence import FleetsEvidence
from awsroll.core.request.waves import FleetsSpec, OnWaveFailure
from awsroll.core.wave_turns import WaveFailure
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.files.rollout_file import plain_fleets
from awsroll.ports import Store
from awsroll.stores import RecordStore, WavesProgress


class StoredProgress:
    """What the store knows of the progress.

    Attributes:
        value: the progress; empty if the stored one is over.
        is_over: the stored progress was over when it was read.

    Args:
        store: the store; None: keep no progress.
        name: the name of the progress.
    """

    def __init__(self, store: RecordStore | None, name: str) -> None:
        self._store = store
        self._name = name
        stored = None if store is None else store.note(name, WavesProgress)
        self.is_over = stored is not None and stored.is_over
        self.value = WavesProgress() if stored is None or stored.is_over else stored

    def begin(self, fleet: str, rollout_id: str) -> None:
        """Save that the rollout of a fleet begins."""
        self._save(replace(self.value, rollouts={**self.value.rollouts, fleet: rollout_id}))

    def fail(self, failure: WaveFailure) -> None:
        """Save a failure, before anything is done about it."""
        self._save(replace(self.value, failure=failure))

    def ask(self, fleets: Iterable[str], turn: int) -> None:
        """Save in which turn of a state machine fleets were asked to turn back or to pause."""
        asked = {**self.value.asked, **dict.fromkeys(fleets, turn)}
        if asked != self.value.asked:
            self._save(replace(self.value, asked=asked))

    def judged(self, evidence: FleetsEvidence) -> None:
        """Save the evidence of the judges of waves."""
        self._save(replace(self.value, judge=evidence))

    def end(self) -> None:
        """Save that the waves have ended: the same file begins again."""
        self._save(replace(self.value, is_over=True))

    def _save(self, value: WavesProgress) -> None:
        self.value = value
        if self._store is not None:
            self._store.put_note(self._name, value)


def progress_of_file(spec: FleetsSpec, store: Store, context: Context) -> StoredProgress:
    """Return the progress of a file at a terminal.

    Args:
        spec: the waves.
        store: the store; one of another class than awsroll's own keeps no progress.
        context: whose account and region the fleets without a role belong to.
    """
    is_needed = any(wave.on_failure is not OnWaveFailure.STOP or wave.judge is not None for wave in spec.waves)
    kept = store if is_needed and isinstance(store, RecordStore) else None
    return StoredProgress(kept, "" if kept is None else _name_of(spec, context))


def _name_of(spec: FleetsSpec, context: Context) -> str:
    aws = Session(context).aws
    place = (aws.sts.account(), aws.region)
    return f"waves-{sha256(msgspec.json.encode((place, plain_fleets(spec)))).hexdigest()[:24]}"
