"""The record of a probe: every call and answer as JSON lines, without account number and secrets."""

import json
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from awsroll.aws.raw_calls import Answer

NO_ACCOUNT = "000000000000"
REPLACED = "REPLACED"
_SECRET_NAMES = re.compile(
    r"secret|password|sessiontoken|accesskeyid|keymaterial|privatekey|plaintext|ciphertext|nexttoken|^credentials$",
    re.IGNORECASE,
)
_SECRET_TEXTS = (
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"),
    re.compile(r"(?<=Encoded authorization failure message: )\S+"),
    re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b(?<!\b0\.0\.0\.0)"),  # public addresses of the account's servers
)
_ID = re.compile(r"\bAROA[A-Z0-9]{12,}\b|\bAIDA[A-Z0-9]{12,}\b")


class Redaction:
    """Replaces the account number and secrets in values that are about to be written.

    Args:
        account: the number of the account.
    """

    def __init__(self, account: str) -> None:
        self._account = account

    def __call__(self, value: Any, name: str = "") -> Any:
        """Return a copy of a JSON-like value without the account number and secrets."""
        if _SECRET_NAMES.search(name) and value is not None:
            return REPLACED
        match value:
            case Mapping():
                return {str(key): self(member, str(key)) for key, member in value.items()}
            case list() | tuple():
                return [self(member, name) for member in value]
            case datetime():
                return value.isoformat()
            case bool() | int() | float() | None:
                return value
            case _:
                return self._text(str(value))

    def _text(self, text: str) -> str:
        text = text.replace(self._account, NO_ACCOUNT) if self._account else text
        for secret in (*_SECRET_TEXTS, _ID):
            text = secret.sub(REPLACED, text)
        return text


class Transcript:
    """Appends lines to a file.

    Args:
        path: the file; an existing file is continued.
        redact: cleans every line.
    """

    def __init__(self, path: Path, redact: Redaction) -> None:
        self.path = path
        self._redact = redact
        self._lock = threading.Lock()
        self.experiment = "base"
        """The experiment that the next calls belong to."""

    def record(self, answer: Answer) -> None:
        """Write a call and its answer."""
        self.note(
            "call",
            answer.sent_at,
            answered_at=answer.answered_at,
            service=answer.service,
            operation=answer.operation,
            parameters=answer.parameters,
            status=answer.status,
            code=answer.code,
            message=answer.message,
            request_id=answer.request_id,
            result=answer.result,
        )

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write an event of a rollout; the transcript is the sink of the rollouts of an experiment."""
        self.note(f"rollout:{name}", at, **fields)

    def observed(self, *_: object) -> None:
        """Do nothing: the calls show what was observed."""

    def note(self, event: str, at: datetime, **fields: Any) -> None:
        """Write an event of the probe itself."""
        line = {"event": event, "experiment": self.experiment, "at": at, **fields}
        with self._lock, self.path.open("a") as file:
            file.write(json.dumps(self._redact(line)) + "\n")
