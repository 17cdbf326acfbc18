"""Experiments on Auto Scaling groups: P1, P2, P5 and P8."""

from typing import Any

from awsroll.aws.raw_calls import Answer
from awsroll.probe.base import DELAY_SECONDS, MIN_SIZE, Base, add_group, remove_group
from awsroll.probe.lab import POLL_SECONDS, Lab, Measurement

DELAYS = (0, 30, 120)
_ENDED = frozenset({"shutting-down", "terminated", "gone"})


def drain_lag(lab: Lab, base: Base) -> Measurement:
    """P1: terminate a member with several delays, and time each state until its instance shuts down."""
    measured: dict[str, Any] = {}
    lags: list[float] = []
    listed: list[float] = []
    try:
        for delay in DELAYS:
            lab.set_delay(base.group_targets, delay)
            timeline = _terminate_and_watch(lab, base)
            measured[f"delay {delay} s"] = timeline
            lags.append(timeline["left_draining"] - delay)
            listed.append(timeline["absent"] - timeline["left_draining"])
            lab.settle(base.group, MIN_SIZE, target_group=base.group_targets)
    finally:
        lab.set_delay(base.group_targets, DELAY_SECONDS)
    switches = {
        "drain_lag_seconds": _beyond_polling(max(lags)),
        "drained_listed_seconds": _beyond_polling(max(listed)),
    }
    return Measurement(values=measured, switches=switches)


def _beyond_polling(seconds: float) -> float:
    """Return a delay, or 0 if it is not longer than the time between two reads."""
    return round(seconds, 1) if seconds > 2 * POLL_SECONDS else 0.0


def _terminate_and_watch(lab: Lab, base: Base) -> dict[str, float]:
    """Terminate one member with a replacement, and return the seconds until each state was seen first."""
    before = set(lab.in_service(base.group))
    member = min(before)
    lab.reserve(1)
    terminate_member(lab, member, decrement=False)

    def look() -> tuple[str, str, str, bool]:
        replaced = {each["InstanceId"] for each in lab.group(base.group)["Instances"]} - before
        state = lab.instance_state(member)
        return lab.member_state(base.group, member), lab.target(base.group_targets, member), state, bool(replaced)

    changes = lab.watch(
        look,
        seconds=DELAYS[-1] + 180,
        ends=lambda seen: seen[2] in _ENDED and seen[1] == "absent" and seen[3],
    )

    def first(matches: Any) -> float:
        return next((at for at, seen in changes if matches(seen)), -1.0)

    return {
        "left_draining": first(lambda seen: seen[1] not in {"healthy", "initial", "unhealthy", "draining"}),
        "absent": first(lambda seen: seen[1] == "absent"),
        "shutting_down": first(lambda seen: seen[2] in _ENDED),
        "replacement_launched": first(lambda seen: seen[3]),
    }


def terminate_member(lab: Lab, instance_id: str, *, decrement: bool) -> Answer:
    """Terminate a member of a group, with or without a replacement."""
    return lab.ask(
        "autoscaling",
        "TerminateInstanceInAutoScalingGroup",
        InstanceId=instance_id,
        ShouldDecrementDesiredCapacity=decrement,
    )


def sticky_mark(lab: Lab, base: Base) -> Measurement:
    """P2: let a slow version be marked unhealthy, clear one of two marks, and resume the replacement."""
    # Health checks of a target group count as soon as one member of the group has been healthy in it.
    group = add_group(
        lab, "sticky", base.template, base.subnets, [base.hand_targets], sizes=(0, 4, 1), HealthCheckGracePeriod=20
    )
    first = lab.settle(group, 1, target_group=base.hand_targets)
    suspended = ["ReplaceUnhealthy", "AZRebalance"]
    lab.call("autoscaling", "SuspendProcesses", AutoScalingGroupName=group, ScalingProcesses=suspended)
    lab.reserve(2)
    slow = {"LaunchTemplateId": base.template, "Version": "3"}
    lab.call(
        "autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName=group, LaunchTemplate=slow, DesiredCapacity=3
    )
    members = [each for each in lab.settle(group, 3, target_group=base.hand_targets) if each not in first]
    marked = _marks(lab, group)
    lab.wait(60)
    later = _marks(lab, group)
    kept, cleared = members
    lab.call(
        "autoscaling", "SetInstanceHealth", InstanceId=cleared, HealthStatus="Healthy", ShouldRespectGracePeriod=False
    )
    lab.reserve(1)
    lab.call("autoscaling", "ResumeProcesses", AutoScalingGroupName=group, ScalingProcesses=["ReplaceUnhealthy"])
    changes = lab.watch(
        lambda: (lab.member_state(group, kept), lab.member_state(group, cleared)),
        seconds=180,
        every=5,
        ends=lambda _: False,  # the cleared member must stay for the whole time
    )
    remove_group(lab, group)
    return Measurement(
        values={
            "marked_while_healthy": marked,
            "marked_a_minute_later": later,
            "marked_member_was_replaced": any(states[0] != "InService" for _, states in changes),
            "cleared_member_was_replaced": any(states[1] != "InService" for _, states in changes),
            "replaced_after_seconds": next((at for at, states in changes if states[0] != "InService"), None),
        }
    )


