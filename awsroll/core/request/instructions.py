"""The instructions of a rollout: everything that it makes a driver run or use, other than AWS calls on its fleet.

A record is data. Its other fields steer a rollout of one fleet; an instruction reaches further: a program on the
machine of the driver, shell lines on servers, a Lambda function, a role, a region. So the caller of the driver must
give or confirm each instruction. This module lists and compares instructions. It runs none of them.

`HookKind`, `ReloadCommand` and the fields of `Rollout` decide what is an instruction: whatever is added there must be
classified here. mypy and tests/unit/test_instructions.py fail until then.
"""

import json
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import assert_never

from awsroll.core.model.hooks import Hook, HookKind, named, problems_of
from awsroll.core.model.rollout import Rollout
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec
from awsroll.errors import SpecError

INSTRUCTING = {
    "Rollout": ("hooks", "reload", "rollback_reload", "region"),
    "Hook": ("point", "command", "function", "script", "url", "metric", "anomalies", "is_callable"),
    "ReloadCommand": ("commands", "document", "parameters"),
    "RolloutRequest": ("region", "role", "external_id"),
}
"""The fields of stored values that hold instructions. Every other field only steers the fleet."""

_RELOAD, _ROLLBACK = "reload", "rollback"
_ANY = "given again"  # the name of a fleet whose request is given without one
_SEPARATOR = "|"  # between a role and its external id in a list of allowed roles; neither may contain it


class InstructionKind(StrEnum):
    """The kind of an instruction."""

    COMMAND = "command"  # a hook: a program on the machine of the driver
    FUNCTION = "function"  # a hook: a Lambda function
    SCRIPT = "script"  # a hook: shell lines on a server
    URL = "url"  # a hook: an HTTP endpoint that the driver asks
    METRIC = "metric"  # a hook: metrics that the driver reads from CloudWatch
    ANOMALIES = "anomalies"  # a hook: flags that come with the health of targets
    CALLABLE = "callable"  # a hook: a Python callable of the process that drives; a record cannot hold it
    SHELL = "shell"  # a reload: shell lines on servers
    DOCUMENT = "document"  # a reload: an SSM document with its parameters
    ROLE = "role"  # an IAM role to assume, perhaps with an external id
    REGION = "region"  # the region of all AWS calls on the fleet


ALL_KINDS = frozenset(InstructionKind)
PLACE_KINDS = frozenset({InstructionKind.ROLE, InstructionKind.REGION})
"""With which credentials and where AWS is called, even to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction. Two instructions are equal if they run or use the same at the same point.

    Attributes:
        point: the hook point, `reload`, `rollback`; empty for a role and a region.
        content: the exact content: words of a command, lines of a script, a name, a document and its parameters.
        name: the name of the hook, for people.
    """

    kind: InstructionKind
    content: tuple[str, ...]
    point: str = ""
    name: str = field(default="", compare=False)

    @property
    def digest(self) -> str:
        """The digest of its kind, point and content, for lists of allowed commands."""
        exact = json.dumps([self.kind, self.point, *self.content]).encode()
        return f"sha256:{sha256(exact).hexdigest()}"

    @property
    def text(self) -> str:
        """The content on one line, with control characters escaped, and without the value of an external id."""
        if self.kind is InstructionKind.COMMAND:
            return _escaped(shlex.join(self.content))
        if self.kind is InstructionKind.ROLE and len(self.content) > 1:
            return _escaped(f"{self.content[0]} with an external id")  # messages reach logs; the id is not for them
        return _escaped("\n".join(self.content))

    def as_dict(self) -> dict[str, object]:
        """Return it as plain JSON values."""
        return {
            "kind": self.kind.value,
            "point": self.point,
            "hook": self.name,
            "content": list(self.content),
            "digest": self.digest,
        }

    def __str__(self) -> str:
        at = f" at {self.point}" if self.point else ""
        hook = f" (hook {_escaped(self.name)})" if self.name not in ("", self.point) else ""
        return f"{_WORDS[self.kind]}{at}{hook}: {self.text}"


_WORDS: Mapping[InstructionKind, str] = {
    InstructionKind.COMMAND: "command on this machine",
    InstructionKind.FUNCTION: "Lambda function",
    InstructionKind.SCRIPT: "script on the server",
    InstructionKind.URL: "endpoint to ask",
    InstructionKind.METRIC: "CloudWatch metrics",
    InstructionKind.ANOMALIES: "anomaly flags",
    InstructionKind.CALLABLE: "Python callable",
    InstructionKind.SHELL: "shell command on the servers",
    InstructionKind.DOCUMENT: "SSM document on the servers",
    InstructionKind.ROLE: "IAM role",
    InstructionKind.REGION: "region",
}


