"""A saved plan is carried out exactly, or refused with each difference once the fleet has changed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.cli.render_plan import plan_text
from awsroll.cli.roll_request import build_roll_request
from awsroll.core.model.hooks import HookPoint
from awsroll.errors import FleetError, SpecError
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture(params=[False, True], ids=["standalone", "group"])
def rolling(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=request.param, servers=3)


def _plan(rolling: Rolling, **wanted: Any) -> awsroll.RolloutPlan:
    return awsroll.plan(rolling.request(**wanted), session=rolling.sandbox.session(), clock=rolling.clock)


def _roll(rolling: Rolling, plan: awsroll.RolloutPlan) -> awsroll.Report:
    return awsroll.roll(plan, session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock)


def _client(rolling: Rolling, service: str) -> Any:
    return rolling.sandbox.session().client(service)


def test_a_saved_plan_is_read_as_it_was_written(rolling: Rolling, tmp_path: Path) -> None:
    plan = _plan(rolling, concurrent="50%", launch_first=True)
    awsroll.save_plan(plan, tmp_path / "web.plan")

    assert awsroll.load_plan(tmp_path / "web.plan") == plan


def test_a_plan_rolls_to_the_version_that_was_the_latest_when_it_was_made(rolling: Rolling) -> None:
    latest = f"{rolling.fleet.template_id}:$Latest"
    plan = _plan(rolling, launch_template=latest)
    ec2 = _client(rolling, "ec2")
    ec2.create_launch_template_version(
        LaunchTemplateId=rolling.fleet.template_id, SourceVersion="2", LaunchTemplateData={}
    )

    report = _roll(rolling, plan)

    assert plan.to_version == report.to_version == f"{rolling.fleet.template_id}:2"
    assert report.succeeded, report.reason
    assert rolling.serving_versions() == {"v2": 3}


def test_a_change_of_health_alone_is_not_a_difference(rolling: Rolling) -> None:
    plan = _plan(rolling, launch_first=True)
    sick = rolling.fleet.instance_ids[0]
    _client(rolling, "ec2").create_tags(Resources=[sick], Tags=[{"Key": "sandbox:health", "Value": "unhealthy"}])
    rolling.clock.sleep(25)
    shown = _client(rolling, "elbv2").describe_target_health(TargetGroupArn=rolling.fleet.target_group_arns[0])
    states = [one["TargetHealth"]["State"] for one in shown["TargetHealthDescriptions"]]
    assert sorted(states) == ["healthy", "healthy", "unhealthy"]
    _client(rolling, "ec2").delete_tags(Resources=[sick], Tags=[{"Key": "sandbox:health"}])  # tags are inherited

    assert _roll(rolling, plan).succeeded


def test_a_server_that_is_gone_is_named_and_nothing_is_changed(rolling: Rolling) -> None:
    plan = _plan(rolling)
    gone = rolling.fleet.instance_ids[0]
    if rolling.fleet.group_name:
        _client(rolling, "autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=gone, ShouldDecrementDesiredCapacity=True
        )
    else:
        arn = rolling.fleet.target_group_arns[0]
        _client(rolling, "elbv2").deregister_targets(TargetGroupArn=arn, Targets=[{"Id": gone}])
    rolling.clock.sleep(120)

    with pytest.raises(FleetError, match=f"{gone} is no longer in the fleet") as refused:
        _roll(rolling, plan)

    assert "nothing was changed" in refused.value.problems[-1]
    assert rolling.store.list() == ()
    assert rolling.serving_versions() == {"v1": 2}


def test_other_bounds_of_the_group_are_refused(rolling: Rolling) -> None:
    if not rolling.fleet.group_name:
        _other_ports_are_refused(rolling)
        return
    plan = _plan(rolling)
    _client(rolling, "autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=rolling.fleet.group_name, MaxSize=9, MinSize=0
    )

    with pytest.raises(FleetError) as refused:
        _roll(rolling, plan)

    assert any(one.startswith("the group's max size is 9, but the plan has") for one in refused.value.problems)
    assert rolling.group()["MaxSize"] == 9


def _other_ports_are_refused(rolling: Rolling) -> None:
    plan, arn = _plan(rolling), rolling.fleet.target_group_arns[0]
    one = rolling.fleet.instance_ids[0]
    _client(rolling, "elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": one, "Port": 8123}])

    with pytest.raises(FleetError) as refused:
        _roll(rolling, plan)

    assert refused.value.problems[0] == f"registration of {one} is new: {arn} port 8123"


def test_a_plan_without_a_request_is_refused(rolling: Rolling) -> None:
    with pytest.raises(SpecError, match="has no request"):
        _roll(rolling, replace(_plan(rolling), request=None))


# --- the file, and options beside it ----------------------------------------------------------------------------------


def _edited(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        envelope = json.loads(data)
        change(envelope)
        return json.dumps(envelope).encode()

    return edit


DAMAGES = {
    "truncated": (lambda data: data[: len(data) // 2], "truncated"),
    "empty": (lambda data: b"", "truncated"),
    "newer": (_edited(lambda one: one.update(format=2)), "a newer awsroll wrote it"),
    "another": (lambda data: b"{}", "not a plan of awsroll"),
    "edited": (_edited(lambda one: one["plan"]["request"].update(concurrent=3)), "edited or damaged"),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("rolling", [False], indirect=True, ids=["standalone"])
def test_a_damaged_plan_file_is_refused(
    rolling: Rolling, tmp_path: Path, damage: Callable[[bytes], bytes], says: str
) -> None:
    path = tmp_path / "web.plan"
    awsroll.save_plan(_plan(rolling), path)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(SpecError, match=says) as refused:
        awsroll.load_plan(path)

    assert str(path) in str(refused.value)
    assert "awsroll plan" in str(refused.value)


def test_a_missing_plan_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read: No such file"):
        awsroll.load_plan(tmp_path / "web.plan")


@pytest.mark.parametrize("rolling", [True], indirect=True, ids=["group"])
def test_a_plan_that_cannot_be_written_is_an_error(rolling: Rolling, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="Choose another --out"):
        awsroll.save_plan(_plan(rolling), tmp_path / "nowhere" / "web.plan")


@pytest.mark.parametrize("rolling", [True], indirect=True, ids=["group"])
def test_options_with_a_plan_file_may_repeat_it_and_set_the_pace(rolling: Rolling, tmp_path: Path) -> None:
    latest = f"{rolling.fleet.template_id}:$Latest"
    plan = _plan(rolling, launch_template=latest, concurrent="50%")
    path = tmp_path / "web.plan"
    awsroll.save_plan(plan, path)
    pinned = f"{rolling.fleet.template_id}:2"

    assert build_roll_request(plan=path, file=None) == plan
    assert build_roll_request(plan=path, file=None, asg="web", launch_template=latest, concurrent="50%") == plan
    assert build_roll_request(plan=path, file=None, launch_template=pinned) == plan
    repeated = build_roll_request(plan=path, file=None, poll=0.5, settle_time=9.0)
    assert isinstance(repeated, awsroll.RolloutPlan)
    assert plan.request is not None
    assert repeated == replace(plan, request=replace(plan.request, poll=0.5, settle_time=9.0))


@pytest.mark.parametrize("rolling", [True], indirect=True, ids=["group"])
def test_options_that_contradict_the_plan_file_are_refused_all_at_once(rolling: Rolling, tmp_path: Path) -> None:
    path = tmp_path / "web.plan"
    awsroll.save_plan(_plan(rolling), path)

    with pytest.raises(SpecError) as refused:
        build_roll_request(plan=path, file=None, asg="db", concurrent="2", launch_first=True, strict=False)

    assert [one.partition(",")[0] for one in refused.value.problems] == [
        f"--asg db contradicts the plan file {path}",
        f"--concurrent 2 contradicts the plan file {path}",
        f"--launch-first True contradicts the plan file {path}",
    ]


HOOKS = (
    awsroll.HookSpec(point=HookPoint.AFTER_HEALTHY, command=("true", "a b"), name="smoke"),
    awsroll.HookSpec(point=HookPoint.BEFORE_DEREGISTER, script=("true",)),
)
SHOWN = (
    "command on this machine at after_healthy (hook smoke): true 'a b'",
    "script on the server at before_deregister: true",
)


@pytest.mark.parametrize("rolling", [False], indirect=True, ids=["standalone"])
def test_a_plan_shows_everything_that_its_rollout_runs_and_its_file_runs_exactly_that(
    rolling: Rolling, tmp_path: Path
) -> None:
    plan = _plan(rolling, hooks=HOOKS)
    digest = awsroll.save_plan(plan, tmp_path / "web.plan")
    loaded = awsroll.load_plan(tmp_path / "web.plan", digest=digest)

    assert tuple(map(str, plan.instructions)) == SHOWN
    assert [line.removeprefix("runs").strip() for line in plan_text(plan).splitlines() if line.startswith("runs")] == [
        *SHOWN
    ]
    assert [(each["point"], each["content"]) for each in plan.as_dict()["instructions"]] == [
        ("after_healthy", ["true", "a b"]),
        ("before_deregister", ["true"]),
    ]
    assert _roll(rolling, loaded).succeeded


ADDED = awsroll.HookSpec(point=HookPoint.BEFORE_ROLLOUT, command=("touch", "evil"))
EDITS: dict[str, tuple[tuple[awsroll.HookSpec, ...], str]] = {
    "added": (
        (*HOOKS, ADDED),
        "what the plan does not show: command on this machine at before_rollout: touch evil",
    ),
    "removed": (HOOKS[1:], "does not run what the plan shows: .* true 'a b'"),
    "changed": (
        (replace(HOOKS[0], command=("true", "a b", "; evil")), HOOKS[1]),
        "runs what the plan does not show: .* true 'a b' '; evil'",
    ),
}


@pytest.mark.parametrize(("hooks", "problem"), EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("rolling", [False], indirect=True, ids=["standalone"])
def test_a_command_that_was_added_to_a_plan_file_does_not_run(
    rolling: Rolling, tmp_path: Path, hooks: tuple[awsroll.HookSpec, ...], problem: str
) -> None:
    """The editor of the file also writes its checksum."""
    plan = _plan(rolling, hooks=HOOKS)
    assert plan.request is not None
    digest = awsroll.save_plan(plan, tmp_path / "web.plan")
    awsroll.save_plan(replace(plan, request=replace(plan.request, hooks=hooks)), tmp_path / "web.plan")

    with pytest.raises(SpecError, match=problem):
        _roll(rolling, awsroll.load_plan(tmp_path / "web.plan"))
    with pytest.raises(SpecError, match="holds another plan"):
        build_roll_request(plan=tmp_path / "web.plan", file=None, plan_digest=digest)
    assert rolling.serving_versions() == {"v1": 3}
    assert rolling.store.list() == ()


@pytest.mark.parametrize("rolling", [False], indirect=True, ids=["standalone"])
def test_a_hook_in_the_rollout_file_that_the_plan_does_not_have_is_refused(rolling: Rolling, tmp_path: Path) -> None:
    awsroll.save_plan(_plan(rolling), tmp_path / "web.plan")
    (tmp_path / "web.yaml").write_text("hooks: [{point: before_rollout, command: [touch, evil]}]")

    with pytest.raises(SpecError, match=r"--hooks .* contradicts the plan file"):
        build_roll_request(plan=tmp_path / "web.plan", file=str(tmp_path / "web.yaml"))
    with pytest.raises(SpecError, match="pass --plan FILE too"):
        build_roll_request(plan=None, file=None, plan_digest="sha256:0", asg="web")
