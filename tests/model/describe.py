"""Descriptions of states, for the path that leads to a problem."""

import re
from dataclasses import fields, is_dataclass

from awsroll.core.model.status import Status
from tests.model.canonical import State
from tests.model.times import NOW
from tests.model.world import Server

_BORING = Status(started_at=NOW, progress_at=NOW)


def describe(state: State) -> str:
    """Return the servers, one line each, the group's settings, and the unusual fields of the record."""
    lines = [f"    {name} {_server(server)}" for name, server in state.world.servers]
    if state.world.settings is not None:
        settings = state.world.settings
        suspended = ",".join(sorted(settings.suspended))
        lines.append(
            f"    desired {settings.desired} of {settings.minimum}..{settings.maximum}, goal {state.world.goal},"
            f" launches {settings.version}, suspended: {suspended or '-'}"
        )
    text = _INSTANT.sub("now", "; ".join(_beyond(state.status, _BORING, leaving_out=("settings", "observed_at"))))
    return "\n".join((*lines, f"    {text}"))


def _beyond(value: object, usual: object, *, leaving_out: tuple[str, ...] = ()) -> list[str]:
    """Return the fields of a dataclass that differ from their defaults."""
    named = ((one.name, getattr(value, one.name), getattr(usual, one.name, None)) for one in fields(value))
    return [f"{name}={_format(now)}" for name, now, before in named if now != before and name not in leaving_out]


def _format(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_format(one)}" for name, one in value.items()) + "}"
    if isinstance(value, tuple) and value and not isinstance(value[0], str):
        return "(" + ", ".join(_format(one) for one in value) + ")"
    if is_dataclass(value):
        shown = (f"{one.name}={getattr(value, one.name)}" for one in fields(value) if _matters(value, one.name))
        return f"{type(value).__name__}({', '.join(shown)})"
    return str(value)


def _matters(value: object, name: str) -> bool:
    return name not in ("token", "batch", "index", "zone", "subnet_id", "targets", "tags") and bool(
        getattr(value, name)
    )


_INSTANT = re.compile(r"2026-01-01 00:00:00\+00:00")


def _server(server: Server) -> str:
    words = [server.version, str(server.state), str(server.life or ""), f"target: {server.target}"]
    words += [f"second: {server.second}"] * server.needs_second
    words += ["sick"] * server.sick + ["taken"] * server.taken
    words += [f"{name}={value}" for name, value in server._asdict().items() if name in _DETAILS and value]
    return " ".join(word for word in words if word)


_DETAILS = ("role", "token", "code", "commands", "held")
