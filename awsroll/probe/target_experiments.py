"""Experiments on target groups and load balancers: P6, P12, P13 and P15."""

from typing import Any

from awsroll.probe.base import DELAY_SECONDS, PORT, Base, add_listener
from awsroll.probe.lab import Lab, Measurement, metric
from awsroll.probe.ledger import Kind
from awsroll.probe.servers import deregister, launch, register, run, terminate, wait_online

SHORT, LONG = 10, 120
THRESHOLD = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"
FLOW_SECONDS = 240
REGISTERING = "Elb.RegistrationInProgress"
METRICS = {"HealthyHostCount": "Minimum", "UnhealthyRoutingRequestCount": "Sum"}
_NOT_DRAINING = frozenset({"absent", "unused"})
_SHIFT_ENABLED_SECONDS = 30  # until Application Recovery Controller knows the load balancer


def changed_delay(lab: Lab, base: Base) -> Measurement:
    """P6: change the deregistration delay while a target drains, to a shorter and to a longer one."""
    ids = launch(lab, base)
    try:
        shorter = _drain(lab, base, ids, delays=(LONG, SHORT), after=5)
        longer = _drain(lab, base, ids, delays=(SHORT, LONG), after=4)
        ended = _end_while_registered(lab, base, ids)
    finally:
        lab.set_delay(base.hand_targets, DELAY_SECONDS)
        terminate(lab, ids)
    values = {
        f"from {LONG} to {SHORT} s after 5 s": shorter,
        f"from {SHORT} to {LONG} s after 4 s": longer,
        "terminated while registered, then asked by id and port": list(ended),
    }
    switches = {"ended_target_by_id": "draining" if ended[0] == "draining" else "not-registered"}
    applied = shorter < LONG / 2
    if applied != (longer > LONG / 2):
        note = "a shorter and a longer delay behave differently: no switch describes it"
        return Measurement(values=values, switches=switches, note=note)
    return Measurement(values=values, switches={**switches, "changed_delay": "applied" if applied else "ignored"})


def _end_while_registered(lab: Lab, base: Base, ids: list[str]) -> tuple[str, str]:
    """Terminate a registered instance, wait until the list has its target no longer, and ask for the target by id."""
    register(lab, base.hand_targets, ids)
    terminate(lab, ids)
    lab.until("a list without the target", lambda: lab.target(base.hand_targets, ids[0]) == "absent", seconds=600)
    return lab.named_target(base.hand_targets, ids[0], PORT)


def _drain(lab: Lab, base: Base, ids: list[str], *, delays: tuple[int, int], after: float) -> float:
    """Drain a target while its delay changes, and return the seconds until it no longer drains."""
    at_first, then = delays
    lab.set_delay(base.hand_targets, at_first)
    register(lab, base.hand_targets, ids)
    started_at = lab.clock.monotonic()
    deregister(lab, base.hand_targets, ids)
    lab.wait(after)
    lab.set_delay(base.hand_targets, then)
    lab.until(
        "the end of the drain", lambda: lab.target(base.hand_targets, ids[0]) in _NOT_DRAINING, seconds=LONG + 120
    )
    return round(lab.clock.monotonic() - started_at, 1)


