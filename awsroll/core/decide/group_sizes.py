"""How a group's sizes are restored so that Auto Scaling ends no instance by it: one rule for engine and stages.

If the desired capacity is lowered, or the maximum is set below it, the group ends members that it chooses itself, by
zone first. So the surplus is retired by id before anything is restored. Then come desired, maximum and minimum.
"""

from collections.abc import Collection


def can_restore_desired(*, now: int, goal: int, members: int) -> bool:
    """Return whether setting the desired capacity from `now` to `goal` ends no member.

    Worked example: a group of 3 was doubled. Desired is 6 and 5 members are left. Setting it to 3 would end 2 members
    that the group chooses, so 2 members are retired by id first.
    """
    return now < goal or (now > goal and members <= goal)


def restored_maximum(*, now: int, saved: int, desired: int, ours: Collection[int]) -> int | None:
    """Return the maximum to set, never below the live desired capacity; None if it is right or set by someone else.

    Args:
        now: the group's maximum.
        saved: the maximum before the rollout.
        desired: the group's desired capacity.
        ours: the values that the rollout has given it. Another value was set by someone else and is kept.
    """
    return _restored(now, max(saved, desired), ours)


def restored_minimum(*, now: int, saved: int, desired: int, ours: Collection[int]) -> int | None:
    """Return the minimum to set, never above the live desired capacity; None if it is right or set by someone else."""
    return _restored(now, min(saved, desired), ours)


def _restored(now: int, goal: int, ours: Collection[int]) -> int | None:
    return goal if now in ours and now != goal else None
