"""The machine of many fleets: it runs waves in order, and the fleets of a wave in parallel.

A fleet that fails does not fail its wave: its outcome is its result, and the wave is judged when all fleets have ended.
So running rollouts are not aborted. A wave may be repeated: rollouts that have ended answer at once. While a wave is
rolled, a branch of its own watches all waves, in an execution of its own: it looks often, and each look has events.
"""

from collections.abc import Mapping

from awsroll_cdk.definition.rollout import LONGEST_STEPS, ORDER, driving
from awsroll_cdk.definition.states import State, call, caught, failed_as_caught, when
from awsroll_cdk.definition.watching import BESIDE, judging, watched

_CHECKS_AT_ONCE = 10
_BEGINNING = {"index": 0, "turn": 0}


def fleets_machine(
    functions: Mapping[str, str],
    *,
    timeout_seconds: int = 7 * 86400,
    longest_steps: int = LONGEST_STEPS,
    mode: str = "DISTRIBUTED",
) -> State:
    """Return the definition of the machine that rolls many fleets. Its input is the content of a file of many fleets.

    Args:
        functions: ARNs of `prepare`, `reconcile`, `control`, `plan_waves`, `judge_wave` and `watch_waves`.
        timeout_seconds: timeout of one execution.
        longest_steps: steps of one fleet in one execution; then its wave is entered again.
        mode: mode of the Map: `DISTRIBUTED` gives each fleet its own execution and history; or `INLINE`.
    """
    return {
        "Comment": "awsroll: rolls many fleets of EC2 instances to new versions, wave after wave.",
        "StartAt": "Plan waves",
        "TimeoutSeconds": timeout_seconds,
        "States": {
            "Plan waves": caught(_plan(functions["plan_waves"]), by="File refused"),
            "Further wave?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.index", "NumericLessThanPath": "$.count", "Next": "Take wave"}],
                "Default": "Succeeded",
            },
            "Take wave": {
                "Type": "Pass",
                "Parameters": {
                    **{f"{key}.$": f"$.{key}" for key in ("waves", "count", "index")},
                    "turn.$": "States.MathAdd($.turn, 1)",
                    "wave.$": "States.ArrayGetItem($.waves, $.index)",
                    "once": ["watch"],
                },
                "Next": "Roll and watch",
            },
            "Roll and watch": watched(
                _wave(functions, longest_steps=longest_steps, mode=mode), functions["watch_waves"], mode=mode
            ),
            **judging(functions["watch_waves"]),
            "Succeeded": {
                "Type": "Succeed",
                "Comment": "All fleets are on their new versions, except tolerated failures.",
            },
            "Stopped": {
                "Type": "Fail",
                "Comment": "A wave has failed: later waves were not started.",
                "Error": "WaveFailed",
                "CausePath": "$.judged.reason",
            },
            **failed_as_caught("File refused", "Nothing was changed."),
            **_checks(functions),
        },
    }


def _plan(function: str) -> State:
    return call(
        function,
        {"name.$": "$$.Execution.Name", "fleets.$": "$"},
        comment="Check the whole file before a rollout starts.",
        then="Check fleets",
        keep={
            "ResultSelector": {"waves.$": "$.Payload.waves", "count.$": "$.Payload.count", **_BEGINNING},
            "ResultPath": "$",
        },
    )


def _checks(functions: Mapping[str, str]) -> State:
    """Return the states that check every fleet of every wave before the first rollout starts, as a terminal does."""
    check = call(
        functions["prepare"],
        {
            "rollout_id.$": "$.fleet.rollout_id",
            "execution_started_at.$": "$.started_at",
            "only_check": True,
            **{f"{key}.$": f"$.fleet.{key}" for key in ORDER},
        },
        comment="Check this fleet; start no rollout.",
        then="Ready",
        keep={"ResultPath": None},
    )
    ready = _result("succeeded", "", rollout_id="$.fleet.rollout_id")
    refused = _result("refused", "$.error.Cause", rollout_id="$.fleet.rollout_id")
    one_fleet = {
        "StartAt": "Check fleet",
        "States": {"Check fleet": caught(check, by="Not ready"), "Ready": ready, "Not ready": refused},
    }
    one_wave = _map("$.fleets", {"fleet.$": "$$.Map.Item.Value", "started_at.$": "$.started_at"}, one_fleet)
    item = {"fleets.$": "$$.Map.Item.Value.fleets", "started_at.$": "$$.Execution.StartTime"}
    # A state may have 256 KiB, and each refusal may have more than 1 KB: so each wave is judged on its own.
    judge = call(
        functions["judge_wave"],
        {"tolerated_failures": 0, "results.$": "$"},
        comment="Name the fleets of this wave that cannot be rolled, in a bounded text.",
        then="",
        keep={
            "ResultSelector": {"rollout_id": "", "outcome.$": "$.Payload.outcome", "reason.$": "$.Payload.reason"},
        },
    )
    del judge["Next"]
    states = {"Check wave": {**one_wave, "Next": "Judge wave's checks"}, "Judge wave's checks": {**judge, "End": True}}
    all_waves = _map("$.waves", item, {"StartAt": "Check wave", "States": states})
    return {
        "Check fleets": {**all_waves, "MaxConcurrency": 1, "ResultPath": "$.checked", "Next": "Judge checks"},
        "Judge checks": call(
            functions["judge_wave"],
            {"tolerated_failures": 0, "results.$": "$.checked"},
            comment="Name every fleet that cannot be rolled.",
            then="All ready?",
            keep={
                "ResultSelector": {"verdict.$": "$.Payload.verdict", "reason.$": "$.Payload.reason"},
                "ResultPath": "$.judged",
            },
        ),
        "All ready?": {
            "Type": "Choice",
            "Choices": [when("$.judged.verdict", "go-on", "Check alarms")],
            "Default": "Fleets refused",
        },
        "Check alarms": caught(
            call(
                functions["watch_waves"],
                {"action": "check", **BESIDE},
                comment="Every alarm of a wave exists, and none is in ALARM.",
                then="Begin",
                keep={"ResultPath": None},
            ),
            by="File refused",
        ),
        "Begin": {
            "Type": "Pass",
            "Parameters": {f"{key}.$": f"$.{key}" for key in ("waves", "count", "index", "turn")},
            "Next": "Further wave?",
        },
        "Fleets refused": {
            "Type": "Fail",
            "Comment": "A fleet cannot be rolled. Nothing was changed.",
            "Error": "PreflightRefused",
            "CausePath": "$.judged.reason",
        },
    }


