"""Every instruction of a rollout is listed, and what a caller gives is compared exactly with what a record names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from awsroll.core.model.hooks import Hook, HookKind, HookPoint, HookSpec
from awsroll.core.model.observation import FleetKind
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import ReloadCommand, Strategy
from awsroll.core.request.instructions import (
    INSTRUCTING,
    NOTHING_ALLOWED,
    AllowList,
    Comparison,
    Instruction,
    InstructionKind,
    as_given,
    compare,
    instructions_of,
    place,
    requested,
)
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec
from awsroll.errors import SpecError
from awsroll.ports import Record
from awsroll.stores import KeptFleet, Notified, RolloutRequest, Waiting, WavesProgress

ROLE = "arn:aws:iam::111122223333:role/deploy"
HOOKS = {
    HookKind.COMMAND: Hook(point=HookPoint.AFTER_HEALTHY, name="smoke", command=("./smoke", "a b")),
    HookKind.FUNCTION: Hook(point=HookPoint.AT_CHECKPOINT, name="compare", function="compare-errors"),
    HookKind.SCRIPT: Hook(point=HookPoint.BEFORE_DEREGISTER, name="flush", script=("cd /srv", "./flush")),
    HookKind.CALLABLE: Hook(point=HookPoint.AFTER_HEALTHY, name="check", is_callable=True),
    HookKind.URL: Hook(point=HookPoint.WHILE_JUDGING, name="errors", url="http://web/counts"),
    HookKind.METRIC: Hook(point=HookPoint.WHILE_JUDGING, name="slow", metric="Web:Latency", slow_seconds=1),
    HookKind.ANOMALIES: Hook(point=HookPoint.WHILE_JUDGING, name="flags", anomalies=True),
}
RELOAD = ReloadCommand(app_version="2", commands=("deploy 2", "restart"))
UNDO = ReloadCommand(app_version="1", commands=("deploy 1",))

# Every other field of a record and its notes: it steers the rollout of its fleet. A new field belongs here, or into
# INSTRUCTING if a driver runs or uses something outside of the fleet because of it.
STEERING = {
    "Amount": ("is_percentage", "value"),
    "Call": ("answered", "at", "instance_id", "kind", "number"),
    "Counters": (
        "replaced_forward",
        "commands",
        "drain_seconds_saved",
        "highest_live",
        "highest_running",
        "hooks",
        "launches",
        "lowest_serving",
        "reloaded",
        "replaced",
        "skipped",
    ),
    "Desired": ("expected", "goal", "moved_at", "previous"),
    "Event": ("fields", "name"),
    "Failure": ("at", "cause", "final", "instance_id", "owner"),
    "Gate": ("asked_since", "baked", "baking_since", "closed_since", "passed"),
    "Blocked": ("reason", "rests", "since", "until"),
    "Gates": (
        "alarms",
        "approval_seconds",
        "bake_seconds",
        "by_zone",
        "checkpoints",
        "delay_seconds",
        "freezes",
        "judge",
        "needs_approval",
        "override",
        "rehearses",
        "windows",
        "zones",
    ),
    "Evidence": (
        "compared",
        "growth",
        "new",
        "old",
        "quiet_until",
        "recent",
        "runs",
        "sampled_at",
        "spread",
        "usual",
        "wealth",
    ),
    "FleetsEvidence": ("sampled_at", "usual", "waves"),
    "Judging": ("alpha", "effect", "interval_seconds", "wait_seconds", "warm_up_seconds"),
    "Tally": ("bad", "total"),
    "Hook": ("name", "slow_seconds", "timeout_seconds"),
    "HookCall": ("name", "number", "since", "subject"),
    "HookRuns": ("announced", "passed"),
    "Launch": (
        "at",
        "batch",
        "count",
        "empty_since",
        "index",
        "instance_ids",
        "number",
        "own_tags",
        "refused",
        "repeated",
        "replaces",
        "settled",
        "subnet_id",
        "tags",
        "targets",
        "template",
        "token",
        "zone",
    ),
    "Limits": (
        "drain_floor_seconds",
        "drain_quiet_seconds",
        "drain_seconds",
        "healthy_seconds",
        "launch_seconds",
        "lease_seconds",
        "min_healthy_seconds",
        "poll_seconds",
        "progress_seconds",
        "settle_seconds",
        "skipped_seconds",
    ),
    "Record": ("revision", "rollout", "status"),
    "ReloadCommand": ("app_version",),
    "Rollout": (
        "account",
        "baseline",
        "baseline_tags",
        "baseline_template",
        "deregistration_delay_seconds",
        "extra_targets",
        "fleet",
        "gates",
        "goal_tags",
        "group",
        "group_version",
        "health_check_interval_seconds",
        "health_check_threshold",
        "keep_failed",
        "keep_failed_seconds",
        "keep_old",
        "keeps_zones",
        "kind",
        "limits",
        "max_failures",
        "max_running",
        "max_surge",
        "max_unavailable",
        "message",
        "on_failure",
        "protected",
        "purges_warm_pool",
        "raises_deregistration_delay",
        "ref",
        "rollout_id",
        "standby",
        "started_by",
        "strategy",
        "target_groups",
        "template",
        "template_names",
        "termination_protected",
    ),
    "RolloutRequest": ("request", "started_at"),
    "SavedSettings": ("abandoned", "changed_at", "found", "set"),
    "Seen": ("done", "not_yet"),
    "Server": (
        "attempt",
        "deregistered_at",
        "deregistering_at",
        "draining_seen",
        "failed",
        "fruitless",
        "fruitless_at",
        "gone_since",
        "is_early",
        "quiet_at",
        "healthy_since",
        "mark_cleared",
        "phase",
        "reloading",
        "served",
        "since",
        "targets",
        "void_attempt",
        "was_in_standby",
    ),
    "Shortage": (
        "excused_until",
        "keeps_drained",
        "launch_after",
        "not_offered",
        "reason",
        "shifted",
        "since",
        "zones",
    ),
    "SetAside": ("instance_id", "is_out", "is_refused", "until"),
    "Slots": ("instance_ids", "subnet_id", "targets", "template", "zone"),
    "Status": (
        "abort_refused_since",
        "aborted",
        "blocked",
        "calls",
        "checking_since",
        "counters",
        "current_at_start",
        "desired",
        "ended_at",
        "events",
        "failures",
        "forgiven",
        "gate",
        "hooks",
        "judge",
        "judged",
        "launches",
        "launches_denied",
        "left_alone",
        "left_at",
        "mode",
        "must_rest",
        "observed_at",
        "outcome",
        "pausing",
        "progress_at",
        "reason",
        "rehearsal",
        "rhythm",
        "rolling_back",
        "servers",
        "set_aside",
        "settings",
        "shortage",
        "skipped_since",
        "slots",
        "started_at",
        "tags_denied",
        "user_requests",
        "warnings",
    ),
    "TargetKey": ("port", "target_group"),
    "TemplateVersion": ("number", "template_id"),
    "UserRequests": (
        "abort",
        "approved",
        "by",
        "halted",
        "override",
        "pause",
        "rejected",
        "rejected_gate",
        "resumed",
        "rollback",
    ),
    "VersionCount": ("count", "template", "version"),
    "Notified": ("keys",),
    "Waiting": ("task_token",),
    "BegunRotation": ("begun_at", "execution", "is_new", "rollout_id", "to"),
    "Content": ("image", "template"),
    "FailedContent": ("content", "reason"),
    "KeptFleet": ("begun", "failed", "made"),
    "MadeVersion": ("content", "number"),
    "WaveFailure": ("cause", "reason", "wave"),
    "WavesProgress": ("asked", "failure", "is_over", "judge", "rollouts"),
}


def rollout(**more: Any) -> Rollout:
    return Rollout(rollout_id="web-1", kind=FleetKind.STANDALONE, fleet="web", target_groups=(), **more)


def _classes(kind: Any) -> Iterator[type]:
    if get_origin(kind) in (Union, UnionType) or get_args(kind):
        for part in get_args(kind):
            yield from _classes(part)
    elif is_dataclass(kind):
        assert isinstance(kind, type)
        yield kind
        for part in get_type_hints(kind).values():
            yield from _classes(part)


def _stored_fields() -> set[str]:
    kinds = (Record, RolloutRequest, Waiting, Notified, WavesProgress, KeptFleet)
    stored = {found for kind in kinds for found in _classes(kind)}
    classes = stored.difference(_classes(RolloutSpec))  # the words of the caller, stored only to be compared
    return {f"{kind.__name__}.{field.name}" for kind in classes for field in fields(kind)}


def _fields_in(table: Mapping[str, Sequence[str]]) -> set[str]:
    return {f"{kind}.{name}" for kind, names in table.items() for name in names}


def test_every_stored_field_steers_the_fleet_or_is_an_instruction() -> None:
    instructing, steering = _fields_in(INSTRUCTING), _fields_in(STEERING)
    assert _stored_fields() - instructing - steering == set(), "classify the new field"
    assert instructing | steering == _stored_fields(), "remove the field that no longer exists"
    assert not instructing & steering


def test_every_kind_of_hook_and_every_reload_is_listed() -> None:
    assert set(HOOKS) == set(HookKind)
    listed = instructions_of(
        rollout(hooks=tuple(HOOKS.values()), reload=RELOAD, rollback_reload=UNDO, region="us-east-1")
    )
    assert [str(each) for each in listed] == [
        "command on this machine at after_healthy (hook smoke): ./smoke 'a b'",
        "Lambda function at at_checkpoint (hook compare): compare-errors",
        r"script on the server at before_deregister (hook flush): cd /srv\n./flush",
        "Python callable at after_healthy (hook check): check",
        "endpoint to ask at while_judging (hook errors): http://web/counts",
        "CloudWatch metrics at while_judging (hook slow): Web:Latency",
        "anomaly flags at while_judging (hook flags): of the load balancer",
        r"shell command on the servers at reload: deploy 2\nrestart",
        "shell command on the servers at rollback: deploy 1",
        "region: us-east-1",
    ]


def test_a_document_is_listed_with_its_parameters() -> None:
    reload = ReloadCommand(app_version="2", document="Deploy", parameters={"to": ["2"], "from": ["1", "0"]})
    (listed,) = instructions_of(rollout(reload=reload))
    assert listed.content == ("Deploy", "from=['1', '0']", "to=['2']")


def test_no_character_of_an_instruction_moves_the_cursor_or_turns_the_text() -> None:
    evil = Instruction(kind=InstructionKind.SHELL, content=("rm -rf /\x1b[2K\r", "true\u202e"), name="\x07")
    assert str(evil).isprintable()
    assert "rm -rf /" in str(evil)


CHANGES: dict[str, dict[str, Any]] = {
    "command": {"hooks": (replace(HOOKS[HookKind.COMMAND], command=("./smoke", "a", "b")),)},
    "point": {"hooks": (replace(HOOKS[HookKind.COMMAND], point=HookPoint.BEFORE_ROLLOUT),)},
    "kind": {"hooks": (replace(HOOKS[HookKind.COMMAND], command=(), script=("./smoke a b",)),)},
    "second-hook": {"hooks": (HOOKS[HookKind.COMMAND], HOOKS[HookKind.FUNCTION])},
    "no-hook": {"hooks": ()},
    "reload": {"reload": replace(RELOAD, commands=("deploy 2; evil", "restart"))},
    "document": {"reload": ReloadCommand(app_version="2", document="Deploy")},
    "parameter-of-a-command": {"reload": replace(RELOAD, parameters={"commands": ["evil"]})},
    "rollback": {"rollback_reload": replace(UNDO, commands=("evil",))},
    "no-rollback": {"rollback_reload": None},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_any_change_of_a_record_differs_from_the_request(changes: dict[str, Any]) -> None:
    request = RolloutSpec(
        target_group=("web",),
        strategy=Strategy.RELOAD,
        command=RELOAD.commands,
        rollback_command=UNDO.commands,
        hooks=(HookSpec(point=HookPoint.AFTER_HEALTHY, command=("./smoke", "a b")),),
    )
    started = rollout(hooks=(HOOKS[HookKind.COMMAND],), reload=RELOAD, rollback_reload=UNDO)
    given = as_given(request)
    assert compare(instructions_of(started), own=(), given=given) == Comparison()

    compared = compare(instructions_of(replace(started, **changes)), own=(), given=given)
    assert compared.added or compared.removed
    assert not compared.left


def test_a_callable_is_not_compared_because_only_the_caller_has_it() -> None:
    found = instructions_of(rollout(hooks=(HOOKS[HookKind.CALLABLE],)))
    assert compare(found, own=()) == Comparison()
    assert compare(found, own=(), given=as_given(RolloutSpec(asg="web"))) == Comparison()


def test_a_request_decides_about_the_role_and_the_region_only_if_it_names_them() -> None:
    found, home = place(region="us-east-1", role=ROLE), place(region="eu-west-1")
    spec = RolloutSpec(asg="web")
    assert compare(found, own=home, given=as_given(spec)) == Comparison(left=found)
    assert compare(found, own=found, given=as_given(spec)) == Comparison()
    named = FleetSpec(name="web", request=spec, region="eu-west-1", role=ROLE)
    assert compare(found, own=found, given=named) == Comparison(added=found[1:], removed=home)
    external = replace(named, region="us-east-1", external_id="shop")
    assert [each.kind for each in compare(found, own=found, given=external).added] == [InstructionKind.ROLE]


def test_an_allow_list_permits_exactly_what_it_names() -> None:
    script = instructions_of(rollout(hooks=(HOOKS[HookKind.SCRIPT],)))[0]
    moved = replace(script, point="after_drain")
    allowed = AllowList(
        roles=(ROLE, f"{ROLE}2|shop"), functions=("compare-errors",), commands=(script.digest,), regions=("eu-west-1",)
    )
    permitted = {
        script: True,
        moved: False,
        **dict.fromkeys(place(role=ROLE), True),
        **dict.fromkeys(place(role=ROLE, external_id="shop"), False),
        **dict.fromkeys(place(role=f"{ROLE}2", external_id="shop"), True),
        **dict.fromkeys(place(role=f"{ROLE}2"), False),
        **dict.fromkeys(place(region="eu-west-1"), True),
        **dict.fromkeys(place(region="us-east-1"), False),
        **dict.fromkeys(instructions_of(rollout(hooks=(HOOKS[HookKind.FUNCTION],))), True),
    }
    assert {each: allowed.permits(each) for each in permitted} == permitted


@pytest.mark.parametrize("kind", [HookKind.COMMAND, HookKind.CALLABLE])
def test_no_list_permits_what_runs_in_the_driver(kind: HookKind) -> None:
    (local,) = instructions_of(rollout(hooks=(HOOKS[kind],)))
    assert not AllowList(commands=(local.digest,), functions=local.content).permits(local)


def test_nothing_is_allowed_by_default() -> None:
    found = instructions_of(rollout(hooks=tuple(HOOKS.values()), reload=RELOAD, region="us-east-1"))
    assert not any(NOTHING_ALLOWED.permits(each) for each in (*found, *place(role=ROLE)))


def test_a_request_that_is_given_again_has_valid_hooks() -> None:
    hook = HookSpec(point=HookPoint.AFTER_HEALTHY, command=("x",), function="y")
    with pytest.raises(SpecError, match="it has command and function"):
        as_given(RolloutSpec(asg="web", hooks=(hook,)))


def test_a_hook_of_a_record_runs_exactly_one_thing() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        replace(HOOKS[HookKind.FUNCTION], command=("evil",))


def test_a_request_without_commands_has_no_instructions() -> None:
    assert requested(RolloutSpec(asg="web")) == ()