def _marks(lab: Lab, group: str) -> int:
    return sum(each["HealthStatus"] == "Unhealthy" for each in lab.group(group)["Instances"])


def deregistered_member(lab: Lab, base: Base) -> Measurement:
    """P5: deregister a member in service by hand, and watch it for five minutes."""
    lab.reserve(1)
    member = lab.in_service(base.group)[0]
    lab.call("elbv2", "DeregisterTargets", TargetGroupArn=base.group_targets, Targets=[{"Id": member}])
    changes = lab.watch(
        lambda: (lab.member_state(base.group, member), lab.target(base.group_targets, member)),
        seconds=300,
        every=5,
        ends=lambda seen: seen[0] != "InService",
    )
    last = changes[-1][1]
    if last[0] != "InService":
        verdict = "killed"
    else:
        verdict = "reregistered" if last[1] in {"healthy", "initial", "unhealthy"} else "ignored"
    if verdict == "ignored":
        lab.call("elbv2", "RegisterTargets", TargetGroupArn=base.group_targets, Targets=[{"Id": member}])
    lab.settle(base.group, MIN_SIZE, target_group=base.group_targets)
    return Measurement(
        values={"states": [[at, list(seen)] for at, seen in changes]},
        switches={"member_deregistered_by_hand": verdict},
    )


def second_terminate(lab: Lab, base: Base) -> Measurement:
    """P8: terminate a terminating member again, a standby member, and one at the minimum."""
    values: dict[str, Any] = {}
    lab.set_delay(base.group_targets, 60)  # the member stays Terminating while the second call is made
    try:
        members = _grow(lab, base, MIN_SIZE + 2)
        desired = [_desired(lab, base)]
        for _ in range(2):
            answer = terminate_member(lab, members[0], decrement=True)
            values.setdefault("terminate twice", []).append(answer.code or "accepted")
            desired.append(_desired(lab, base))
        values["desired of terminate twice"] = desired
        lab.settle(base.group, desired[-1], target_group=base.group_targets)
        standby = _standby(lab, base)
        values["desired of standby, terminate with decrement"] = standby
        lab.settle(base.group, MIN_SIZE, target_group=base.group_targets)
        answer = terminate_member(lab, lab.in_service(base.group)[0], decrement=True)
        values["at the minimum"] = f"{answer.code}: {answer.message}" if answer.code else "accepted"
        lab.settle(base.group, MIN_SIZE, target_group=base.group_targets)
    finally:
        lab.set_delay(base.group_targets, DELAY_SECONDS)
    switches = {
        "second_terminate": "decrements" if desired[2] < desired[1] else "refused",
        "standby_terminate_decrement": "lowers" if standby[2] < standby[1] else "ignored",
    }
    return Measurement(values=values, switches=switches)


def _grow(lab: Lab, base: Base, desired: int) -> list[str]:
    lab.reserve(desired - len(lab.in_service(base.group)))
    lab.call("autoscaling", "SetDesiredCapacity", AutoScalingGroupName=base.group, DesiredCapacity=desired)
    return lab.settle(base.group, desired, target_group=base.group_targets)


def _desired(lab: Lab, base: Base) -> int:
    return int(lab.group(base.group)["DesiredCapacity"])


def _standby(lab: Lab, base: Base) -> list[int]:
    """Put a member into standby with decrement, terminate it with decrement, and return desired after each step."""
    members = _grow(lab, base, MIN_SIZE + 2)
    desired = [_desired(lab, base)]
    lab.call(
        "autoscaling",
        "EnterStandby",
        AutoScalingGroupName=base.group,
        InstanceIds=members[:1],
        ShouldDecrementDesiredCapacity=True,
    )
    lab.until("standby", lambda: lab.member_state(base.group, members[0]) == "Standby", seconds=300)
    desired.append(_desired(lab, base))
    terminate_member(lab, members[0], decrement=True)
    desired.append(_desired(lab, base))
    lab.until("the end of the standby member", lambda: lab.member_state(base.group, members[0]) == "left", seconds=300)
    surplus = _desired(lab, base) - MIN_SIZE
    for member in lab.in_service(base.group)[: max(0, surplus)]:
        terminate_member(lab, member, decrement=True)
    return desired
