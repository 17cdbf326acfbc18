"""The text of a first rollout file for an existing fleet: what it needs, and the most useful options as comments."""

import json

from awsroll.preflight.describe_fleet import FleetDescription

_OPTIONS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "How many servers at a time. Instead of concurrent: max_unavailable and max_surge.",
        (("launch_first: true", "launch each new server before an old one leaves"),),
    ),
    (
        "Gates: where the rollout waits, and what it watches.",
        (
            ('checkpoint: [1, "50%"]', "wait after one server, and after half of them"),
            ("checkpoint_delay: 5m", "how long to wait at each checkpoint"),
            ("approve_checkpoints: true", "wait for `awsroll approve` at each checkpoint"),
            ("bake_time: 10m", "watch the whole new fleet before the rollout succeeds"),
            ("alarm: [web-5xx]", "CloudWatch alarms that must not fire"),
        ),
    ),
    (
        "Failures.",
        (
            ("max_failures: 1", "replace a server that fails, this often"),
            ("on_failure: rollback", "or pause, or stop"),
        ),
    ),
    (
        "Waiting.",
        (
            ("min_healthy_time: 30s", "how long a new server must stay healthy before it counts"),
            ("healthy_timeout: 10m", "how long a new server may take until it serves"),
            ("deregistration_delay: 60", "for this rollout only; the old value is restored"),
        ),
    ),
)


def starter_file(fleet: FleetDescription) -> str:
    """Return the text of a rollout file that can be planned as it stands."""
    where = f"{fleet.servers} server{'' if fleet.servers == 1 else 's'} in {', '.join(fleet.zones) or fleet.region}"
    running = f", on {fleet.template}:{fleet.version}" if fleet.template else ""
    lines = [
        f"# A rollout of {fleet.asg or '+'.join(fleet.target_groups)} ({fleet.region}): {where}{running}.",
        "# `awsroll plan` shows what it would do, and changes nothing. `awsroll roll` does it. Both find this file.",
        "# All options: `awsroll roll --help`, and docs/options.md.",
        "",
        *_fleet(fleet),
        "",
        *_version(fleet),
    ]
    for heading, options in _OPTIONS:
        lines += ["", f"# {heading}"]
        lines += ["concurrent: 1"] if heading is _OPTIONS[0][0] else []
        lines += [f"# {option}  # {meaning}" for option, meaning in options]
    return "\n".join(lines) + "\n"


def _fleet(fleet: FleetDescription) -> list[str]:
    if fleet.asg:
        return [f"asg: {_scalar(fleet.asg)}  # its target groups: {', '.join(fleet.target_groups) or 'none'}"]
    return ["target_group:", *(f"  - {_scalar(name)}" for name in fleet.target_groups)]


def _version(fleet: FleetDescription) -> list[str]:
    why = "# The new version: NAME:NUMBER, or the newest one."
    if not fleet.template:
        return [why, "# launch_template: NAME:$Latest  # the servers do not show theirs: name it"]
    return [why, f"launch_template: {_scalar(f'{fleet.template}:$Latest')}"]


def _scalar(text: str) -> str:
    """Return a text as YAML; JSON's quotes are YAML's too."""
    return json.dumps(text)
