"""The checks of IAM for each call to AWS: the actions, resources and contexts.

A launch is checked for all that it creates and uses, for its tags and for the role it passes; some calls on a group are
checked as launches of the group's template.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from awsroll.iam import action_of
from awsroll.sandbox import Sandbox
from tests.iam.judge import Ask

Parameters = Mapping[str, Any]
NEEDS_NO_PERMISSION = frozenset({"sts:GetCallerIdentity"})


def _tag_context(tags: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    asked = {f"aws:RequestTag/{one['Key']}": [one["Value"]] for one in tags if "Value" in one}
    return {**asked, "aws:TagKeys": [one["Key"] for one in tags]}


class Asks:
    """Reads a call of boto3 as IAM does, in one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._world = sandbox.world
        session = sandbox.session()
        self._client = cache(session.client)
        self._of: dict[str, Callable[[str, Parameters], Iterator[Ask]]] = {
            "ec2": self._ec2,
            "elbv2": self._elbv2,
            "autoscaling": self._autoscaling,
            "ssm": self._ssm,
            "lambda": self._lambda,
            "dynamodb": self._dynamodb,
            "kms": self._kms,
            "s3": self._s3,
            "service-quotas": self._quotas,
            "vpc-lattice": self._lattice,
        }

    def of(self, service: str, operation: str, parameters: Parameters) -> list[Ask]:
        if f"{service}:{operation}" in NEEDS_NO_PERMISSION:
            return []
        found = list(self._of[service](operation, parameters)) if service in self._of else []
        return found or [Ask(action=action_of(service, operation))]

    def _arn(self, service: str, resource: str, *, account: str | None = None) -> str:
        owner = self._world.account_id if account is None else account
        return f"arn:aws:{service}:{self._world.region}:{owner}:{resource}"

    # --- EC2 ---

    def _ec2(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        action = action_of("ec2", operation)
        match operation:
            case "RunInstances":
                named = parameters["LaunchTemplate"]
                given = [tag for one in parameters.get("TagSpecifications", []) for tag in one["Tags"]]
                subnets = [parameters["SubnetId"]] if "SubnetId" in parameters else []
                yield from self._launch(named["LaunchTemplateId"], named["Version"], subnets=subnets, tags=given)
            case "TerminateInstances":
                yield from (self._on_instance(action, one) for one in parameters["InstanceIds"])
            case "DescribeInstanceAttribute":
                yield self._on_instance(action, parameters["InstanceId"])
            case "CreateTags":
                for one in parameters["Resources"]:
                    yield self._on_instance(action, one, _tag_context(parameters["Tags"]))

    def _on_instance(self, action: str, instance_id: str, more: Mapping[str, Sequence[str]] | None = None) -> Ask:
        seen = self._world.ec2.find(instance_id)
        tags = {} if seen is None else seen.tags
        prefixes = ("ssm:resourceTag", "aws:ResourceTag") if action.startswith("ssm:") else _EC2_TAG_KEYS
        context = {f"{prefix}/{key}": [value] for key, value in tags.items() for prefix in prefixes}
        resource = self._arn("ec2", f"instance/{instance_id}")
        return Ask(action=action, resource=resource, context={**context, **(more or {})})

    def _launch(
        self,
        template: str,
        version: str,
        *,
        subnets: Sequence[str],
        tags: Sequence[Mapping[str, str]] = (),
        by: str = "",
    ) -> Iterator[Ask]:
        data = self._template(template, version)
        arn = self._arn("ec2", f"launch-template/{template}")
        image = data["ImageId"]
        created = [self._arn("ec2", f"{one}/new") for one in ("instance", "network-interface", "volume")]
        used = [self._arn("ec2", f"security-group/{one}") for one in data.get("SecurityGroupIds", ["sg-default"])]
        used += [self._arn("ec2", f"subnet/{one}") for one in subnets or ["subnet-default"]]
        used += [arn, self._arn("ec2", f"image/{image}", account=""), self._arn("ec2", "snapshot/snap-1", account="")]
        used += [self._arn("ec2", f"key-pair/{data['KeyName']}")] if data.get("KeyName") else []
        unchanged = ("image/", "key-pair/", "snapshot/", "placement-group/", "capacity-reservation/", arn)
        for one in (*created, *used):
            yield Ask(action="ec2:RunInstances", resource=one, context=_of_template(arn, one, unchanged))
        for one in _without_conditions(data):
            yield Ask(action="ec2:RunInstances", resource=one)
        tagged = _tags_at_launch(data, tags)
        if "spot-instances-request" in tagged:
            yield Ask(action="ec2:RunInstances", resource=self._arn("ec2", "spot-instances-request/new"))
        if by == "CreateFleet":
            yield Ask(action="ec2:CreateFleet", resource=self._arn("ec2", "fleet/new"))
            kinds = ("instance/new", "volume/new", *(f"subnet/{one}" for one in subnets))
            for one in (
                *(self._arn("ec2", kind) for kind in kinds),
                arn,
                self._arn("ec2", f"image/{image}", account=""),
            ):
                yield Ask(action="ec2:CreateFleet", resource=one, context=_of_template(arn, one, unchanged))
        if by != "UpdateAutoScalingGroup":  # this call checks the caller's RunInstances and PassRole alone
            yield from self._keys(data)
        for kind, each in tagged.items():
            create = "CreateFleet" if by == "CreateFleet" else "RunInstances"
            context = {**_tag_context(each), "ec2:CreateAction": [create]}
            yield Ask(action="ec2:CreateTags", resource=self._arn("ec2", f"{kind}/new"), context=context)
        if profile := data.get("IamInstanceProfile"):
            passed = {"iam:PassedToService": ["ec2.amazonaws.com"]}
            yield Ask(action="iam:PassRole", resource=self._role_in(profile), context=passed)
        if image.startswith("resolve:ssm:"):
            name = image.removeprefix("resolve:ssm:").removeprefix("/")
            account = "" if name.startswith("aws/service/") else None
            yield Ask(action="ssm:GetParameters", resource=self._arn("ssm", f"parameter/{name}", account=account))

    def _keys(self, data: Parameters) -> Iterator[Ask]:
        """Yield the checks for each customer managed key of a volume: its use, and grants on behalf of the user."""
        disks = [one.get("Ebs", {}) for one in data.get("BlockDeviceMappings", [])]
        named_keys = {one["KmsKeyId"] for one in disks if one.get("KmsKeyId")}
        if self._client("ec2").get_ebs_encryption_by_default()["EbsEncryptionByDefault"]:
            named_keys.add(self._client("ec2").get_ebs_default_kms_key_id()["KmsKeyId"])
        for named in sorted(named_keys - {"alias/aws/ebs"}):
            is_alias = named.startswith("alias/")
            key = self._arn("kms", "key/behind-the-alias") if is_alias else named
            key = key if key.startswith("arn:") else self._arn("kms", f"key/{key}")
            context = {"kms:ViaService": [f"ec2.{self._world.region}.amazonaws.com"]}
            context |= {"kms:ResourceAliases": [named, "alias/other"]} if is_alias else {}
            for use in ("Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"):
                yield Ask(action=f"kms:{use}", resource=key, context=context)
            grant = {**context, "kms:GrantIsForAWSResource": ["true"]}
            yield Ask(action="kms:CreateGrant", resource=key, context=grant)

    def _template(self, template: str, version: str) -> Parameters:
        answer = self._client("ec2").describe_launch_template_versions(LaunchTemplateId=template, Versions=[version])
        found: Parameters = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        return found

    def _role_in(self, profile: Mapping[str, str]) -> str:
        name = profile.get("Name") or profile["Arn"].rpartition("/")[2]
        answer = self._client("iam").get_instance_profile(InstanceProfileName=name)
        return str(answer["InstanceProfile"]["Roles"][0]["Arn"])

    # --- the rest ---

    def _elbv2(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        if operation.startswith("Describe"):
            return
        action = action_of("elbv2", operation)
        keys = [{"Key": one} for one in parameters.get("TagKeys", [])]
        context = _tag_context(parameters.get("Tags", keys)) if "Tags" in parameters or keys else {}
        for arn in parameters.get("ResourceArns") or [parameters["TargetGroupArn"]]:
            yield Ask(action=action, resource=arn, context=context)

    def _autoscaling(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        if operation.startswith("Describe"):
            return
        action = action_of("autoscaling", operation)
        if "Tags" in parameters:
            for name in {one["ResourceId"] for one in parameters["Tags"]}:
                tags = [one for one in parameters["Tags"] if one["ResourceId"] == name]
                yield Ask(action=action, resource=self._group(name)["AutoScalingGroupARN"], context=_tag_context(tags))
            return
        group = self._group(parameters.get("AutoScalingGroupName") or self._group_of(parameters["InstanceId"]))
        yield Ask(action=action, resource=group["AutoScalingGroupARN"])
        if operation == "UpdateAutoScalingGroup":
            mixed = parameters.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
            setting = parameters.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification", {})
            if setting.get("Version", "").isdigit():  # IAM does not check an alias
                yield from self._launch(
                    setting["LaunchTemplateId"], setting["Version"], subnets=_subnets(group), by=operation
                )
        if operation == "LaunchInstances":
            mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
            setting = group.get("LaunchTemplate") or mixed["LaunchTemplateSpecification"]
            subnets = parameters.get("SubnetIds") or _subnets(group)
            yield from self._launch(setting["LaunchTemplateId"], setting["Version"], subnets=subnets, by="CreateFleet")

    def _group(self, name: str) -> Parameters:
        answer = self._client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        found: Parameters = answer["AutoScalingGroups"][0]
        return found

    def _group_of(self, instance_id: str) -> str:
        answer = self._client("autoscaling").describe_auto_scaling_instances(InstanceIds=[instance_id])
        return str(answer["AutoScalingInstances"][0]["AutoScalingGroupName"])

    def _ssm(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        if operation not in ("SendCommand", "DescribeDocument"):
            return
        name = parameters.get("DocumentName") or parameters["Name"]
        account = "" if name.startswith("AWS-") else None
        document = name if name.startswith("arn:") else self._arn("ssm", f"document/{name}", account=account)
        yield Ask(action=action_of("ssm", operation), resource=document)
        for one in parameters.get("InstanceIds", []):
            yield self._on_instance("ssm:SendCommand", one)

    def _lambda(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        name = parameters["FunctionName"]
        arn = name if name.startswith("arn:") else self._arn("lambda", f"function:{name}")
        yield Ask(action=action_of("lambda", operation), resource=arn)

    def _dynamodb(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        table = self._arn("dynamodb", f"table/{parameters['TableName']}")
        yield Ask(action=action_of("dynamodb", operation), resource=table, context=_leading_keys(parameters))
        described = self._client("dynamodb").describe_table(TableName=parameters["TableName"])["Table"]
        if key := described.get("SSEDescription", {}).get("KMSMasterKeyArn"):
            yield self._through("dynamodb", "Decrypt", key)

    def _kms(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        named = parameters["KeyId"]
        is_alias = named.startswith("alias/")
        key = self._arn("kms", "key/behind-the-alias") if is_alias else named
        context = {"kms:MacAlgorithm": [parameters["MacAlgorithm"]]}
        context |= {"kms:ResourceAliases": [named, "alias/other"]} if is_alias else {}
        resource = key if key.startswith("arn:") else self._arn("kms", f"key/{key}")
        yield Ask(action=action_of("kms", operation), resource=resource, context=context)

    def _quotas(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        quota = self._arn("servicequotas", f"{parameters['ServiceCode']}/{parameters['QuotaCode']}")
        yield Ask(action=action_of("service-quotas", operation), resource=quota)

    def _lattice(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        if operation == "ListTargets":
            group = str(parameters["targetGroupIdentifier"]).rpartition("/")[2]
            resource = self._arn("vpc-lattice", f"targetgroup/{group}")
            yield Ask(action=action_of("vpc-lattice", operation), resource=resource)

    def _through(self, service: str, use: str, key: str) -> Ask:
        """Return the check of a key that a service uses for its caller."""
        context = {"kms:ViaService": [f"{service}.{self._world.region}.amazonaws.com"]}
        return Ask(action=f"kms:{use}", resource=key, context=context)

    def _bucket_key(self, bucket: str) -> str:
        try:
            found = self._client("s3").get_bucket_encryption(Bucket=bucket)
        except ClientError:
            return ""
        (rule, *_) = found["ServerSideEncryptionConfiguration"]["Rules"]
        return str(rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID", ""))

    def _s3(self, operation: str, parameters: Parameters) -> Iterator[Ask]:
        bucket = f"arn:aws:s3:::{parameters['Bucket']}"
        if operation == "ListObjectsV2":
            context = {"s3:prefix": [parameters["Prefix"]]}
            yield Ask(action="s3:ListBucket", resource=bucket, context=context)
            return
        yield Ask(action=action_of("s3", operation), resource=f"{bucket}/{parameters['Key']}")
        if key := self._bucket_key(parameters["Bucket"]):
            uses = {"PutObject": ("GenerateDataKey",), "GetObject": ("Decrypt",)}.get(operation, ())
            yield from (self._through("s3", use, key) for use in uses)
        if operation == "GetObject":  # or a missing object is a forbidden one; this check knows no prefix
            yield Ask(action="s3:ListBucket", resource=bucket)


def _leading_keys(parameters: Parameters) -> dict[str, list[str]]:
    """Return the partition keys of a call on a table."""
    item = parameters.get("Key") or parameters.get("Item")
    if item is not None:
        return {"dynamodb:LeadingKeys": [item["pk"]["S"]]}
    values = parameters.get("ExpressionAttributeValues", {})
    return {"dynamodb:LeadingKeys": [values[":partition"]["S"]]} if ":partition" in values else {}


def _of_template(template: str, resource: str, unchanged: Sequence[str]) -> dict[str, list[str]]:
    """Return the condition keys of a launch: the template, and whether the resource is one that it names."""
    is_named = any(part in resource for part in unchanged)
    return {"ec2:LaunchTemplate": [template], "ec2:IsLaunchTemplateResource": [str(is_named).lower()]}


def _without_conditions(data: Parameters) -> Iterator[str]:
    """Yield the resources of a launch for which EC2 has no condition on launch templates."""
    target = data.get("CapacityReservationSpecification", {}).get("CapacityReservationTarget", {})
    if arn := target.get("CapacityReservationResourceGroupArn"):
        yield arn
    yield from (one["LicenseConfigurationArn"] for one in data.get("LicenseSpecifications", []))


_EC2_TAG_KEYS = ("ec2:ResourceTag", "aws:ResourceTag")


def _tags_at_launch(data: Parameters, given: Sequence[Mapping[str, str]]) -> dict[str, list[Mapping[str, str]]]:
    found: dict[str, list[Mapping[str, str]]] = {}
    for one in data.get("TagSpecifications", []):
        found.setdefault(one["ResourceType"], []).extend(one["Tags"])
    if given:
        found.setdefault("instance", []).extend(given)
    return found


def _subnets(group: Parameters) -> list[str]:
    return [one for one in group.get("VPCZoneIdentifier", "").split(",") if one]
