"""The states that watch the waves of many fleets while one of them is driven, and that judge each turn.

The branch that watches ends when the branch that drives has ended, which tells it by the store.
"""

from awsroll_cdk.definition.states import State, call, wait_for, when

BESIDE = {
    "name.$": "$$.Execution.Name",
    "started_at.$": "$$.Execution.StartTime",
    "waves.$": "$.waves",
}
"""What every call of `watch_waves` gets."""

_KEPT = ("verdict", "index", "wait_seconds", "reason")
_AFTER_FAILURES = 60


def watched(wave: State, function: str, *, mode: str) -> State:
    """Return the state that drives the fleets of a wave, and watches all waves meanwhile.

    Args:
        wave: the Map over the fleets.
        function: the ARN of `watch_waves`.
        mode: the mode of the Map.
    """
    ended = call(
        function,
        {"action": "ended", **BESIDE, "turn.$": "$.turn"},
        comment="Tell the branch that watches that this turn has ended.",
        then="",
        keep={"ResultPath": None, "OutputPath": "$.results"},
    )
    del ended["Next"]
    driving = {
        "StartAt": "Roll wave",
        "States": {
            "Roll wave": {**wave, "ResultPath": "$.results", "Next": "Turn ended"},
            "Turn ended": {**ended, "End": True},
        },
    }
    return {
        "Type": "Parallel",
        "Comment": "One branch drives the fleets of the wave, the other one watches the alarms of all waves.",
        "Branches": [driving, {"StartAt": "Watch waves", "States": {"Watch waves": _watching(function, mode=mode)}}],
        "ResultSelector": {"results.$": "$[0]"},
        "ResultPath": "$.ended",
        "Next": "Judge wave",
    }


def _watching(function: str, *, mode: str) -> State:
    config = {"Mode": mode} | ({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})
    looked_at = {"name": "$.name", "started_at": "$.started_at", "waves": "$.waves", "index": "$.index"}
    look = call(
        function,
        {"action": "watch", "turn.$": "$.turn", **{f"{key}.$": path for key, path in looked_at.items()}},
        comment="Read the alarms; after a failure, ask the fleets of this wave to turn back or to pause.",
        then="Watch on?",
        keep=_keep("look"),
    )
    failed = {"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Wait after failure"}
    states = {
        "Look": {**look, "Catch": [failed]},
        "Watch on?": {
            "Type": "Choice",
            "Choices": [when("$.look.verdict", "watch", "Wait to look")],
            "Default": "Watched",
        },
        "Wait to look": wait_for("$.look.wait_seconds", "The waves are looked at again.", then="Look"),
        "Wait after failure": {
            "Type": "Wait",
            "Comment": "The look failed in every retry. The fleets are driven on.",
            "Seconds": _AFTER_FAILURES,
            "Next": "Look",
        },
        "Watched": {"Type": "Pass", "Result": {}, "End": True},
    }
    return {
        "Type": "Map",
        "Comment": "One execution of its own, because each look has events.",
        "ItemsPath": "$.once",
        "ItemSelector": {**BESIDE, "index.$": "$.index", "turn.$": "$.turn"},
        "MaxConcurrency": 1,
        "ItemProcessor": {"ProcessorConfig": config, "StartAt": "Look", "States": states},
        "End": True,
    }


def judging(function: str) -> dict[str, State]:
    """Return the states that judge a turn and choose the next one."""
    judge = call(
        function,
        {"action": "judge", **BESIDE, "index.$": "$.index", "turn.$": "$.turn", "results.$": "$.ended.results"},
        comment="Compare its failures with the number that it tolerates; read the alarms of all waves.",
        then="Went well?",
        keep=_keep("judged"),
    )
    go_on = {f"{key}.$": f"$.{key}" for key in ("waves", "count", "turn")}
    return {
        "Judge wave": judge,
        "Went well?": {
            "Type": "Choice",
            "Choices": [
                when("$.judged.verdict", "go-on", "Next wave"),
                when("$.judged.verdict", "again", "Take wave"),
                when("$.judged.verdict", "bake", "Bake"),
                when("$.judged.verdict", "turn-back", "Turn back"),
            ],
            "Default": "Stopped",
        },
        "Bake": wait_for("$.judged.wait_seconds", "The alarms are watched before the next wave.", then="Judge wave"),
        "Turn back": {
            "Type": "Pass",
            "Comment": "Fleets of this wave were asked to roll back.",
            "Parameters": {**go_on, "index.$": "$.judged.index"},
            "Next": "Take wave",
        },
        "Next wave": {
            "Type": "Pass",
            "Parameters": {**go_on, "index.$": "States.MathAdd($.index, 1)"},
            "Next": "Further wave?",
        },
    }


def _keep(name: str) -> State:
    return {
        "ResultSelector": {f"{key}.$": f"$.Payload.{key}" for key in _KEPT},
        "ResultPath": f"$.{name}",
    }
