"""Which launches share a call, what their call sets, and how a lost answer is settled."""

from dataclasses import replace

import pytest

from awsroll.core.classify.view import View
from awsroll.core.decide.launch_batches import LAUNCHED_SINGLY
from awsroll.core.decide.register import tag_launched
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import LAUNCHED_FEWER, Answer, Result
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import Instance, InstanceState, TargetState
from awsroll.core.model.plan import Plan
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.server_record import Slots
from awsroll.core.model.status import Outcome, Status
from awsroll.core.model.status_parts import Shortage
from awsroll.core.observe.membership import refresh
from awsroll.core.observe.settle import settle
from awsroll.core.planner import plan
from awsroll.core.tags import replaced_together, with_own_replaced
from awsroll.testing.clock import T0
from tests.support.looks import NEW, OLD, ON_WEB, instance, later, look, rollout, status

NAMES = tuple(f"i-{number}" for number in range(1, 8))
DOUBLE_HALF = {"unavailable": "0", "surge": "100%", "strategy": Strategy.DOUBLE_HALF}


def _old(name: str, **changes: object) -> Instance:
    return instance(name, tags=(("Name", f"web-{name}"), ("team", "shop")), **changes)  # type: ignore[arg-type]


def _doubled(count: int = 7, **kept: object) -> Plan:
    names = NAMES[:count]
    return plan(rollout(**DOUBLE_HALF), look(*map(_old, names)), status(*names, **kept))  # type: ignore[arg-type]


def _alike(count: int, tags: tuple[tuple[str, str], ...] = (("Name", "web"),)) -> Plan:
    names = tuple(f"i-{number:017x}" for number in range(count))
    servers = [instance(name, tags=tags) for name in names]
    return plan(rollout(**DOUBLE_HALF), look(*servers), status(*names))  # type: ignore[arg-type]


def _launches(decided: Plan) -> list[Launch]:
    assert all(isinstance(action, act.LaunchInstance) for action in decided.actions)
    return [action.launch for action in decided.actions if isinstance(action, act.LaunchInstance)]


def test_many_launches_of_one_subnet_are_one_batch() -> None:
    decided = _doubled()
    launches = _launches(decided)

    assert [(one.number, one.batch, one.index) for one in launches] == [(n, 7, n - 1) for n in range(1, 8)]
    assert len({one.token for one in launches}) == 1
    assert {one.replaces for one in launches} == set(NAMES)
    assert decided.status.launches == tuple(launches)
    assert decided.status.counters.launches == 7


def test_the_call_sets_the_tags_that_all_servers_of_a_batch_need() -> None:
    for one in _launches(_doubled()):
        assert ("team", "shop") in one.tags
        assert ("awsroll:role", "replacement") in one.tags
        assert one.own_tags == (("Name", f"web-{one.replaces}"), ("awsroll:replaces", one.replaces))


@pytest.mark.parametrize(("count", "lists"), [(7, 1), (12, 1), (13, 2), (48, 4)])
def test_the_call_lists_what_its_servers_replace_if_nothing_else_differs(count: int, lists: int) -> None:
    launches = _launches(_alike(count))

    assert {(one.batch, one.own_tags, one.tags) for one in launches} == {(count, (), launches[0].tags)}
    assert sum(key.startswith("awsroll:replaces:") for key, _ in launches[0].tags) == lists
    read = [with_own_replaced(dict(one.tags), one.index) for one in launches]
    assert [tags["awsroll:replaces"] for tags in read] == [one.replaces for one in launches]


@pytest.mark.parametrize(("count", "others"), [(49, 0), (7, 46)], ids=["many-lists", "many-tags"])
def test_too_many_lists_are_set_by_a_later_call(count: int, others: int) -> None:
    launches = _launches(_alike(count, tuple((f"tag-{number}", "1") for number in range(others))))

    assert {one.own_tags for one in launches} == {(("awsroll:replaces", one.replaces),) for one in launches}


def test_a_few_launches_are_made_one_by_one_with_all_tags() -> None:
    launches = _launches(_doubled(LAUNCHED_SINGLY))

    assert {(one.batch, one.index, one.own_tags) for one in launches} == {(1, 0, ())}
    assert len({one.token for one in launches}) == LAUNCHED_SINGLY
    assert ("Name", f"web-{launches[0].replaces}") in launches[0].tags


