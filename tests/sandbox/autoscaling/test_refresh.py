"""Instance refreshes: they are shown, and they block what AWS blocks."""

from __future__ import annotations

from tests.sandbox.autoscaling.lab import Lab, lab


def start(it: Lab, **parameters: object) -> str:
    return str(it.call("start_instance_refresh", **parameters)["InstanceRefreshId"])


def test_refresh_is_in_progress_until_it_is_cancelled() -> None:
    with lab() as it:
        it.create(desired=2)
        refresh = start(it)
        shown = it.call("describe_instance_refreshes")["InstanceRefreshes"]
        assert [(each["InstanceRefreshId"], each["Status"]) for each in shown] == [(refresh, "InProgress")]
        assert it.call("cancel_instance_refresh")["InstanceRefreshId"] == refresh
        assert it.call("describe_instance_refreshes")["InstanceRefreshes"][0]["Status"] == "Cancelling"
        it.jump(11)
        shown = it.call("describe_instance_refreshes", InstanceRefreshIds=[refresh])["InstanceRefreshes"]
        assert shown[0]["Status"] == "Cancelled"
        assert "EndTime" in shown[0]
        assert it.refusal("cancel_instance_refresh").startswith("ActiveInstanceRefreshNotFound: ")


def test_active_refresh_blocks_another_one_warm_pools_and_target_groups() -> None:
    with lab() as it:
        it.create(desired=1)
        second = it.new_target_group("second")
        start(it)
        for operation, parameters in (
            ("start_instance_refresh", {}),
            ("put_warm_pool", {}),
            ("attach_load_balancer_target_groups", {"TargetGroupARNs": [second]}),
            ("attach_traffic_sources", {"TrafficSources": [{"Identifier": second}]}),
        ):
            assert it.refusal(operation, **parameters).startswith("InstanceRefreshInProgress: ")
        assert it.group()["TargetGroupARNs"] == [it.target_group]


def test_refresh_with_a_desired_configuration_blocks_template_updates_and_nothing_else() -> None:
    with lab() as it:
        it.create(desired=1)
        template = {"LaunchTemplateId": it.template, "Version": "2"}
        start(it, DesiredConfiguration={"LaunchTemplate": template})
        said = it.refusal("update_auto_scaling_group", LaunchTemplate=template)
        assert said.startswith("ValidationError: An active instance refresh with a desired configuration exists.")
        assert it.group()["LaunchTemplate"]["Version"] == "1"
        it.call("update_auto_scaling_group", MaxSize=11)
        assert it.sizes() == (1, 1, 11)


def test_refresh_without_a_desired_configuration_lets_the_template_be_updated() -> None:
    with lab() as it:
        it.create(desired=1)
        start(it)
        it.call("update_auto_scaling_group", LaunchTemplate={"LaunchTemplateId": it.template, "Version": "2"})
        assert it.group()["LaunchTemplate"]["Version"] == "2"
