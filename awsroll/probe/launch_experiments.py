"""Experiments on launches: P3 (tokens of LaunchInstances), P4 (permissions) and P7 (tokens of RunInstances)."""

import json
import threading
from typing import Any

from awsroll.aws.raw_calls import Answer, RawCalls
from awsroll.probe.base import MAX_SIZE, MIN_SIZE, Base
from awsroll.probe.lab import Lab, Measurement
from awsroll.probe.ledger import Kind
from awsroll.probe.servers import terminate

ROLE_SECONDS = 20.0
"""A new role can be assumed after some seconds."""
LAUNCH_PERMISSIONS = {
    "CreateFleet": ["ec2:CreateFleet"],
    "PassRole": ["iam:PassRole"],
    "KMS": ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"],
}
_ALL = ["autoscaling:*", "ec2:*", "iam:PassRole", *LAUNCH_PERMISSIONS["KMS"]]


def launch_tokens(lab: Lab, base: Base) -> Measurement:
    """P3: repeat tokens of LaunchInstances, and break their rules."""
    rules = {
        "dot in the token": _summary(_launch(lab, base, f"{lab.probe_id}.dot")),
        "65 characters": _summary(_launch(lab, base, "t" * 65)),
    }
    _shrink(lab, base)  # if a token was accepted although it breaks a rule
    token = f"{lab.probe_id}-token"
    first = _launch(lab, base, token)
    again = _launch(lab, base, token)
    values: dict[str, Any] = {
        "first": _summary(first),
        "again": _summary(again),
        "same ids": bool(_ids(first)) and _ids(first) == _ids(again),
        "at once": sorted(_at_once(lab, base, f"{lab.probe_id}-once")),
        "above the maximum": _summary(_launch(lab, base, f"{lab.probe_id}-many", count=MAX_SIZE + 1)),
    }
    _shrink(lab, base)
    values = rules | values
    return Measurement(values=values, note="the life of a token (8 hours) exceeds the time limit of a probe")


def _launch(lab: Lab, base: Base, token: str, *, count: int = 1, aws: RawCalls | None = None) -> Answer:
    if count <= MAX_SIZE:
        lab.reserve(count)
    return (aws or lab.aws).call(
        "autoscaling",
        "LaunchInstances",
        AutoScalingGroupName=base.group,
        RequestedCapacity=count,
        AvailabilityZones=[base.zones[0]],
        ClientToken=token,
    )


def _ids(answer: Answer) -> list[str]:
    return [each for group in answer.result.get("Instances", []) for each in group.get("InstanceIds", [])]


def _summary(answer: Answer) -> str:
    if answer.code:
        return f"{answer.status} {answer.code}: {answer.message}"
    errors = [f"{each.get('ErrorCode')}: {each.get('ErrorMessage')}" for each in answer.result.get("Errors", [])]
    return f"{len(_ids(answer))} instances" + (f", errors: {'; '.join(errors)}" if errors else "")


def _at_once(lab: Lab, base: Base, token: str) -> list[str]:
    """Make the same call from two threads, and return both answers."""
    lab.reserve(1)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(_summary(_launch(lab, base, token)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _shrink(lab: Lab, base: Base) -> None:
    """Return the group to its minimum."""
    group = lab.group(base.group)
    lab.settle(base.group, int(group["DesiredCapacity"]), target_group=base.group_targets)
    for member in lab.in_service(base.group)[MIN_SIZE:]:
        lab.call(
            "autoscaling",
            "TerminateInstanceInAutoScalingGroup",
            InstanceId=member,
            ShouldDecrementDesiredCapacity=True,
        )
    lab.settle(base.group, MIN_SIZE, target_group=base.group_targets)


def permissions(lab: Lab, base: Base) -> Measurement:
    """P4: launch as roles that lack one permission each."""
    original = lab.group(base.group)["LaunchTemplate"]["Version"]
    encrypted = _encrypted_version(lab, base)
    values: dict[str, Any] = {}
    try:
        for missing, actions in LAUNCH_PERMISSIONS.items():
            if missing == "KMS" and not encrypted:
                continue
            version = encrypted if missing == "KMS" else original
            _set_version(lab, base, version)
            role = role_with(lab, base, missing.lower(), [each for each in _ALL if each not in actions], denied=actions)
            caller = lab.aws.as_role(role, lab.probe_id, lock=lab.lock)
            answer = _launch(lab, base, f"{lab.probe_id}-no-{missing.lower()}", aws=caller)
            ids = _ids(answer)
            lab.wait(30)
            values[missing] = {"answer": _summary(answer), "states": [lab.instance_state(each) for each in ids]}
    finally:
        _set_version(lab, base, original)
    _shrink(lab, base)
    allowed = [missing for missing, seen in values.items() if seen["states"]]
    note = f"launched without {', '.join(allowed)}: this endpoint checks no permissions" if len(allowed) > 1 else ""
    note += "" if encrypted else f"{'; ' if note else ''}no customer key could be created, so KMS was not measured"
    return Measurement(values=values, note=note)


def _set_version(lab: Lab, base: Base, version: str) -> None:
    template = {"LaunchTemplateId": base.template, "Version": version}
    lab.call("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName=base.group, LaunchTemplate=template)


def _encrypted_version(lab: Lab, base: Base) -> str:
    """Create a customer key, and a version of the template whose root volume it encrypts; empty if it is refused."""
    tags = [{"TagKey": each["Key"], "TagValue": each["Value"]} for each in lab.tags()]
    entry = lab.ledger.announce(Kind.KEY, lab.name("key"))
    made = lab.ask("kms", "CreateKey", Description=lab.probe_id, Tags=tags)
    if not made.succeeded:
        return ""  # the teardown finds nothing by the tag
    key = lab.ledger.created(entry, str(made.result["KeyMetadata"]["Arn"]))
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": key.resource_id, "VolumeType": "gp3"}}
    answer = lab.call(
        "ec2",
        "CreateLaunchTemplateVersion",
        LaunchTemplateId=base.template,
        SourceVersion="1",
        LaunchTemplateData={"BlockDeviceMappings": [disk]},
    )
    return str(answer["LaunchTemplateVersion"]["VersionNumber"])


def role_with(lab: Lab, base: Base, suffix: str, actions: list[str], *, denied: list[str] | None = None) -> str:
    """Create a role of this account that may do some actions, and return its ARN when it can be assumed."""
    allowed = [{"Effect": "Allow", "Action": actions, "Resource": "*"}]
    refused = [{"Effect": "Deny", "Action": denied, "Resource": "*"}] if denied else []
    return role_with_policy(lab, base, suffix, {"Version": "2012-10-17", "Statement": [*allowed, *refused]})


def role_with_policy(lab: Lab, base: Base, suffix: str, document: Any) -> str:
    """Create a role of this account with an inline policy, and return its ARN when it can be assumed."""
    name = lab.name(suffix)
    trusted = {"AWS": f"arn:{base.partition}:iam::{lab.account}:root"}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}],
    }
    arns: list[str] = []

    def make() -> str:
        made = lab.call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), Tags=lab.tags())
        arns.append(str(made["Role"]["Arn"]))
        return name

    lab.create(Kind.ROLE, name, make)
    lab.call("iam", "PutRolePolicy", RoleName=name, PolicyName="probe", PolicyDocument=json.dumps(document))
    lab.wait(ROLE_SECONDS)
    return arns[0]


