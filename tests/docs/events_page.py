"""The page docs/events.md: every event and every phase. `python -m tests.docs.events_page` updates it."""

from pathlib import Path

from awsroll.core.model.phases import RolloutPhase, ServerPhase, UntouchedServer

PATH = Path(__file__).parents[2] / "docs" / "events.md"
_OF_APPROVAL = "checkpoint, checkpoints, updated, servers, command, message"
_OF_START = "rollout_id, fleet, strategy, from_version, to_version, from_name, to_name"
_OF_CALL = "answer, instance_ids, reason, change, message"
_OPENING = """# Events and phases

Every event of a rollout, as in JSON lines (`--json`), the logger `awsroll`, sinks in Python and the log of a function.
Each has `at`, and `rollout_id` once the rollout has begun; events of many fleets also have `fleet_name` and `wave`.
[Notifications](notifications.md) are fewer: one for each thing that a person should know.

A field may be missing if it is empty. Names and fields change only with a major version. New ones may come at any time.
"""

# name: fields, meaning
EVENTS = {
    "The rollout": {
        "rollout.created": (_OF_START, "the record is saved; the rollout begins"),
        "rollout.resumed": (_OF_START, "a process continues the rollout"),
        "rollout.warning": ("message", "a person should know this; the rollout continues"),
        "rollout.failure": (
            "instance_id, cause",
            "a server or the rollout has failed; `--on-failure` says what follows",
        ),
        "rollout.rollback-started": ("reason", "the fleet returns to its old version"),
        "rollout.stopping": ("outcome, reason", "what is in flight is settled, and the settings are restored"),
        "rollout.paused": ("reason", "the rollout rests; `awsroll resume` continues it"),
        "rollout.baking": ("", "the whole fleet is new, and the bake time has begun"),
        "rollout.waiting": ("reason", "a window is closed or a freeze lasts: nothing new starts"),
        "rollout.continuing": ("", "the rollout goes on"),
        "rollout.completing": ("outcome, reason, message", "all servers are done; the settings are restored"),
        "rollout.ended": ("outcome, reason", "the rollout is over; the record has how"),
        "preflight.warning": ("message", "a check has a warning"),
        "budget.awaited": ("message", "the budget of the store has no room; this rollout waits before it begins"),
        "lease.awaited": ("message, seconds", "another process held the fleet; this one waits until its lease expires"),
        "person.awaited": ("phase", "a function finds the rollout waiting for a person"),
    },
    "Servers": {
        "instance.chosen": ("instance_id, to, reason", "the server is the next to go"),
        "instance.serving": ("instance_id", "the new server is healthy everywhere, for long enough"),
        "instances.tagged": (_OF_CALL, "awsroll marks servers as belonging to the rollout"),
        "instance.launched": (_OF_CALL, "a new server is launched"),
        "instance.registered": (_OF_CALL, "the server is registered in its target groups"),
        "instance.deregistered": (_OF_CALL, "the server leaves traffic; its drain begins"),
        "instance.terminated": (_OF_CALL, "the server is terminated"),
        "command.sent": (_OF_CALL, "the reload command is sent to the server"),
    },
    "The Auto Scaling group": {
        "group.instances-launched": (_OF_CALL, "the group launches servers in given zones"),
        "group.instances-terminated": (_OF_CALL, "the group drains and terminates members"),
        "group.desired-set": (_OF_CALL, "the desired capacity changes"),
        "group.instances-detached": (_OF_CALL, "the group drains failed members and lets them go, for inspection"),
        "group.standby-entered": (_OF_CALL, "a member leaves traffic and stays in the group"),
        "group.standby-left": (_OF_CALL, "the member returns"),
        "group.marks-cleared": (_OF_CALL, "members are no longer marked unhealthy"),
        "group.updated": (_OF_CALL, "sizes or the launch template version of the group change"),
        "group.processes-suspended": (_OF_CALL, "processes of the group are suspended for the rollout"),
        "group.processes-resumed": (_OF_CALL, "they are resumed"),
        "group.warm-pool-deleted": (_OF_CALL, "the warm pool is deleted for the rollout"),
        "group.warm-pool-put": (_OF_CALL, "the warm pool is restored"),
        "target-group.delay-set": (_OF_CALL, "the deregistration delay changes, or is restored"),
        "target-group.health-checks-set": (_OF_CALL, "the health checks change, or are restored"),
        "settings.saved": (_OF_CALL, "old values are saved in tags before a setting changes"),
        "settings.tags-removed": (_OF_CALL, "the tags are removed after the setting is restored"),
    },
    "Gates and hooks": {
        "rehearsal.returns": ("server, verdict", "the server of the rehearsal returns; `verdict` is that of the judge"),
        "rehearsal.passed": ("verdict", "it has returned, and the rollout begins"),
        "checkpoint.reached": ("number", "the servers of the checkpoint serve; the gate is closed"),
        "approval.awaited": (_OF_APPROVAL, "the gate waits for a person"),
        "checkpoint.passed": ("number, by", "the gate is open; `by` is the person who approved it, if known"),
        "hook.started": ("hook, run, point, of", "a hook runs"),
        "hook.passed": ("hook, run, of", "the hook has succeeded"),
        "hook.left": ("hook, run, message", "the process ends while the hook runs"),
    },
    "AWS": {
        "aws.fallback": ("message", "the endpoint lacks a call, and another one is used"),
        "aws.unanswered": ("message", "AWS did not answer; the same step is tried again"),
    },
    "Many fleets": {
        "wave.begun": ("wave, fleets", "the rollouts of a wave start"),
        "wave.baking": ("wave, seconds", "they have ended, and the alarms are watched for these seconds"),
        "wave.passed": ("wave", "they have ended, and the next wave may start"),
        "wave.stopped": ("wave, not_begun", "no further wave starts"),
        "wave.failed": ("wave, reason, on_failure", "too many fleets of a wave have failed, or an alarm of it fires"),
        "wave.warning": ("wave, message", "the alarms of a wave cannot be read"),
        "fleet.refused": ("fleet_name, wave, reason", "a fleet of the wave cannot be rolled"),
        "fleet.turns-back": ("fleet_name, reason", "a fleet rolls back because a wave has failed"),
    },
}
ANSWERS = "done, stale, refused, unanswered"

