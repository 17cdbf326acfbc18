"""The exact requests that observe, delete and restore a warm pool."""

from typing import Any

from awsroll.aws.parse_answers import read_warm_pool
from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import DeleteWarmPool, PutWarmPool
from awsroll.core.model.reasons import Reason
from awsroll.core.model.warm_pool import WarmPool
from awsroll.fleets.fallbacks import Fallbacks
from awsroll.fleets.group_settings import GroupReader
from tests.support.amazon import connection, stubbed
from tests.support.looking import Lab, group
from tests.support.looks import group as seen_group

POOL = WarmPool(minimum=2, prepared=6, state="Running", reuses=True)
REQUEST: dict[str, Any] = {
    "AutoScalingGroupName": "web",
    "MinSize": 2,
    "MaxGroupPreparedCapacity": 6,
    "PoolState": "Running",
    "InstanceReusePolicy": {"ReuseOnScaleIn": True},
}


def _seen(lab: Lab) -> WarmPool | None:
    found = lab.look().group
    assert found is not None
    return found.warm_pool


def _delete(pool: WarmPool = POOL) -> DeleteWarmPool:
    return DeleteWarmPool(group="web", pool=pool, reason=Reason.PREPARING)


def _put(pool: WarmPool = POOL) -> PutWarmPool:
    return PutWarmPool(group="web", pool=pool, reason=Reason.RESTORING)


def test_a_pool_is_deleted_with_its_instances_and_put_back_with_its_settings() -> None:
    with group(spec={"warm_pool": "purge"}) as lab:
        lab.client("autoscaling").put_warm_pool(**REQUEST)
        assert _seen(lab) == POOL

        lab.succeed(_delete())
        assert lab.requests.of("autoscaling:DeleteWarmPool") == [{"AutoScalingGroupName": "web", "ForceDelete": True}]
        assert _seen(lab) is None
        assert lab.succeed(_delete()).message == "the group has no warm pool"

        lab.requests.clear()
        lab.succeed(_put())
        assert lab.requests.of("autoscaling:PutWarmPool") == [REQUEST]
        assert _seen(lab) == POOL


def test_what_was_not_set_is_not_sent() -> None:
    with group(spec={"warm_pool": "purge"}) as lab:
        lab.succeed(_put(WarmPool()))
        (request,) = lab.requests.of("autoscaling:PutWarmPool")
        assert request == {"AutoScalingGroupName": "web", "MinSize": 0, "PoolState": "Stopped"}


def test_a_pool_that_was_changed_meanwhile_is_neither_deleted_nor_overwritten() -> None:
    with group(spec={"warm_pool": "purge"}) as lab:
        lab.client("autoscaling").put_warm_pool(AutoScalingGroupName="web", MinSize=1)

        assert lab.do(_delete()).answer is lab.do(_put()).answer is Answer.STALE
        assert _seen(lab) == WarmPool(minimum=1)


def test_a_rollout_without_purge_does_not_read_the_pool() -> None:
    with group() as lab:
        lab.client("autoscaling").put_warm_pool(**REQUEST)
        lab.requests.clear()
        assert _seen(lab) is None
        assert lab.requests.of("autoscaling:DescribeWarmPool") == []


def test_the_versions_of_all_its_instances_are_read_page_by_page() -> None:
    aws = connection()
    described = {"AutoScalingGroupName": "web", "WarmPoolConfiguration": {"MinSize": 2, "PoolState": "Stopped"}}
    with stubbed(aws, "autoscaling") as stubber:
        stubber.add_response(
            "describe_warm_pool",
            {"Instances": [_instance("i-1", "2")], "NextToken": "more"},
            {"AutoScalingGroupName": "web"},
        )
        stubber.add_response(
            "describe_warm_pool",
            {"Instances": [_instance("i-2", "1"), _instance("i-3", None)]},
            {"AutoScalingGroupName": "web", "NextToken": "more"},
        )
        reader = GroupReader(aws, Fallbacks(lambda _: None))
        found = reader.with_warm_pool(seen_group(), described)

    assert found.warm_pool == WarmPool(minimum=2)
    assert found.warm_versions == ("", "lt-1:1", "lt-1:2")


def _instance(name: str, version: str | None) -> dict[str, Any]:
    template = {} if version is None else {"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": version}}
    return {
        "InstanceId": name,
        "AvailabilityZone": "a",
        "LifecycleState": "Warmed:Stopped",
        "HealthStatus": "Healthy",
        "ProtectedFromScaleIn": False,
        **template,
    }


def test_a_pool_that_is_being_deleted_is_none_and_a_removed_size_is_not_set() -> None:
    assert read_warm_pool({"MinSize": 1, "Status": "PendingDelete"}) is None
    assert read_warm_pool({"MaxGroupPreparedCapacity": -1}) == WarmPool()
    assert read_warm_pool({"MaxGroupPreparedCapacity": 0}) == WarmPool(prepared=0)
