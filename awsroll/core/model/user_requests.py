"""Requests of users to a running rollout, from any process or machine.

A request stays until the user withdraws it, so reading it twice or late is harmless. The store keeps the requests
beside the record. The controller copies them into the status before each step, and the planner follows them.
"""

from dataclasses import dataclass

from awsroll.core.model.replacing import replace

_APPROVE = "approve "
OVERRIDE = "override-freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRequests:
    """The requests of users to one rollout.

    Attributes:
        pause: pause at the next safe point; `resume` withdraws it.
        abort: finish the servers in flight, restore the settings, and end with the fleet mixed.
        rollback: return the fleet to the baseline.
        approved: the number of gates that were approved.
        rejected: a person has rejected a gate, which is a failure.
        rejected_gate: the gate that was rejected, from 1; 0: the gate that waits.
        halted: why the store halts all its rollouts; empty if it does not. The store sets it; see `stores.halts`.
        resumed: the number of times that a person has resumed the rollout, or has requested the rollback of an ended
            one. A process that drives it in steps reads it.
        override: why the rollout ignores its windows and freezes from now on; empty if it follows them.
        by: who made which request: `pause`, `abort`, `rollback`, `approve 1`, `reject 1`, `override-freeze`. The caller
            gives the name, so it is as trustworthy as the store.
    """

    pause: bool = False
    abort: bool = False
    rollback: bool = False
    approved: int = 0
    rejected: bool = False
    rejected_gate: int = 0
    halted: str = ""
    resumed: int = 0
    override: str = ""
    by: tuple[tuple[str, str], ...] = ()

    def named(self, what: str, name: str) -> "UserRequests":
        """Return these requests with the name of the person who made one of them."""
        others = tuple(entry for entry in self.by if entry[0] != what)
        return replace(self, by=(*others, (what, name))) if name else self

    def who(self, what: str) -> str:
        """Return who made a request, such as `pause` or `approve 2`; empty if that is not known."""
        return dict(self.by).get(what, "")

    @property
    def approvers(self) -> tuple[str, ...]:
        """The people who have approved gates, each once, in the order of their first approvals."""
        return tuple(dict.fromkeys(name for what, name in self.by if what.startswith(_APPROVE)))

    def words_of(self, what: str) -> str:
        """Return ` of NAME`, to add to `paused by request`; empty if the name is not known."""
        return f" of {self.who(what)}" if self.who(what) else ""

    @property
    def why_pause(self) -> str:
        """Why the rollout is to pause at its next safe point; empty if it is not."""
        if self.halted:
            return f"halted {self.halted}; after `awsroll unhalt`, `awsroll resume` continues it"
        return f"paused by request{self.words_of('pause')}" if self.pause else ""

    def approving(self, gate: int) -> "UserRequests":
        """Return these requests with a gate approved, counted from 1."""
        return replace(self, approved=max(self.approved, gate), rejected=False, rejected_gate=0)

    def rejecting(self, gate: int) -> "UserRequests":
        """Return these requests with a gate rejected, counted from 1."""
        return replace(self, rejected=True, rejected_gate=gate)

    def rejects(self, gate: int) -> bool:
        """Return whether a person has rejected this gate, counted from 1."""
        return self.rejected and self.rejected_gate in (0, gate)

    def going_back(self) -> "UserRequests":
        """Return these requests with a rollback requested."""
        return replace(self, rollback=True, abort=False, pause=False)

    def reopening(self) -> "UserRequests":
        """Return these requests with the rollback of an ended rollout requested."""
        return replace(self.going_back(), resumed=self.resumed + 1)

    def reopens(self, applied: "UserRequests") -> bool:
        """Return whether the rollback of an ended rollout was requested after these requests were applied."""
        return self.rollback and self.resumed > applied.resumed


def approval_of(gate: int) -> str:
    """Return the name of the request to approve a gate, for `UserRequests.who` and `named`."""
    return f"{_APPROVE}{gate}"


def rejection_of(gate: int) -> str:
    """Return the name of the request to reject a gate, for `UserRequests.who` and `named`."""
    return f"reject {gate}"