SERVER_PHASES = {
    ServerPhase.NONE: "not touched by this rollout",
    ServerPhase.LAUNCHING: "new: it boots, and is not registered everywhere yet",
    ServerPhase.VERIFYING: "registered everywhere, and not healthy for long enough yet",
    ServerPhase.SERVING: "verified on the new version, and healthy since",
    ServerPhase.FAILED: "it must leave, although it may run the new version",
    ServerPhase.DRAINING: "it leaves traffic, to be terminated or reloaded",
    ServerPhase.RELOADING: "out of traffic; the command runs",
    ServerPhase.RETURNING: "it returns to traffic",
    ServerPhase.KEPT: "old and out of traffic; it runs on in case of a rollback",
    ServerPhase.TERMINATING: "the call that terminates it was made",
}
UNTOUCHED = {
    UntouchedServer.OUTDATED: "on the old version, and healthy",
    UntouchedServer.CURRENT: "on the new version since before the rollout",
    UntouchedServer.UNHEALTHY: "it does not serve; it is among the first to go",
    UntouchedServer.SKIPPED: "protected or in standby, and left as it is",
}
ROLLOUT_PHASES = {
    RolloutPhase.PENDING: "the record is saved, and the fleet was not observed yet",
    RolloutPhase.REHEARSING: "one server goes to the new version and returns",
    RolloutPhase.PROGRESSING: "servers are replaced or reloaded",
    RolloutPhase.WAITING_AT_CHECKPOINT: "a gate is closed",
    RolloutPhase.WAITING: "a window is closed or a freeze lasts: nothing new starts",
    RolloutPhase.BAKING: "the whole fleet is new, and is watched for the bake time",
    RolloutPhase.ROLLING_BACK: "the fleet returns to its old version",
    RolloutPhase.STOPPING: "what is in flight is settled, and the settings are restored",
    RolloutPhase.PAUSED: "the rollout rests until `awsroll resume`",
    RolloutPhase.SUCCEEDED: "the fleet runs the new version",
    RolloutPhase.ROLLED_BACK: "the fleet runs the old version",
    RolloutPhase.ABORTED: "stopped by `awsroll abort`; the fleet may be mixed",
    RolloutPhase.FAILED: "stopped by a failure; the fleet may be mixed",
}


def events_page() -> str:
    """Return the page as Markdown."""
    parts = [_OPENING]
    for title, events in EVENTS.items():
        rows = (f"| `{name}` | {_code(fields)} | {meaning} |" for name, (fields, meaning) in events.items())
        parts.append("\n".join([f"## {title}\n\n| event | fields | meaning |\n|---|---|---|", *rows, ""]))
    answers = f"`answer` of a call is one of {_code(ANSWERS)}: usually `done`, and then it is left out of texts.\n"
    parts.append(answers)
    parts.append(_phases("Phases of a server", {**SERVER_PHASES, **UNTOUCHED}))
    parts.append(_phases("Phases of a rollout", ROLLOUT_PHASES))
    return "\n".join(parts)


def _code(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split(", ")) if names else "none"


def _phases(title: str, phases: "dict[ServerPhase | UntouchedServer, str] | dict[RolloutPhase, str]") -> str:
    rows = (f"| `{phase.value}` | {meaning} |" for phase, meaning in phases.items())
    return "\n".join([f"## {title}\n\n| phase | meaning |\n|---|---|", *rows, ""])


if __name__ == "__main__":
    PATH.write_text(events_page())
