"""The ledger: every resource of a probe, written to a file before the call that creates it.

One line is one JSON object. `announced` comes before the create call, `created` adds the id that AWS gave, `deleted`
comes after the deletion. Names and tags are derived from the probe's id, so a resource whose create call never answered
is found by its name or tag. `awsroll probe --teardown FILE` needs this file alone.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from awsroll.errors import SpecError

TAG = "awsroll:probe"
VERSION = 1


class Kind(StrEnum):
    """The kinds of resources, in the order in which they are deleted."""

    ZONAL_SHIFT = "zonal-shift"
    GROUP = "auto-scaling-group"
    INSTANCES = "instances"
    LISTENER = "listener"
    LOAD_BALANCER = "load-balancer"
    TARGET_GROUP = "target-group"
    LAUNCH_TEMPLATE = "launch-template"
    KEY = "kms-key"
    INSTANCE_PROFILE = "instance-profile"
    ROLE = "role"
    SECURITY_GROUP = "security-group"
    SUBNET = "subnet"
    INTERNET_GATEWAY = "internet-gateway"
    VPC = "vpc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One resource. INSTANCES stands for every instance that has the probe's tag."""

    kind: Kind
    name: str
    """The name, unique among the resources of its kind in this probe."""
    resource_id: str = ""
    """The id or ARN; empty if the create call was not answered."""
    extra: Mapping[str, str] | None = None
    """What the deletion needs beside: the VPC of a gateway, the role of a profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line: which probe, where."""

    probe_id: str
    region: str
    account: str


class Ledger:
    """The open resources of one probe.

    Args:
        path: the file.
        header: which probe, and where.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header = header
        self._open: dict[tuple[Kind, str], Entry] = {}

    @classmethod
    def start(cls, path: Path, header: Header) -> "Ledger":
        """Create the file, with its header.

        Raises:
            SpecError: the file exists or cannot be written.
        """
        ledger = cls(path, header)
        fields = {"version": VERSION, "probe_id": header.probe_id, "region": header.region, "account": header.account}
        try:
            with path.open("x") as file:
                file.write(json.dumps({"event": "probe", **fields}) + "\n")
        except OSError as error:
            problem = f"the ledger {path} cannot be created: {error.strerror}. Nothing was created on AWS"
            raise SpecError(problem) from error
        return ledger

    @classmethod
    def read(cls, path: Path) -> "Ledger":
        """Return the ledger of a file.

        Raises:
            SpecError: the file cannot be read, or is no ledger.
        """
        try:
            *whole, last = [line for line in path.read_text().splitlines() if line.strip()] or [""]
            # A process that died while it wrote the last line had not made the call that follows.
            lines = [json.loads(line) for line in (*whole, *([last] if last.endswith("}") else []))]
            first, *others = lines
            if first["event"] != "probe" or first["version"] != VERSION:
                raise ValueError(first["event"])  # noqa: TRY301 - one message for every malformed file
            header = Header(probe_id=str(first["probe_id"]), region=str(first["region"]), account=str(first["account"]))
            ledger = cls(path, header)
            for line in others:
                ledger._apply(line)
        except OSError as error:
            problem = f"the ledger {path} cannot be read: {error.strerror}. Nothing was deleted"
            raise SpecError(problem) from error
        except (ValueError, KeyError, TypeError) as error:
            problem = f"{path} is not the ledger of a probe ({error}). Nothing was deleted"
            raise SpecError(problem) from error
        return ledger

    def announce(self, kind: Kind, name: str, **extra: str) -> Entry:
        """Write that a resource is about to be created."""
        return self._write("announced", Entry(kind=kind, name=name, extra=extra or None))

    def created(self, entry: Entry, resource_id: str) -> Entry:
        """Write the id of a created resource."""
        return self._write("created", replace(entry, resource_id=resource_id))

    def deleted(self, entry: Entry) -> None:
        """Write that a resource no longer exists."""
        self._write("deleted", entry)

    def open_entries(self) -> tuple[Entry, ...]:
        """Return the resources that may still exist, in the order of their deletion."""
        order = list(Kind)
        return tuple(sorted(self._open.values(), key=lambda entry: order.index(entry.kind)))

    def _write(self, event: str, entry: Entry) -> Entry:
        line = {"event": event, "kind": entry.kind.value, "name": entry.name, "id": entry.resource_id}
        if entry.extra:
            line["extra"] = dict(entry.extra)  # type: ignore[assignment]
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())  # the call that follows must not be known to AWS alone
        self._apply(line)
        return entry

    def _apply(self, line: Mapping[str, Any]) -> None:
        entry = Entry(kind=Kind(line["kind"]), name=line["name"], resource_id=line["id"], extra=line.get("extra"))
        match line["event"]:
            case "announced" | "created":
                self._open[entry.kind, entry.name] = entry
            case "deleted":
                self._open.pop((entry.kind, entry.name), None)
            case event:
                raise ValueError(event)
