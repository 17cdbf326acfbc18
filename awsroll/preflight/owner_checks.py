"""Who else changes a fleet: an operator, a service that owns it, and settings that act by themselves. Read only.

Sources: the service models of Auto Scaling (`AutoScalingGroup.Operator`, `InstanceLifecyclePolicy`,
`AvailabilityZoneDistribution`) and EC2 (`Instance.Operator`), and the tags that the services put on their resources.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from awsroll.aws.caller import Reply
from awsroll.aws.parse_answers import tags_of
from awsroll.preflight.findings import Findings, shortened

_DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owner:
    """A service that owns a resource, by the tag that the service puts on it.

    Attributes:
        tag: the key of the tag; one that ends with `/` is the start of the key.
        name: the service and the kind of its resource.
        effect: what the service does that a rollout should know.
    """

    tag: str
    name: str
    effect: str


_GROUP_OWNERS = (
    _Owner(
        tag="eks:nodegroup-name",
        name="the EKS managed node group",
        effect="EKS sets template and sizes back, and awsroll does not drain pods. Update the node group instead",
    ),
    _Owner(
        tag="elasticbeanstalk:environment-name",
        name="the Elastic Beanstalk environment",
        effect="its next deployment or update sets the template and the sizes back",
    ),
    _Owner(
        tag="AmazonECSManaged",
        name="an ECS capacity provider",
        effect="ECS scales the group by its tasks, and awsroll does not drain tasks. Enable managed draining first",
    ),
    _Owner(
        tag="aws:cloudformation:stack-name",
        name="the CloudFormation stack",
        effect="its next update may set the template version and the sizes back to those of the stack's template",
    ),
    _Owner(
        tag="kubernetes.io/cluster/",
        name="the Kubernetes cluster",
        effect="awsroll does not drain pods from its nodes",
    ),
)
_NO_OWNERS = ("autoscaling", "cloudformation")
"""Services whose tags on a group name no further owner: the group itself, and the stack in the table above."""
_PARTS_OF_A_TAG = 3  # aws:SERVICE:NAME
_SERVER_OWNERS = (
    _Owner(
        tag="aws:ec2:fleet-id",
        name="the EC2 Fleet",
        effect="a fleet of type maintain launches its own replacement for each server that is terminated",
    ),
    _Owner(
        tag="aws:ec2spot:fleet-request-id",
        name="the Spot Fleet request",
        effect="a request of type maintain launches its own replacement for each server that is terminated",
    ),
    _Owner(
        tag="aws:cloudformation:stack-name",
        name="the CloudFormation stack",
        effect="the stack still names the servers that are replaced, and its next update may fail or restore them",
    ),
    _Owner(
        tag="karpenter.sh/nodepool",
        name="the Karpenter node pool",
        effect="Karpenter replaces its nodes by itself, and awsroll does not drain pods",
    ),
)


def check_group_owner(group: Reply, findings: Findings) -> None:
    """Refuse a group that only its operator may change; warn of the services that own it and of its own changes."""
    name = group["AutoScalingGroupName"]
    operator = (group.get("Operator") or {}).get("Principal")
    if operator:
        findings.refuse(
            f"group {name} is managed by its operator {operator}: only that service may change it. Roll it with that "
            "service"
        )
    for owner, value in _owners(_GROUP_OWNERS, tags_of(group)):
        findings.warn(f"group {name} belongs to {owner.name}{value}: {owner.effect}")
    for tag, service in _tags_of_services(tags_of(group)):
        findings.warn(
            f"group {name} has the tag {tag}, so it belongs to a resource of the AWS service {service}, which may set "
            "the template and the sizes back"
        )
    for effect in _own_changes(group):
        findings.warn(f"group {name}: {effect}")


def check_server_owners(instances: Iterable[Reply], findings: Findings, *, in_group: bool) -> None:
    """Refuse servers that only their operator may change; warn of the services that own servers without a group."""
    described = tuple(instances)
    _check_operators(described, findings)
    if in_group:  # the group's own tags show the owner
        return
    owned: dict[tuple[_Owner, str], list[str]] = {}
    for instance in described:
        for owner_and_name in _owners(_SERVER_OWNERS, tags_of(instance)):
            owned.setdefault(owner_and_name, []).append(instance["InstanceId"])
    for (owner, value), names in owned.items():
        findings.warn(f"{shortened(names)} belong to {owner.name}{value}: {owner.effect}")


def _check_operators(described: Iterable[Reply], findings: Findings) -> None:
    by_operator: dict[str, list[str]] = {}
    for instance in described:
        operator = instance.get("Operator") or {}
        if operator.get("Managed"):
            by_operator.setdefault(str(operator.get("Principal") or "an AWS service"), []).append(
                instance["InstanceId"]
            )
    for principal, names in sorted(by_operator.items()):
        findings.refuse(
            f"{shortened(names)} are managed by their operator {principal}: only that service may change or terminate "
            "them. Roll them with that service"
        )


def _owners(owners: Iterable[_Owner], tags: Mapping[str, str]) -> Iterable[tuple[_Owner, str]]:
    """Yield the owners that the tags name, each with the name of its resource."""
    for owner in owners:
        if owner.tag in tags:
            yield owner, f" {tags[owner.tag]}" if tags[owner.tag] else ""
        elif owner.tag.endswith("/"):
            names = sorted(key.removeprefix(owner.tag) for key in tags if key.startswith(owner.tag))
            yield from ((owner, f" {name}") for name in names)


def _tags_of_services(tags: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield one tag of each AWS service that marks a group as its own, with the service."""
    by_service: dict[str, str] = {}
    for key in sorted(tags):
        parts = key.split(":")
        if len(parts) >= _PARTS_OF_A_TAG and parts[0] == "aws" and parts[1] not in _NO_OWNERS:
            by_service.setdefault(parts[1], key)
    return tuple((key, service) for service, key in by_service.items())


def _own_changes(group: Reply) -> list[str]:
    """Return what the settings of a group make it do by itself, also during a rollout."""
    effects = []
    lifetime = int(group.get("MaxInstanceLifetime") or 0)
    if lifetime:
        effects.append(
            f"MaxInstanceLifetime is {lifetime / _DAY_SECONDS:g} days: the group replaces older members by itself, "
            "also during the rollout"
        )
    if group.get("CapacityRebalance"):
        effects.append(
            "CapacityRebalance is on: the group launches a further member when a Spot member is at risk, also beyond "
            "the surge of the rollout"
        )
    spread = (group.get("AvailabilityZoneDistribution") or {}).get("CapacityDistributionStrategy")
    if spread == "balanced-only":
        effects.append(
            "its Availability Zone distribution is balanced-only: if a zone lacks capacity, the group does not launch "
            "in another zone, and a replacement is missing until the zone has capacity"
        )
    triggers = (group.get("InstanceLifecyclePolicy") or {}).get("RetentionTriggers") or {}
    if retained := sorted(name for name, action in triggers.items() if action == "retain"):
        effects.append(
            f"its instance lifecycle policy retains members ({', '.join(retained)}): a member whose termination is "
            "abandoned leaves the group's capacity, but runs and costs until somebody terminates it"
        )
    reserved = (group.get("CapacityReservationSpecification") or {}).get("CapacityReservationPreference")
    if reserved == "capacity-reservations-only":
        effects.append(
            "it launches into Capacity Reservations only: a surge needs free reservations, and draining servers still "
            "use theirs"
        )
    return effects