@pytest.mark.parametrize("kept", [{"shortage": Shortage(since=T0)}, {"tags_denied": True}], ids=["refused", "denied"])
def test_no_batch_after_a_refusal_or_without_the_permission_to_tag(kept: dict[str, object]) -> None:
    before = replace(status(*NAMES), **kept)  # type: ignore[arg-type]
    decided = plan(rollout(**DOUBLE_HALF), look(*map(_old, NAMES)), before)  # type: ignore[arg-type]

    assert {one.batch for one in _launches(decided)} == {1}


def test_each_subnet_has_its_own_batch() -> None:
    there = Slots(zone="zone-b", subnet_id="subnet-zone-b", targets=(ON_WEB,), instance_ids=NAMES[:3], template=OLD)
    here = status(*NAMES[3:]).slots
    before = replace(status(*NAMES), slots=(there, *here))
    launches = _launches(plan(rollout(**DOUBLE_HALF), look(*map(_old, NAMES)), before))  # type: ignore[arg-type]

    assert (
        sorted((one.subnet_id, one.batch) for one in launches)
        == [("subnet-zone-a", 4)] * 4 + [("subnet-zone-b", 3)] * 3
    )
    tokens = [one.token for one in launches]
    assert tokens == sorted(tokens, key=tokens.index)


# --- lost answers -----------------------------------------------------------------------------------------------------


def _shown(kept: Status, *names: str) -> Status:
    launch = kept.launches[0]
    new = [_pending(launch, name) for name in names]
    return refresh(View(rollout(**DOUBLE_HALF), look(*map(_old, NAMES), *new, at=30), kept))  # type: ignore[arg-type]


def _pending(launch: Launch, name: str, **changes: object) -> Instance:
    made = instance(name, NEW, None)
    return replace(made, client_token=launch.token, state=InstanceState.PENDING, tags=launch.tags, **changes)  # type: ignore[arg-type]


def test_a_batch_is_adopted_once_all_of_its_instances_show() -> None:
    kept = _doubled().status
    some, everyone = [f"i-9{number}" for number in range(6)], [f"i-9{number}" for number in range(7)]

    assert not any(one.settled for one in _shown(kept, *some).launches)
    adopted = _shown(kept, *everyone).launches
    assert [one.instance_ids for one in adopted] == [(name,) for name in everyone]
    assert all(one.settled for one in adopted)


def test_the_whole_batch_is_repeated_with_one_token() -> None:
    kept = _doubled().status
    repeated = _launches(plan(rollout(**DOUBLE_HALF), look(*map(_old, NAMES), at=5), kept))  # type: ignore[arg-type]

    assert [replace(one, repeated=False) for one in repeated] == list(kept.launches)


def test_a_repeated_launch_beyond_a_partial_answer_is_settled_as_refused() -> None:
    kept = _doubled().status
    decided = plan(rollout(**DOUBLE_HALF), look(*map(_old, NAMES), at=5), kept)  # type: ignore[arg-type]
    done, fewer = decided.actions[:4], decided.actions[4:]
    results = [Result(action=one, answer=Answer.DONE, instance_ids=(f"i-9{n}",)) for n, one in enumerate(done)]
    results += [
        Result(action=one, answer=Answer.REFUSED, code=LAUNCHED_FEWER, message="4 of 7", transient=True)
        for one in fewer
    ]
    after = settle(decided.status, tuple(results), later(6))

    assert [one.instance_ids for one in after.launches] == [(f"i-9{n}",) for n in range(4)]
    assert (after.shortage.since, after.shortage.reason, after.failures) == (later(6), "4 of 7", ())


# --- tags of one server -----------------------------------------------------------------------------------------------


def _answered() -> Status:
    decided = _doubled()
    results = tuple(
        Result(action=action, answer=Answer.DONE, instance_ids=(f"i-9{number}",))
        for number, action in enumerate(decided.actions)
    )
    return settle(decided.status, results, later(1))


