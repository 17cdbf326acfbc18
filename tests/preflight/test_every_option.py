"""Every option of a request has an effect, and every field of a prepared rollout has a source.

An option that is added to `RolloutSpec`, or a field that is added to `Rollout`, `Limits` or `Gates`, fails here until
the tables below say what it does and the preflight does it.
"""

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any

import pytest

from awsroll.aws.connection import Connection
from awsroll.core.model.hooks import HookPoint, HookSpec
from awsroll.core.model.period import Period
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Gates, Judging, Limits, OnFailure, SkipPolicy, Strategy, Zones
from awsroll.core.request.rollout_options import ASSUME_NO_PROTECTION
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError
from awsroll.preflight import prepare
from awsroll.preflight.same_request import changes_since
from tests.support.amazon import sandbox

STANDALONE = {"target_group": ("hand-1",), "launch_template": "hand"}
GROUP = {"asg": "web"}
RELOAD = {"target_group": ("hand-1",), "strategy": Strategy.RELOAD, "command": ("echo",), "app_version": "one"}
UNDONE = RELOAD | {"rollback_command": ("undo-first",)}
DOCUMENT = RELOAD | {"command": (), "document": "AWS-RunRemoteScript"}
KEEPING = GROUP | {"keep_failed": 1}
GATED = GROUP | {"checkpoint": (1,)}
BY_ZONE = GROUP | {"max_unavailable": 1, "zones": Zones.ONE_BY_ONE}
FROZEN = GROUP | {"freezes": (Period(start="2020-01-01", end="2020-01-02"),)}
APPROVED = GATED | {"approve_checkpoints": True}
ROOMY = GROUP | {"launch_first": True, "concurrent": "100%"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One option: a value that is not its default, the request that it is added to, and what it changes.

    Attributes:
        shows: the field of the rollout that differs (`limits.drain_seconds`), or `REFUSED`.
        is_compared: whether an interrupted rollout is resumed only with the same value.
    """

    value: Any
    base: dict[str, Any]
    shows: str
    is_compared: bool = True


REFUSED = "a refusal"
CASES = {
    # The fleet. An interrupted rollout is found by its fleet, so there is nothing to compare.
    "asg": Case(value="web", base=STANDALONE, shows="group", is_compared=False),
    "target_group": Case(value=("hand-1",), base=GROUP, shows="target_groups", is_compared=False),
    "exclude_target_group": Case(value=("web-1",), base=GROUP, shows=REFUSED, is_compared=False),
    "strict": Case(value=True, base=GROUP | {"target_group": ("hand-1",)}, shows=REFUSED, is_compared=False),
    # The version, and how the servers get it.
    "launch_template": Case(value="web:1", base=GROUP, shows="template"),
    "strategy": Case(value=Strategy.DOUBLE_HALF, base=GROUP, shows="strategy"),
    "concurrent": Case(value=2, base=GROUP, shows="max_unavailable"),
    "launch_first": Case(value=True, base=GROUP, shows="max_surge"),
    "max_unavailable": Case(value="34%", base=GROUP, shows="max_unavailable"),
    "max_surge": Case(value=2, base=GROUP, shows="max_surge"),
    "max_running": Case(value="200%", base=GROUP, shows="max_running"),
    "command": Case(value=("false",), base=RELOAD, shows="reload.commands"),
    "document": Case(value="AWS-ApplyAnsiblePlaybooks", base=DOCUMENT, shows="reload.document"),
    "parameter": Case(value={"sourceType": ["S3"]}, base=DOCUMENT, shows="reload.parameters"),
    "app_version": Case(value="two", base=RELOAD, shows="reload.app_version"),
    "rollback_command": Case(value=("undo",), base=UNDONE, shows="rollback_reload.commands"),
    "message": Case(value="fix the login", base=GROUP, shows="message", is_compared=False),
    "ref": Case(value="4f2a1", base=GROUP, shows="ref", is_compared=False),
    # The gates, and the reaction to a failure.
    "checkpoint": Case(value=(1,), base=GROUP, shows="gates.checkpoints"),
    "checkpoint_delay": Case(value=9, base=GATED, shows="gates.delay_seconds"),
    "approve_checkpoints": Case(value=True, base=GATED, shows="gates.needs_approval"),
    "approval_timeout": Case(value=9, base=APPROVED, shows="gates.approval_seconds"),
    "bake_time": Case(value=9, base=GROUP, shows="gates.bake_seconds"),
    "alarm": Case(value=("errors",), base=GROUP, shows="gates.alarms"),
    "zones": Case(value=Zones.ONE_BY_ONE, base=GROUP | {"max_unavailable": 1}, shows="gates.zones"),
    "zone_bake": Case(value=9, base=BY_ZONE, shows="gates.delay_seconds"),
    "windows": Case(value=(Period(cron="0 9 * * *", duration=60),), base=GROUP, shows="gates.windows"),
    "freezes": Case(value=(Period(start="2020-01-01", end="2020-01-02"),), base=GROUP, shows="gates.freezes"),
    "override_freeze": Case(value="a hole", base=FROZEN, shows="gates.override"),
    "rehearse": Case(value=True, base=GROUP, shows="gates.rehearses"),
    "judge_alpha": Case(value="2%", base=GROUP, shows="gates.judge.alpha"),
    "judge_effect": Case(value="2%", base=GROUP, shows="gates.judge.effect"),
    "judge_interval": Case(value=9, base=GROUP, shows="gates.judge.interval_seconds"),
    "judge_warm_up": Case(value=9, base=GROUP, shows="gates.judge.warm_up_seconds"),
    "judge_timeout": Case(value=9, base=GROUP, shows="gates.judge.wait_seconds"),
    "hooks": Case(value=(HookSpec(point=HookPoint.AFTER_ROLLOUT, command=("true",)),), base=GROUP, shows="hooks"),
    "max_failures": Case(value=3, base=GROUP, shows="max_failures"),
    "on_failure": Case(value=OnFailure.PAUSE, base=GROUP, shows="on_failure"),
    "keep_failed": Case(value=1, base=GROUP, shows="keep_failed"),
    "keep_failed_for": Case(value=9, base=KEEPING, shows="keep_failed_seconds", is_compared=False),
    "keep_old": Case(value=True, base=ROOMY, shows="keep_old"),
    # Special servers and settings.
    "protected": Case(value=SkipPolicy.IGNORE, base=GROUP, shows="protected"),
    "termination_protection": Case(
        value=ASSUME_NO_PROTECTION, base=STANDALONE, shows="termination_protected", is_compared=False
    ),
    "standby": Case(value=SkipPolicy.IGNORE, base=GROUP, shows="standby"),
    "warm_pool": Case(value="purge", base=GROUP, shows="purges_warm_pool"),
    "deregistration_delay": Case(value=5, base=GROUP, shows="deregistration_delay_seconds"),
    "health_check_interval": Case(value=9, base=GROUP, shows="health_check_interval_seconds"),
    "health_check_threshold": Case(value=2, base=GROUP, shows="health_check_threshold"),
    "drain_probe": Case(value="connections", base=STANDALONE, shows="hooks"),
    # How long to wait. A resumed rollout keeps the deadlines that it was started with.
    "min_healthy_time": Case(value=9, base=GROUP, shows="limits.min_healthy_seconds", is_compared=False),
    "drain_timeout": Case(value=999, base=GROUP, shows="limits.drain_seconds", is_compared=False),
    "drain_quiet": Case(value=9, base=GROUP, shows="limits.drain_quiet_seconds", is_compared=False),
    "drain_floor": Case(value=9, base=GROUP, shows="limits.drain_floor_seconds", is_compared=False),
    "launch_timeout": Case(value=999, base=GROUP, shows="limits.launch_seconds", is_compared=False),
    "healthy_timeout": Case(value=999, base=GROUP, shows="limits.healthy_seconds", is_compared=False),
    "progress_timeout": Case(value=999, base=GROUP, shows="limits.progress_seconds", is_compared=False),
    "poll": Case(value=9, base=GROUP, shows="limits.poll_seconds", is_compared=False),
    "settle_time": Case(value=9, base=GROUP, shows="limits.settle_seconds", is_compared=False),
    "lease": Case(value=99, base=GROUP, shows="limits.lease_seconds", is_compared=False),
}

# The options that each process takes from its own caller, so that no rollout holds them: tests/notifications.
OF_THE_CALLER = {"notify"}
# The fields that no option sets: the preflight reads them from the fleet. None has its default in both fleets below.
READ_FROM_THE_FLEET = {
    "rollout_id",
    "kind",
    "fleet",
    "extra_targets",
    "keeps_zones",
    "goal_tags",
    "baseline_tags",
    "baseline",
    "baseline_template",
    "group_version",
    "started_by",
    "template_names",
    "region",
    "account",
}
BEHIND_A_NETWORK_LOAD_BALANCER = {"raises_deregistration_delay"}  # tests/rollouts/test_network_load_balancers.py
# The fields that are the same in each rollout.
FIXED = {"limits.skipped_seconds"}
# A second field that an option sets beside the one of its case.
SET_TOO = {"gates.by_zone"}


@pytest.fixture(scope="module")
def aws() -> Iterator[Connection]:
    """A group, web, with a second port, and a standalone fleet, hand, with a protected server. No test changes them.

    Cross-zone load balancing of the standalone fleet is off.
    """
    with sandbox() as (made, connection):
        client = made.session().client
        group = made.auto_scaling_fleet(desired=3, zones=3, max_size=6)
        second_port = [{"Id": name, "Port": 81} for name in group.instance_ids]
        client("elbv2").register_targets(TargetGroupArn=group.target_group_arns[0], Targets=second_port)
        hand = made.standalone_fleet(name="hand", servers=6, zones=3, template_tags={"team": "shop"})
        zonal = [{"Key": "load_balancing.cross_zone.enabled", "Value": "false"}]
        client("elbv2").modify_target_group_attributes(TargetGroupArn=hand.target_group_arns[0], Attributes=zonal)
        protected = {"InstanceId": hand.instance_ids[1], "DisableApiTermination": {"Value": True}}
        client("ec2").modify_instance_attribute(**protected)
        client("cloudwatch").put_metric_alarm(
            AlarmName="errors", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, Threshold=1,
            MetricName="errors", Namespace="web", Period=60, Statistic="Sum",
        )  # fmt: skip
        yield connection


def _fields_of(rollout: Any, prefix: str = "") -> dict[str, Any]:
    """Return the fields of a rollout and of its values, by path."""
    found: dict[str, Any] = {}
    for field in fields(rollout):
        value = getattr(rollout, field.name)
        found[prefix + field.name] = value
        if is_dataclass(value):
            found |= _fields_of(value, f"{prefix}{field.name}.")
    return found


def _outcome(aws: Connection, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return _fields_of(prepare(RolloutSpec(**request), aws, rollout_id="one").rollout)
    except FleetError:
        return {REFUSED: True}


def test_the_table_names_every_option() -> None:
    assert CASES.keys() | OF_THE_CALLER == {field.name for field in fields(RolloutSpec)}


@pytest.mark.parametrize("option", CASES)
def test_an_option_changes_the_rollout(aws: Connection, option: str) -> None:
    case = CASES[option]
    without, given = _outcome(aws, case.base), _outcome(aws, case.base | {option: case.value})
    assert REFUSED not in without
    assert given.get(case.shows) != without.get(case.shows)


@pytest.mark.parametrize("option", CASES)
def test_an_interrupted_rollout_is_resumed_only_with_the_same_options(aws: Connection, option: str) -> None:
    case = CASES[option]
    rollout = prepare(RolloutSpec(**case.base), aws).rollout
    request = RolloutSpec(**case.base | {option: case.value})
    usual = changes_since(RolloutSpec(**case.base), rollout, aws)
    assert (changes_since(request, rollout, aws) != usual) is case.is_compared


def _paths(kind: type) -> dict[str, Field[Any]]:
    prefix = {Rollout: "", Limits: "limits.", Gates: "gates.", Judging: "gates.judge."}[kind]
    return {prefix + field.name: field for field in fields(kind) if field.name not in ("limits", "gates", "judge")}


def _default_of(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def test_every_field_of_a_rollout_has_a_source() -> None:
    set_by_options = {case.shows.partition(".")[0] if "reload" in case.shows else case.shows for case in CASES.values()}
    known = _paths(Rollout) | _paths(Limits) | _paths(Gates) | _paths(Judging)
    of_others = READ_FROM_THE_FLEET | BEHIND_A_NETWORK_LOAD_BALANCER | FIXED | SET_TOO
    assert known.keys() == (set_by_options - {REFUSED}) | of_others
    assert not READ_FROM_THE_FLEET & set_by_options


def test_the_preflight_reads_the_other_fields_from_the_fleet(aws: Connection) -> None:
    rollouts = [_outcome(aws, base) for base in (STANDALONE, GROUP)]
    known = _paths(Rollout)
    left = {name for name in READ_FROM_THE_FLEET if all(one[name] == _default_of(known[name]) for one in rollouts)}
    assert not left