def _map(items: str, item: State, processor: State) -> State:
    return {
        "Type": "Map",
        "Comment": "Every fleet is checked before the first rollout starts.",
        "ItemsPath": items,
        "ItemSelector": item,
        "MaxConcurrency": _CHECKS_AT_ONCE,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **processor},
    }


def _wave(functions: Mapping[str, str], *, longest_steps: int, mode: str) -> State:
    config = {"Mode": mode} | ({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})
    return {
        "Type": "Map",
        "Comment": "The fleets of the wave, up to its concurrency at a time.",
        "ItemsPath": "$.wave.fleets",
        "ItemSelector": {
            "fleet.$": "$$.Map.Item.Value",
            "wave.$": "$.wave.rollout_ids",
            "tolerated_failures.$": "$.wave.tolerated_failures",
            "progress_of.$": "$$.Execution.Name",
            "started_at.$": "$$.Execution.StartTime",
        },
        "MaxConcurrencyPath": "$.wave.concurrency",
        "ItemProcessor": {"ProcessorConfig": config, **_one_fleet(functions, longest_steps=longest_steps)},
    }


def _one_fleet(functions: Mapping[str, str], *, longest_steps: int) -> State:
    states = driving(functions, longest_steps=longest_steps)
    for name in ("Stop", "Restore"):
        states[name] = caught(states[name], by="Left for a person")
    return {
        "StartAt": "Prepare",
        "States": {
            "Prepare": caught(
                caught(_prepare(functions["prepare"]), by="Not begun", errors=("WaveStopped",)), by="Refused"
            ),
            "Set out": {
                "Type": "Pass",
                "Parameters": {
                    "rollout_id.$": "$.fleet.rollout_id",
                    "given": {f"{key}.$": f"$.fleet.{key}" for key in ORDER},
                    "standing": {"steps": 0, "revision": 0},
                },
                "Next": "Reconcile",
            },
            **states,
            "Ended": _result("$.standing.outcome", "$.standing.reason"),
            "Continue as new execution": _result("continued", ""),
            "Left for a person": _result("stopped", "$.error.Cause"),
            "Refused": _result("refused", "$.error.Cause", rollout_id="$.fleet.rollout_id", error="$.error.Error"),
            "Not begun": _result("not_begun", "$.error.Cause", rollout_id="$.fleet.rollout_id"),
        },
    }


def _prepare(function: str) -> State:
    payload = {
        "rollout_id.$": "$.fleet.rollout_id",
        "execution_started_at.$": "$.started_at",
        "wave.$": "$.wave",
        "tolerated_failures.$": "$.tolerated_failures",
        "progress_of.$": "$.progress_of",
        "execution.$": "$$.Execution.Id",
        **{f"{key}.$": f"$.fleet.{key}" for key in ORDER},
    }
    comment = "Check this fleet, unless too many others of its wave have failed."
    return call(function, payload, comment=comment, then="Set out", keep={"ResultPath": None})


def _result(outcome: str, reason: str, *, rollout_id: str = "$.rollout_id", error: str = "") -> State:
    """Return a state that ends one fleet with its result; `outcome`, `reason` and `error` are texts or paths."""
    values = {"outcome": outcome, "reason": reason, "error": error}
    plain = {key: value for key, value in values.items() if not value.startswith("$.")}
    paths = {f"{key}.$": value for key, value in values.items() if value.startswith("$.")}
    return {"Type": "Pass", "Parameters": {"rollout_id.$": rollout_id, **plain, **paths}, "End": True}
