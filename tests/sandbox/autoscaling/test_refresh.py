"""Instance refreshes: they are shown, and they block the operations that AWS blocks."""

from __future__ import annotations

from tests.sandbox.autoscaling.lab import Lab, open_lab


def start(lab: Lab, **parameters: object) -> str:
    return str(lab.call("start_instance_refresh", **parameters)["InstanceRefreshId"])


def test_refresh_is_in_progress_until_it_is_cancelled() -> None:
    with open_lab() as lab:
        lab.create(desired=2)
        refresh = start(lab)
        shown = lab.call("describe_instance_refreshes")["InstanceRefreshes"]
        assert [(each["InstanceRefreshId"], each["Status"]) for each in shown] == [(refresh, "InProgress")]
        assert lab.call("cancel_instance_refresh")["InstanceRefreshId"] == refresh
        assert lab.call("describe_instance_refreshes")["InstanceRefreshes"][0]["Status"] == "Cancelling"
        lab.jump(11)
        shown = lab.call("describe_instance_refreshes", InstanceRefreshIds=[refresh])["InstanceRefreshes"]
        assert shown[0]["Status"] == "Cancelled"
        assert "EndTime" in shown[0]
        assert lab.refusal("cancel_instance_refresh").startswith("ActiveInstanceRefreshNotFound: ")


def test_active_refresh_blocks_another_refresh_warm_pools_and_target_groups() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        second = lab.new_target_group("second")
        start(lab)
        for operation, parameters in (
            ("start_instance_refresh", {}),
            ("put_warm_pool", {}),
            ("attach_load_balancer_target_groups", {"TargetGroupARNs": [second]}),
            ("attach_traffic_sources", {"TrafficSources": [{"Identifier": second}]}),
        ):
            assert lab.refusal(operation, **parameters).startswith("InstanceRefreshInProgress: ")
        assert lab.group()["TargetGroupARNs"] == [lab.target_group]


def test_refresh_with_a_desired_configuration_blocks_template_updates_and_nothing_else() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        template = {"LaunchTemplateId": lab.template, "Version": "2"}
        start(lab, DesiredConfiguration={"LaunchTemplate": template})
        refusal = lab.refusal("update_auto_scaling_group", LaunchTemplate=template)
        assert refusal.startswith("ValidationError: An active instance refresh with a desired configuration exists.")
        assert lab.group()["LaunchTemplate"]["Version"] == "1"
        lab.call("update_auto_scaling_group", MaxSize=11)
        assert lab.sizes() == (1, 1, 11)


def test_refresh_without_a_desired_configuration_lets_the_template_be_updated() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        start(lab)
        lab.call("update_auto_scaling_group", LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "2"})
        assert lab.group()["LaunchTemplate"]["Version"] == "2"
