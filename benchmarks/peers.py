"""Other ways to roll a fleet, as pure models of their rules, on the same boots, health checks and drains.

instance refresh   EC2 Auto Scaling user guide, "How an instance refresh works" and "Instance maintenance policies":
terminate and launch together, one batch after the other; a batch ends when its replacements are
in service and warmed up. The model is kind: no warm-up, and no batch waits for the drains of the
batch before. The refresh ends after the last drain.
lock-step script   deregister a batch, wait for the drain, terminate, launch, wait until the batch is healthy.
Ansible            amazon.aws.autoscaling_group with `replace_all_instances` and `replace_batch_size`: the group grows
by a batch and waits until it is healthy; the old batch is terminated and waited for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What AWS takes, in seconds.

    Attributes:
        boots: from each launch until the server runs, in order of launch.
        healthy: from the registration until a server serves.
        drain: the deregistration delay.
    """

    boots: Sequence[float]
    healthy: float
    drain: float


def instance_refresh(times: Times, batch: int) -> float:
    """Return the makespan of an instance refresh with a minimum healthy percentage that allows a batch."""
    arrivals = [max(boots) + times.healthy for boots in _batches(times.boots, batch)]
    return sum(arrivals[:-1]) + max(arrivals[-1], times.drain)


def lock_step(times: Times, batch: int) -> float:
    """Return the makespan of a script that finishes each step of a batch before the next one."""
    return sum(times.drain + max(boots) + times.healthy for boots in _batches(times.boots, batch))


def ansible(times: Times, batch: int) -> float:
    """Return the makespan of Ansible's replace_all_instances: launch, wait, terminate, wait."""
    return lock_step(times, batch)


def _batches(boots: Sequence[float], size: int) -> Iterator[Sequence[float]]:
    return (boots[start : start + size] for start in range(0, len(boots), size))


PEERS: dict[str, Callable[[Times, int], float]] = {
    "instance refresh": instance_refresh,
    "lock-step script": lock_step,
    "Ansible replace_all_instances": ansible,
}
