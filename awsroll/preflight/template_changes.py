"""The differences between two launch template versions, in words. Pure: it reads what EC2 has answered.

User data is shown by its number of lines and a digest alone: it may hold secrets, and plans are printed in CI logs.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from awsroll.core.model.template_change import TemplateChange

_WORDS = {
    "ImageId": "image",
    "InstanceType": "instance type",
    "KeyName": "key pair",
    "IamInstanceProfile": "instance profile",
    "SecurityGroupIds": "security groups",
    "EbsOptimized": "EBS optimized",
    "BlockDeviceMappings": "volume",
    "NetworkInterfaces": "network interface",
    "DisableApiTermination": "termination protection",
    "CpuOptions": "CPU options",
    "RamDiskId": "RAM disk",
}
_NAMED_BY = {"BlockDeviceMappings": "DeviceName", "NetworkInterfaces": "DeviceIndex"}
_FIRST = ("image", "instance type", "user data")
_TAGS, _USER_DATA = "TagSpecifications", "UserData"
_INSTANCE = "instance"
_DIGITS = 12


def template_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[TemplateChange, ...]:
    """Return what differs between the data of two launch template versions: image, type and user data first.

    Args:
        before: `LaunchTemplateData` of the old version.
        after: `LaunchTemplateData` of the new version.
    """
    old, new = dict(_facts(before)), dict(_facts(after))
    names = sorted(old.keys() | new.keys(), key=lambda name: (_FIRST.index(name) if name in _FIRST else 9, name))
    changes = (
        TemplateChange(what=name, before=old.get(name, ""), after=new.get(name, ""))
        for name in names
        if old.get(name) != new.get(name)
    )
    return tuple(_with_lines(change, before, after) for change in changes)


def _facts(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        if key == _USER_DATA:
            yield "user data", _user_data_in_words(value)
        elif key == _TAGS:
            yield from _tags(value)
        else:
            yield from _flat(_words(key), key, value)


def _flat(name: str, key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the single values of a setting, each with its place in words."""
    if isinstance(value, Mapping):
        for inner, each in value.items():
            yield from _flat(f"{name} {_words(inner)}", inner, each)
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        for number, each in enumerate(value):
            rest = {inner: found for inner, found in each.items() if inner != _NAMED_BY.get(key)}
            yield from _flat(f"{name} {each.get(_NAMED_BY.get(key, ''), number)}", key, rest)
    elif isinstance(value, list):
        yield name, ", ".join(sorted(map(str, value)))
    else:
        yield name, str(value)


def _tags(specifications: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for specification in specifications:
        kind = str(specification.get("ResourceType", "")).replace("-", " ")
        for tag in specification.get("Tags", []):
            name = f"tag {tag['Key']}" if kind == _INSTANCE else f"tag {tag['Key']} of the {kind}"
            yield name, f'"{tag.get("Value", "")}"'


def _words(key: str) -> str:
    """Return a key of the API in words: `HttpTokens` is `http tokens`."""
    return _WORDS.get(key) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key).lower()


def _user_data(data: Mapping[str, Any]) -> bytes:
    encoded = str(data.get(_USER_DATA) or "")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return encoded.encode()


def _user_data_in_words(encoded: Any) -> str:
    script = _user_data({_USER_DATA: encoded})
    lines = len(_lines(script))
    size = f"{lines} line{'' if lines == 1 else 's'}" if lines else f"{len(script)} bytes"
    return f"{size} (sha256 {sha256(script).hexdigest()[:_DIGITS]})"


def _lines(script: bytes) -> list[str]:
    """Return the lines of a script; none if it is not text, such as a compressed one."""
    try:
        return script.decode().splitlines()
    except UnicodeDecodeError:
        return []


def _with_lines(change: TemplateChange, before: Mapping[str, Any], after: Mapping[str, Any]) -> TemplateChange:
    """Add to changed user data how many lines were added and removed."""
    if change.what != "user data" or not (change.before and change.after):
        return change
    old, new = _lines(_user_data(before)), _lines(_user_data(after))
    if not (old and new):
        return change
    from difflib import SequenceMatcher  # noqa: PLC0415 - slow to import, and few rollouts change user data

    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    same = sum(block.size for block in blocks)
    counts = f"{len(new) - same} added, {len(old) - same} removed"
    return TemplateChange(what=change.what, before=change.before, after=f"{change.after}, {counts}")
