"""Parts of synthesized templates, as the tests compare them."""

from typing import Any

from tests.cdk.synthesized import Synthesized


def signing_key(synthesized: Synthesized) -> str:
    """Return the logical id of the key that signs records."""
    keys = synthesized.resources("group", "AWS::KMS::Key").items()
    (found,) = (name for name, made in keys if "KeySpec" in made["Properties"] and "SigningKey" in name)
    return found


def links_key(synthesized: Synthesized) -> str:
    """Return the logical id of the key that signs links to approve."""
    (found,) = (name for name in synthesized.resources("group", "AWS::KMS::Key") if "ApprovalLinks" in name)
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def spelt(value: Any) -> str:
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [between, parts]}:
            return str(between).join(map(spelt, parts))
    return str(value)
