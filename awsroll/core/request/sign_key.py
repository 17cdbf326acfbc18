"""The key that signs what is stored, as `--sign-key` takes it: a KMS key, or `file:PATH`."""

import re
from dataclasses import dataclass

from awsroll.errors import SpecError

_FORMS = "a KMS key (alias/NAME, a key id or an ARN), or file:PATH"
_FILE = "file:"
_KMS_ARN = re.compile(r"arn:[\w-]+:kms:(?P<region>[\w-]+):\d{12}:(alias/[\w/-]+|key/[\w-]+)")
_KMS_NAME = re.compile(r"alias/[\w/-]+|mrk-[\da-f]{32}|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignKey:
    """A parsed key: in KMS, or in a file.

    Attributes:
        kms: the id, alias or ARN of the key; empty for a file.
        region: the region of the ARN; empty: the region of the session.
        path: the file; empty for a key in KMS.
    """

    kms: str = ""
    region: str = ""
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "SignKey":
        """Parse a key.

        Raises:
            SpecError: if the text names neither a KMS key nor a file.
        """
        if match := _KMS_ARN.fullmatch(text):
            return cls(kms=text, region=match["region"])
        if _KMS_NAME.fullmatch(text):
            return cls(kms=text)
        path = text.removeprefix(_FILE)
        is_path = text.startswith((_FILE, "~")) or "/" in text
        if path and is_path and not text.startswith(("alias/", "arn:")):
            return cls(path=path)
        problem = f"--sign-key names no key: pass {_FORMS}"  # the text may be a secret that was passed by mistake
        raise SpecError(problem)