def routing_threshold(lab: Lab, base: Base) -> Measurement:
    """P12: register as many new targets as there are healthy ones, with a threshold of 60 % and light load."""
    healthy, fresh = launch(lab, base, 2), launch(lab, base, 2, zone=1)
    register(lab, base.hand_targets, healthy)
    lab.call(
        "elbv2",
        "ModifyTargetGroupAttributes",
        TargetGroupArn=base.hand_targets,
        Attributes=[{"Key": THRESHOLD, "Value": "60"}],
    )
    started_at = lab.clock.now()
    try:
        wait_online(lab, healthy[0])
        loop = (
            f"for i in $(seq 60); do curl -s -m 2 -o /dev/null -w '%{{http_code}} ' http://{base.dns_name}:{PORT + 1}/"
        )
        sent = lab.call(
            "ssm",
            "SendCommand",
            InstanceIds=healthy[:1],
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": [f"{loop}; sleep 0.5; done"]},
        )
        register(lab, base.hand_targets, fresh, waits=False)
        changes = lab.watch(
            lambda: [lab.target(base.hand_targets, each) for each in fresh], seconds=60, ends=lambda _: False
        )
        answer = lab.ask("ssm", "GetCommandInvocation", CommandId=sent["Command"]["CommandId"], InstanceId=healthy[0])
        codes = str(answer.result.get("StandardOutputContent", "")).split()
        lab.wait(120)  # CloudWatch shows metrics after a minute or two
        metrics = {
            name: metric(lab, (base.load_balancer, base.hand_targets), name, statistic, since=started_at)
            for name, statistic in METRICS.items()
        }
    finally:
        off = [{"Key": THRESHOLD, "Value": "off"}]
        lab.call("elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=base.hand_targets, Attributes=off)
        deregister(lab, base.hand_targets, [*healthy, *fresh])
        terminate(lab, [*healthy, *fresh])
    return Measurement(
        values={
            "states of new targets": changes,
            "answers": {code: codes.count(code) for code in sorted(set(codes))},
            "metrics": metrics,
        },
        note="" if codes else "the load reported no answers: routing was not observed",
    )


def network_load_balancer(lab: Lab, base: Base) -> Measurement:
    """P13: open a connection per second to a Network Load Balancer, and time the last one to a deregistered target."""
    balancer, target_group = _network_balancer(lab, base)
    servers, client = launch(lab, base, 2), launch(lab, base, 1, zone=1)
    try:
        registered = lab.clock.monotonic()
        register(lab, target_group.resource_id, servers, waits=False)
        checked_after = lab.until(
            "the end of the registration",
            lambda: lab.named_target(target_group.resource_id, servers[0], PORT)[1] != REGISTERING,
            seconds=600,
        )
        register(lab, target_group.resource_id, servers)
        healthy_after = round(lab.clock.monotonic() - registered, 1)
        leaving = servers[0]
        for each in (client[0], leaving):
            wait_online(lab, each)
        run(lab, leaving, ["echo leaving >/srv/www/index.html"])
        dns = lab.call("elbv2", "DescribeLoadBalancers", LoadBalancerArns=[balancer.resource_id])["LoadBalancers"][0]
        flows = (
            f"end=$(($(date +%s) + {FLOW_SECONDS})); last=0; start=$(date +%s); while [ $(date +%s) -lt $end ]; do "
            f"curl -s -m 2 http://{dns['DNSName']}/ | grep -q leaving && last=$(($(date +%s) - start)); sleep 1; done; "
            "echo last=$last"
        )
        deregister(lab, target_group.resource_id, [leaving])
        output = run(lab, client[0], [flows], seconds=FLOW_SECONDS + 120)
        changes = lab.watch(
            lambda: lab.target(target_group.resource_id, leaving), seconds=60, ends=lambda state: state in _NOT_DRAINING
        )
    finally:
        terminate(lab, [*servers, *client])
    last = output.strip().partition("last=")[2]
    return Measurement(
        values={
            "health checks begin after": checked_after,
            "healthy after": healthy_after,
            "last new flow after deregistration": int(last) if last.isdecimal() else None,
            "states after the flows": changes,
        },
        switches={
            "network_registration_seconds": checked_after,
            **({"network_new_flows_seconds": float(last)} if last.isdecimal() else {}),
        },
        note="" if last.isdecimal() else "no flow was reported: the commands did not run",
    )


def _network_balancer(lab: Lab, base: Base) -> tuple[Any, Any]:
    def make_balancer() -> str:
        answer = lab.call(
            "elbv2",
            "CreateLoadBalancer",
            Name=lab.name("nlb"),
            Type="network",
            Scheme="internal",
            Subnets=list(base.subnets),
            Tags=lab.tags(),
        )
        return str(answer["LoadBalancers"][0]["LoadBalancerArn"])

    def make_targets() -> str:
        answer = lab.call(
            "elbv2",
            "CreateTargetGroup",
            Name=lab.name("tcp"),
            Protocol="TCP",
            Port=PORT,
            VpcId=base.vpc_id,
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            Tags=lab.tags(),
        )
        return str(answer["TargetGroups"][0]["TargetGroupArn"])

    balancer = lab.create(Kind.LOAD_BALANCER, lab.name("nlb"), make_balancer)
    target_group = lab.create(Kind.TARGET_GROUP, lab.name("tcp"), make_targets)
    lab.set_delay(target_group.resource_id, DELAY_SECONDS)
    add_listener(lab, balancer.resource_id, PORT, target_group.resource_id, protocol="TCP")
    return balancer, target_group


def zonal_shift(lab: Lab, base: Base) -> Measurement:
    """P15: shift the load balancer away from one zone, read the targets, and launch into the zone."""
    enabled = {"Key": "zonal_shift.config.enabled", "Value": "true"}  # off by default; the base's own load balancer
    lab.call("elbv2", "ModifyLoadBalancerAttributes", LoadBalancerArn=base.load_balancer, Attributes=[enabled])
    lab.wait(_SHIFT_ENABLED_SECONDS)
    zones = lab.call("ec2", "DescribeAvailabilityZones", ZoneNames=[base.zones[0]])["AvailabilityZones"]
    entry = lab.ledger.announce(Kind.ZONAL_SHIFT, lab.name("shift"))
    started = lab.ask(
        "arc-zonal-shift",
        "StartZonalShift",
        resourceIdentifier=base.load_balancer,
        awayFrom=zones[0]["ZoneId"],
        expiresIn="10m",
        comment=f"awsroll probe {lab.probe_id}",
    )
    if not started.succeeded:
        lab.ledger.deleted(entry)
        return Measurement(note=f"the shift was refused: {started.code}: {started.message}")
    shift = lab.ledger.created(entry, str(started.result["zonalShiftId"]))
    launched: list[str] = []
    try:
        lab.wait(20)
        health = lab.call("elbv2", "DescribeTargetHealth", TargetGroupArn=base.group_targets, Include=["All"])
        overrides = [each.get("AdministrativeOverride", {}).get("State") for each in health["TargetHealthDescriptions"]]
        lab.reserve(1)
        answer = lab.ask(
            "autoscaling",
            "LaunchInstances",
            AutoScalingGroupName=base.group,
            RequestedCapacity=1,
            AvailabilityZones=[base.zones[0]],
            ClientToken=f"{lab.probe_id}-shift",
        )
        launched = [each for group in answer.result.get("Instances", []) for each in group.get("InstanceIds", [])]
    finally:
        lab.call("arc-zonal-shift", "CancelZonalShift", zonalShiftId=shift.resource_id)
        lab.ledger.deleted(shift)
        for each in launched:
            lab.until("a member in service", lambda each=each: each in lab.in_service(base.group), seconds=300)  # type: ignore[misc]
            lab.call(
                "autoscaling",
                "TerminateInstanceInAutoScalingGroup",
                InstanceId=each,
                ShouldDecrementDesiredCapacity=True,
            )
    return Measurement(
        values={"overrides": overrides, "launch into the zone": answer.code or "accepted", "launched": len(launched)}
    )
