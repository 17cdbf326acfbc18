"""What differs between two launch template versions, in words."""

import base64
from typing import Any

import pytest

from awsroll.core.model.template_change import TemplateChange
from awsroll.preflight.template_changes import template_changes


def _encoded(script: str | bytes) -> str:
    return base64.b64encode(script if isinstance(script, bytes) else script.encode()).decode()


def _tags(**tags: str) -> list[dict[str, Any]]:
    return [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def test_image_type_and_user_data_come_first() -> None:
    before = {"InstanceType": "t3.micro", "ImageId": "ami-1", "EbsOptimized": True, "TagSpecifications": _tags(app="1")}
    after = {"InstanceType": "t3.small", "ImageId": "ami-2", "TagSpecifications": _tags(app="2", new="x")}

    assert template_changes(before, after) == (
        TemplateChange(what="image", before="ami-1", after="ami-2"),
        TemplateChange(what="instance type", before="t3.micro", after="t3.small"),
        TemplateChange(what="EBS optimized", before="True"),
        TemplateChange(what="tag app", before='"1"', after='"2"'),
        TemplateChange(what="tag new", after='"x"'),
    )


def test_the_same_content_has_no_changes() -> None:
    data = {"ImageId": "ami-1", "SecurityGroupIds": ["sg-2", "sg-1"], "UserData": _encoded("#!/bin/sh\n")}

    assert template_changes(data, {**data, "SecurityGroupIds": ["sg-1", "sg-2"]}) == ()


def test_user_data_is_counted_and_never_shown() -> None:
    before, after = "#!/bin/sh\nTOKEN=secret\nrun\n", "#!/bin/sh\nTOKEN=other\nrun\nmore\n"

    (change,) = template_changes({"UserData": _encoded(before)}, {"UserData": _encoded(after)})

    assert change.before.startswith("3 lines (sha256 ")
    assert change.after.endswith("), 2 added, 1 removed")
    assert "secret" not in str(change)


@pytest.mark.parametrize("data", ["not base64!", _encoded(b"\x1f\x8b\xff\xfe")], ids=["plain", "compressed"])
def test_user_data_of_every_kind_can_be_compared(data: str) -> None:
    (change,) = template_changes({"UserData": data}, {"UserData": _encoded("x")})

    assert change.what == "user data"
    assert change.before != change.after


def test_nested_settings_are_named_by_their_place() -> None:
    before = {
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}],
        "MetadataOptions": {"HttpTokens": "optional"},
    }
    after = {
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 16}}],
        "MetadataOptions": {"HttpTokens": "required"},
    }

    assert [str(change) for change in template_changes(before, after)] == [
        "metadata options http tokens: optional -> required",
        "volume /dev/xvda ebs volume size: 8 -> 16",
    ]
