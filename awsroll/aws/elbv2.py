"""Elastic Load Balancing: target groups, their targets and settings. Calls only, split to the API's limits."""

from collections.abc import Iterable, Mapping, Sequence

from awsroll.aws.batches import batches
from awsroll.aws.caller import Caller, Reply
from awsroll.aws.ec2 import tag_list
from awsroll.core.aws_limits import (
    LOAD_BALANCERS_DESCRIBED,
    RESOURCES_WITH_TAGS_DESCRIBED,
    TARGET_GROUPS_DESCRIBED,
    TARGETS,
)
from awsroll.errors import AwsRefusedError

_SERVICE = "elbv2"
TARGET_GROUP_NOT_FOUND = "TargetGroupNotFound"
"""The code for the ARN or name of a target group that does not exist. One unknown ARN refuses the whole call."""


class Elbv2:
    """The Elastic Load Balancing calls awsroll makes. A target is (instance id, port), never the id alone."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def target_groups(self, arns: Sequence[str]) -> list[Reply]:
        """Describe target groups by ARN; raise `AwsRefusedError` (TargetGroupNotFound) if one is unknown."""
        groups: list[Reply] = []
        for batch in batches(arns, TARGET_GROUPS_DESCRIBED):
            answer = self._caller.call(_SERVICE, "DescribeTargetGroups", {"TargetGroupArns": batch})
            groups += answer.get("TargetGroups", [])
        return groups

    def existing_target_groups(self, arns: Sequence[str]) -> list[Reply]:
        """Describe those of some target groups that exist."""
        if self._caller.memory is not None and arns:  # the list of all is asked for anyway
            listed = self.target_groups_named(arns)
            if listed.keys() == set(arns):
                return [listed[arn] for arn in arns]
        try:
            return self.target_groups(arns)
        except AwsRefusedError as error:
            if error.code != TARGET_GROUP_NOT_FOUND:
                raise
        return [described for described in map(self.target_group, arns) if described is not None]

    def target_group_named(self, name: str) -> Reply | None:
        """Describe a target group by name; None if it does not exist."""
        return self._first_or_none("DescribeTargetGroups", {"Names": [name]}, "TargetGroups", TARGET_GROUP_NOT_FOUND)

    def target_group(self, arn: str) -> Reply | None:
        """Describe a target group by ARN; None if it does not exist."""
        request = {"TargetGroupArns": [arn]}
        return self._first_or_none("DescribeTargetGroups", request, "TargetGroups", TARGET_GROUP_NOT_FOUND)

    def _first_or_none(self, operation: str, request: Reply, key: str, unknown: str) -> Reply | None:
        try:
            answer = self._caller.call(_SERVICE, operation, request)
        except AwsRefusedError as error:
            if error.code == unknown:
                return None
            raise
        return next(iter(answer.get(key, [])), None)

    def all_target_groups(self) -> list[Reply]:
        """Describe all target groups in the region."""
        return [
            group
            for page in self._caller.pages(_SERVICE, "DescribeTargetGroups")
            for group in page.get("TargetGroups", [])
        ]

    def target_groups_named(self, named: Iterable[str]) -> dict[str, Reply]:
        """Describe target groups of the region by their names or ARNs, by what names them; leave out unknown ones."""
        wanted, found = set(named), dict[str, Reply]()
        for group in self.all_target_groups():
            for name in wanted & {group["TargetGroupArn"], group["TargetGroupName"]}:
                found[name] = group
        return found

    def target_group_names(self) -> list[str]:
        """Return the names of the target groups in the region."""
        return [str(group["TargetGroupName"]) for group in self.all_target_groups()]

    def attributes(self, arn: str) -> dict[str, str]:
        """Return the attributes of a target group, by key."""
        answer = self._caller.call(_SERVICE, "DescribeTargetGroupAttributes", {"TargetGroupArn": arn})
        return {attribute["Key"]: attribute["Value"] for attribute in answer.get("Attributes", [])}

    def set_attributes(self, arn: str, attributes: Mapping[str, str]) -> None:
        """Set attributes of a target group."""
        request = {"TargetGroupArn": arn, "Attributes": tag_list(attributes)}
        self._caller.call(_SERVICE, "ModifyTargetGroupAttributes", request)

    def set_health_checks(self, arn: str, *, interval_seconds: int | None, healthy_threshold: int | None) -> None:
        """Set the health check interval of a target group, its healthy threshold, or both; None: unchanged."""
        values = {"HealthCheckIntervalSeconds": interval_seconds, "HealthyThresholdCount": healthy_threshold}
        given = {name: value for name, value in values.items() if value is not None}
        self._caller.call(_SERVICE, "ModifyTargetGroup", {"TargetGroupArn": arn, **given})

    def load_balancers(self, arns: Sequence[str]) -> list[Reply]:
        """Describe load balancers by ARN."""
        balancers: list[Reply] = []
        for batch in batches(arns, LOAD_BALANCERS_DESCRIBED):
            balancers += self._caller.call(_SERVICE, "DescribeLoadBalancers", {"LoadBalancerArns": batch})[
                "LoadBalancers"
            ]
        return balancers

    def load_balancer_attributes(self, arn: str) -> dict[str, str]:
        """Return the attributes of a load balancer, by key."""
        answer = self._caller.call(_SERVICE, "DescribeLoadBalancerAttributes", {"LoadBalancerArn": arn})
        return {attribute["Key"]: attribute["Value"] for attribute in answer.get("Attributes", [])}

    def target_health(self, arn: str, *, anomalies: bool = False) -> list[Reply]:
        """Return all targets of a target group, also draining ones, in one call (the API has no pages).

        Args:
            arn: the target group.
            anomalies: also return whether the load balancer finds a target anomalous.
        """
        request: Reply = {"TargetGroupArn": arn, **({"Include": ["AnomalyDetection"]} if anomalies else {})}
        answer = self._caller.call(_SERVICE, "DescribeTargetHealth", request)
        targets: list[Reply] = answer.get("TargetHealthDescriptions", [])
        return targets

    def health_of(self, arn: str, targets: Sequence[tuple[str, int]]) -> list[Reply]:
        """Return the states of targets; a target that is not registered has the reason `Target.NotRegistered`.

        Raises:
            AwsRefusedError: `InvalidTarget` if EC2 no longer knows one of the instances.
        """
        descriptions: list[Reply] = []
        for batch in batches(targets, TARGETS):
            request = {"TargetGroupArn": arn, "Targets": _targets(batch)}
            descriptions += self._caller.call(_SERVICE, "DescribeTargetHealth", request).get(
                "TargetHealthDescriptions", []
            )
        return descriptions

    def register(self, arn: str, targets: Sequence[tuple[str, int]]) -> None:
        """Register targets; the instances must be running."""
        for batch in batches(targets, TARGETS):
            request = {"TargetGroupArn": arn, "Targets": _targets(batch)}
            self._caller.call(_SERVICE, "RegisterTargets", request)

    def deregister(self, arn: str, targets: Sequence[tuple[str, int]]) -> None:
        """Deregister targets, always with the port: without a port AWS may report success and do nothing."""
        for batch in batches(targets, TARGETS):
            request = {"TargetGroupArn": arn, "Targets": _targets(batch)}
            self._caller.call(_SERVICE, "DeregisterTargets", request)

    def tags(self, arns: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the tags of target groups, by ARN, without those of target groups that do not exist."""
        tags_by_arn: dict[str, dict[str, str]] = {}
        for batch in batches(arns, RESOURCES_WITH_TAGS_DESCRIBED):
            for described in self._tags_described(batch):
                tags_by_arn[described["ResourceArn"]] = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        return tags_by_arn

    def _tags_described(self, arns: Sequence[str]) -> list[Reply]:
        try:
            answer = self._caller.call(_SERVICE, "DescribeTags", {"ResourceArns": list(arns)})
        except AwsRefusedError as error:
            if error.code != TARGET_GROUP_NOT_FOUND:
                raise
            singly = ([arn] for arn in arns if len(arns) > 1)
            return [described for single in singly for described in self._tags_described(single)]
        descriptions: list[Reply] = answer.get("TagDescriptions", [])
        return descriptions

    def add_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set tags on a target group and replace equal keys."""
        self._caller.call(_SERVICE, "AddTags", {"ResourceArns": [arn], "Tags": tag_list(tags)})

    def remove_tags(self, arn: str, keys: Sequence[str]) -> None:
        """Remove tags from a target group. A tag that is absent is no error."""
        self._caller.call(_SERVICE, "RemoveTags", {"ResourceArns": [arn], "TagKeys": list(keys)})


def _targets(targets: Sequence[tuple[str, int]]) -> list[Reply]:
    return [{"Id": instance_id, "Port": port} for instance_id, port in targets]
