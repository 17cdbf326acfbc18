"""The result of a repair."""

from dataclasses import dataclass

from awsroll.core.repair.leftovers import KEPT_FAILED, Leftover


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """The result of a repair.

    Attributes:
        fleet: the name of the fleet.
        acted: whether anything was changed.
        finished: whether the repair was carried out to its end.
        rollout_id: the rollout that was settled, or the rollout of the repair; empty if nothing was changed.
        found: what was found before the repair.
        left: what is left after the repair; equal to `found` if nothing was changed.
        reason: why the repair did not finish.
    """

    fleet: str
    acted: bool = False
    finished: bool = True
    rollout_id: str = ""
    found: tuple[Leftover, ...] = ()
    left: tuple[Leftover, ...] = ()
    reason: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing is left but failed servers whose time of inspection is not over."""
        return self.finished and all(each.what == KEPT_FAILED and not each.acts for each in self.left)