def run_tokens(lab: Lab, base: Base) -> Measurement:
    """P7: repeat tokens of RunInstances when the template alone names the subnet."""
    version = _version_with_subnet(lab, base)
    token = f"{lab.probe_id}-run"
    first = _run(lab, base, version, token)
    values: dict[str, Any] = {"first": _run_summary(first)}
    named = _run(lab, base, version, token, NetworkInterfaces=[_interface(base, 0)])
    other = _run(lab, base, version, token, NetworkInterfaces=[_interface(base, 1)])
    changed = _run(lab, base, version, token, InstanceType="t4g.micro")
    values |= {"same subnet named": _run_summary(named), "other subnet": _run_summary(other)}
    values["other type"] = _run_summary(changed)
    lab.wait(60)
    terminate(lab, sorted({each for answer in (first, named, other, changed) for each in _run_ids(answer)}))
    values["after terminate"] = _run_summary(_run(lab, base, version, token))
    refused = _run(lab, base, version, f"{token}-2", InstanceType="t4g.unknown")
    replayed = _run(lab, base, version, f"{token}-2")
    values |= {"unknown type": _run_summary(refused), "repeated after the refusal": _run_summary(replayed)}
    lab.wait(60)
    terminate(lab, sorted({*_run_ids(replayed), *_run_ids(refused)}))
    is_new = bool(_run_ids(named)) and _run_ids(named) != _run_ids(first)
    switches = {
        "template_subnet_token_scope": "regional" if is_new else "zonal",
        "changed_token_parameters": "refused" if changed.code else "ignored",
    }
    return Measurement(values=values, switches=switches)


def _version_with_subnet(lab: Lab, base: Base) -> str:
    answer = lab.call("ec2", "DescribeLaunchTemplateVersions", LaunchTemplateId=base.template, Versions=["1"])
    data = {
        key: value
        for key, value in answer["LaunchTemplateVersions"][0]["LaunchTemplateData"].items()
        if key in {"ImageId", "InstanceType", "IamInstanceProfile", "TagSpecifications"}
    }
    made = lab.call(
        "ec2",
        "CreateLaunchTemplateVersion",
        LaunchTemplateId=base.template,
        LaunchTemplateData={**data, "NetworkInterfaces": [_interface(base, 0)]},
    )
    return str(made["LaunchTemplateVersion"]["VersionNumber"])


def _interface(base: Base, zone: int) -> dict[str, Any]:
    return {"DeviceIndex": 0, "SubnetId": base.subnets[zone], "Groups": [base.security_group]}


def _run(lab: Lab, base: Base, version: str, token: str, **more: Any) -> Answer:
    lab.reserve(1)
    return lab.ask(
        "ec2",
        "RunInstances",
        LaunchTemplate={"LaunchTemplateId": base.template, "Version": version},
        MinCount=1,
        MaxCount=1,
        ClientToken=token,
        **more,
    )


def _run_ids(answer: Answer) -> list[str]:
    return [str(each["InstanceId"]) for each in answer.result.get("Instances", [])]


def _run_summary(answer: Answer) -> str:
    return f"{answer.status} {answer.code}: {answer.message}" if answer.code else f"{len(_run_ids(answer))} instance"
