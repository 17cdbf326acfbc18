"""The launch source of a group: a launch template, a mixed instances policy or a launch configuration.

This file checks the source in a request and stores it on the group. Each launch resolves aliases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awsroll.sandbox.handler_parts import refuse

if TYPE_CHECKING:
    from awsroll.sandbox.autoscaling.catalog import Catalog
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.handler_parts import Parameters

SOURCE_REQUIRED = "Valid requests must contain either LaunchTemplate, LaunchConfigurationName or MixedInstancesPolicy"
SOURCES = ("LaunchTemplate", "MixedInstancesPolicy", "LaunchConfigurationName")
ALL_ON_DEMAND = 100
DISTRIBUTION = {
    "OnDemandAllocationStrategy": "prioritized",
    "OnDemandBaseCapacity": 0,
    "OnDemandPercentageAboveBaseCapacity": ALL_ON_DEMAND,
    "SpotAllocationStrategy": "lowest-price",
    "SpotInstancePools": 2,
}


def apply_template(group: Group, parameters: Parameters, catalog: Catalog) -> None:
    """Store the launch source of a request on the group; a request without a source changes nothing.

    Raises:
        ApiError: the request names more than one source, or a source that does not exist.
    """
    sources = [name for name in SOURCES if parameters.get(name)]
    if len(sources) > 1:
        refuse(SOURCE_REQUIRED)
    if parameters.get("InstanceId"):
        refuse("The sandbox creates groups from launch templates; InstanceId is not supported.")
    if not sources:
        return
    template = policy = configuration = None
    match sources[0]:
        case "LaunchTemplate":
            template = catalog.spec(parameters["LaunchTemplate"])
        case "MixedInstancesPolicy":
            policy = _policy(group, parameters["MixedInstancesPolicy"], catalog)
        case _:
            configuration = str(parameters["LaunchConfigurationName"])
            if not catalog.has_launch_configuration(configuration):
                refuse(f"Launch configuration name not found - Launch configuration {configuration} not found")
    group.template, group.mixed_policy, group.launch_configuration = template, policy, configuration


def mixes_purchase_options(group: Group) -> bool:
    """Return whether the group mixes On-Demand and Spot instances."""
    if group.mixed_policy is None:
        return False
    distribution = group.mixed_policy["InstancesDistribution"]
    percentage = int(distribution["OnDemandPercentageAboveBaseCapacity"])
    base = int(distribution["OnDemandBaseCapacity"])
    return 0 < percentage < ALL_ON_DEMAND or (percentage == 0 and base > 0)


def overriding_image(group: Group) -> str:
    """Return the image that an override of the mixed instances policy launches; empty: the template's image.

    AWS chooses among the overrides by price and capacity. The sandbox takes the first with an image.
    """
    overrides = (group.mixed_policy or {}).get("LaunchTemplate", {}).get("Overrides", [])
    return next((str(override["ImageId"]) for override in overrides if override.get("ImageId")), "")


def _policy(group: Group, request: dict[str, Any], catalog: Catalog) -> dict[str, Any]:
    """Return the completed policy, which replaces the old policy. Without a LaunchTemplate, that part is kept."""
    before = group.mixed_policy or {}
    launch = request.get("LaunchTemplate") or before.get("LaunchTemplate")
    if not launch:
        refuse("A MixedInstancesPolicy must contain a LaunchTemplate.")
    spec = catalog.spec(launch.get("LaunchTemplateSpecification") or {})
    overrides = [dict(override) for override in launch.get("Overrides") or []]
    for override in overrides:
        if own := override.get("LaunchTemplateSpecification"):
            override["LaunchTemplateSpecification"] = catalog.spec(own).to_api()
    distribution = {
        key: value for key, value in (request.get("InstancesDistribution") or {}).items() if value is not None
    }
    return {
        "LaunchTemplate": {"LaunchTemplateSpecification": spec.to_api(), "Overrides": overrides},
        "InstancesDistribution": DISTRIBUTION | distribution,
    }