def _escaped(text: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


# --- lists ------------------------------------------------------------------------------------------------------------


def instructions_of(rollout: Rollout) -> tuple[Instruction, ...]:
    """Return the instructions of a rollout, as its record holds them."""
    found = [_of_hook(hook) for hook in rollout.hooks]
    for point, reload in ((_RELOAD, rollout.reload), (_ROLLBACK, rollout.rollback_reload)):
        if reload is not None:
            found += _of_reload(point, reload.commands, reload.document, reload.parameters)
    return (*found, *place(region=rollout.region))


def place(*, region: str = "", role: str = "", external_id: str = "") -> tuple[Instruction, ...]:
    """Return the instructions to call AWS in a region and with a role; an empty value is no instruction."""
    parts = []
    if role:
        content = (role, external_id) if external_id else (role,)
        parts.append(Instruction(kind=InstructionKind.ROLE, content=content))
    if region:
        parts.append(Instruction(kind=InstructionKind.REGION, content=(region,)))
    return tuple(parts)


def requested(request: RolloutSpec) -> tuple[Instruction, ...]:
    """Return the instructions in a request."""
    return (
        *(_of_hook(hook) for hook in named(request.all_hooks)),
        *_of_reload(_RELOAD, request.command, request.document, request.parameter),
        *_of_reload(_ROLLBACK, request.rollback_command, "", {}),
    )


def _of_hook(hook: Hook) -> Instruction:
    kind = hook.kind
    match kind:
        case HookKind.COMMAND:
            content, instruction = hook.command, InstructionKind.COMMAND
        case HookKind.FUNCTION:
            content, instruction = (hook.function,), InstructionKind.FUNCTION
        case HookKind.SCRIPT:
            content, instruction = hook.script, InstructionKind.SCRIPT
        case HookKind.URL:
            content, instruction = (hook.url,), InstructionKind.URL
        case HookKind.METRIC:
            content, instruction = (hook.metric,), InstructionKind.METRIC
        case HookKind.ANOMALIES:
            content, instruction = ("of the load balancer",), InstructionKind.ANOMALIES
        case HookKind.CALLABLE:
            content, instruction = (hook.name,), InstructionKind.CALLABLE
        case _:
            assert_never(kind)
    return Instruction(kind=instruction, content=content, point=str(hook.point), name=hook.name)


def _of_reload(
    point: str, commands: tuple[str, ...], document: str, parameters: Mapping[str, list[str]]
) -> Iterator[Instruction]:
    if commands:
        yield Instruction(kind=InstructionKind.SHELL, content=commands, point=point)
    if document or parameters:
        given = (f"{name}={list(values)!r}" for name, values in sorted(parameters.items()))
        yield Instruction(kind=InstructionKind.DOCUMENT, content=(document, *given), point=point)


def as_given(request: RolloutSpec | FleetSpec) -> FleetSpec:
    """Return a request as the caller of a driver gives it again, perhaps without a fleet, region and role.

    Raises:
        SpecError: if its hooks are not valid.
    """
    fleet = request if isinstance(request, FleetSpec) else FleetSpec(name=_ANY, request=request)
    if problems := problems_of(fleet.request.all_hooks):
        raise SpecError(*problems)
    return fleet


# --- comparisons ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The instructions of a record, compared with what the caller of a driver gave.

    Attributes:
        added: instructions of the record that the given request does not have.
        removed: instructions of the given request that the record does not have.
        left: instructions of the record about which the caller said nothing.
    """

    added: tuple[Instruction, ...] = ()
    removed: tuple[Instruction, ...] = ()
    left: tuple[Instruction, ...] = ()

    def of_kinds(self, kinds: Collection[InstructionKind]) -> "Comparison":
        """Return the part about some kinds alone."""

        def chosen(found: Iterable[Instruction]) -> tuple[Instruction, ...]:
            return tuple(each for each in found if each.kind in kinds)

        return Comparison(added=chosen(self.added), removed=chosen(self.removed), left=chosen(self.left))


def compare(found: Iterable[Instruction], *, own: Iterable[Instruction], given: FleetSpec | None = None) -> Comparison:
    """Return how the instructions of a record differ from what the caller gave.

    A request decides about all instructions, but only about the role and the region if it names them. Python callables
    are not compared: only the caller can have them.

    Args:
        found: the instructions of the record.
        own: what the caller gives by itself: its region, and its role.
        given: the request for the fleet; None if the caller gave none.
    """
    found = tuple(each for each in found if each.kind is not InstructionKind.CALLABLE)
    if given is None:
        return Comparison(left=missing_from(found, own))
    wanted = (
        *requested(given.request),
        *place(region=given.region, role=given.role, external_id=given.external_id),
    )
    decided = {InstructionKind.ROLE: bool(given.role), InstructionKind.REGION: bool(given.region)}
    return Comparison(
        added=missing_from((each for each in found if decided.get(each.kind, True)), wanted),
        removed=missing_from(wanted, found),
        left=missing_from((each for each in found if not decided.get(each.kind, True)), own),
    )


def missing_from(found: Iterable[Instruction], given: Iterable[Instruction]) -> tuple[Instruction, ...]:
    """Return the instructions of `found` that are not in `given`, each once."""
    known = frozenset(given)
    return tuple(dict.fromkeys(each for each in found if each not in known))


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """The instructions that a function accepts from a record without a request to compare it with.

    A command on the machine of the driver is not in this list: a function runs none.

    Attributes:
        roles: ARNs of roles; `ARN|EXTERNAL_ID` with an external id.
        functions: names or ARNs of Lambda functions, exactly as the hooks name them.
        commands: digests of scripts, shell commands and documents on servers, and of endpoints, metrics and flags of
            the judge; `awsroll plan --json` prints them.
        regions: regions other than that of the function.
    """

    roles: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    def permits(self, instruction: Instruction) -> bool:
        """Return whether the list has an instruction."""
        kind = instruction.kind
        match kind:
            case InstructionKind.ROLE:
                return _SEPARATOR.join(instruction.content) in self.roles
            case InstructionKind.REGION:
                return instruction.content[0] in self.regions
            case InstructionKind.FUNCTION:
                return instruction.content[0] in self.functions
            case InstructionKind.SCRIPT | InstructionKind.SHELL | InstructionKind.DOCUMENT:
                return instruction.digest in self.commands
            case InstructionKind.URL | InstructionKind.METRIC | InstructionKind.ANOMALIES:
                return instruction.digest in self.commands
            case InstructionKind.COMMAND | InstructionKind.CALLABLE:
                return False
            case _:
                assert_never(kind)


NOTHING_ALLOWED = AllowList()