def _tags(kept: Status, *new: Instance, at: float = 10) -> list[act.Action]:
    return tag_launched(View(rollout(**DOUBLE_HALF), look(*map(_old, NAMES), *new, at=at), kept))  # type: ignore[arg-type]


def test_a_launched_server_gets_its_own_tags_with_the_owners() -> None:
    kept = _answered()
    launch = kept.launches[0]
    (action,) = _tags(kept, _pending(launch, "i-90"))

    assert isinstance(action, act.TagInstances)
    assert action.instance_ids == ("i-90",)
    assert dict(action.tags) == {
        "Name": f"web-{launch.replaces}",
        "awsroll:replaces": launch.replaces,
        "awsroll:rollout": "web-1",
        "awsroll:role": "replacement",
        "awsroll:fleet": "web",
    }


def test_servers_of_one_call_that_lack_only_what_they_replace_are_tagged_together() -> None:
    kept = _answered()
    launches = [replace(one, own_tags=(("awsroll:replaces", one.replaces),)) for one in kept.launches]
    kept = replace(kept, launches=tuple(launches))
    shown = [_pending(one, one.instance_ids[0]) for one in launches]
    (action,) = _tags(kept, *shown[:2], *shown[3:])

    assert isinstance(action, act.TagInstances)
    assert action.instance_ids == tuple(one.instance_id for one in (*shown[:2], *shown[3:]))
    ids = [one.replaces for one in launches]
    assert dict(action.tags)["awsroll:replaces:0"] == " ".join([*ids[:2], "-", *ids[3:]])
    tagged = [with_own_replaced(dict(action.tags), one.index) for one in launches]
    assert [tags.get("awsroll:replaces") for tags in tagged] == [*ids[:2], None, *ids[3:]]


def test_one_tag_lists_twelve_servers_at_most() -> None:
    ids = {index: f"i-{index:017x}" for index in range(12, 24)}
    key, value = replaced_together(ids)

    assert (key, len(value) <= 256) == ("awsroll:replaces:12", True)
    assert {index: with_own_replaced({key: value}, index)["awsroll:replaces"] for index in ids} == ids
    assert with_own_replaced({key: value, "Name": "web"}, 3) == {"Name": "web"}


def test_a_settled_launch_keeps_only_the_tags_that_are_still_to_be_set() -> None:
    announced, kept = _launches(_doubled()), _answered()

    assert all(one.tags for one in announced)
    assert {one.tags for one in kept.launches} == {()}
    assert [one.own_tags for one in kept.launches] == [one.own_tags for one in announced]


def test_no_tags_for_a_server_that_has_them_has_ended_or_is_old() -> None:
    kept = _answered()
    launch = kept.launches[0]
    pending = _pending(launch, "i-90")

    assert _tags(kept, replace(pending, tags=(*launch.tags, *launch.own_tags))) == []
    assert _tags(kept, replace(pending, state=InstanceState.TERMINATED)) == []
    assert _tags(kept, replace(pending, state=InstanceState.MISSING)) == []
    assert _tags(kept, pending, at=3600) == []
    assert _tags(replace(kept, tags_denied=True), pending) == []


def test_a_server_that_takes_requests_is_watched_until_it_has_its_tags() -> None:
    kept = _answered()
    first = replace(_pending(kept.launches[0], "i-90"), state=InstanceState.RUNNING)
    serving = replace(first, targets=instance("x", NEW, TargetState.HEALTHY).targets)
    view = View(rollout(**DOUBLE_HALF), look(*map(_old, NAMES), serving, at=10), kept)  # type: ignore[arg-type]

    assert "i-90" in {name for launch in refresh(view).launches for name in launch.instance_ids}


def test_a_missing_permission_to_tag_new_servers_is_a_warning() -> None:
    kept = _answered()
    (action,) = _tags(kept, _pending(kept.launches[0], "i-90"))
    denied = Result(action=action, answer=Answer.REFUSED, code="UnauthorizedOperation", message="no", denied=True)
    after = settle(kept, (denied,), later(11))

    assert (after.outcome, after.tags_denied, after.failures) == (Outcome.RUNNING, True, ())
    assert "ec2:CreateTags" in after.warnings[0]
    assert action == replace(action, reason=Reason.NEW_INSTANCE_RUNNING)
