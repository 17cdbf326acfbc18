"""The states of one rollout: prepare; reconcile and wait, repeatedly; and the ends.

    Fill in -> Prepare -> Set out -> Reconcile -> What now? -> Wait for … -> Reconcile -> … -> Succeeded

The record is in the store. A state that is repeated, redriven or gets an old input is harmless, because Reconcile
observes the fleet again.
"""

from collections.abc import Mapping

from awsroll_cdk.definition.states import A_FEW_TIMES, State, call, caught, failed_as_caught, wait, when

LONGEST_STEPS = 1500
"""Steps in one execution before a new one continues. A step has some 11 events; an execution may have 25,000."""

LONGEST_NAME = 75
"""Characters of an execution's name. 80 are allowed, but an execution that continues it is called `NAME.1`."""

ORDER = ("request", "region", "role", "external_id")
"""The fields of `prepare` that describe a fleet and its request."""

_FOR_A_PERSON = ("FleetLocked", "RolloutEnded", "RolloutNotFound", "RecordUnusable")

_DEFAULTS = '{"request":{},"rollout_id":"","region":"","role":"","external_id":"","generation":1,"name":""}'
_WAITS = {
    "drain": ("Wait for drain", "Requests in flight finish before a server goes."),
    "launch": ("Wait for launch", "New servers boot."),
    "reload": ("Wait for reload", "The reload command runs."),
    "health": ("Wait for health", "New servers must be healthy in every target group."),
    "hook": ("Wait for hook", "A hook runs."),
    "checkpoint": ("Wait at checkpoint", "The delay of a checkpoint passes."),
    "bake": ("Wait for bake", "The bake time of the new fleet passes."),
    "window": ("Wait for window", "A window is closed or a freeze lasts."),
    "elsewhere": ("Wait for another driver", "Another process drives this rollout."),
}
_STANDING = {
    key: f"$.Payload.{key}"
    for key in ("phase", "done", "outcome", "wait_seconds", "progress", "reason", "approval", "steps", "revision")
}
_KEEP_STANDING: State = {
    "ResultSelector": {f"{key}.$": path for key, path in _STANDING.items()},
    "ResultPath": "$.standing",
}


def rollout_machine(
    functions: Mapping[str, str], *, timeout_seconds: int = 7 * 86400, longest_steps: int = LONGEST_STEPS
) -> State:
    """Return the definition of the machine that rolls one fleet.

    Args:
        functions: ARNs of the functions `prepare`, `reconcile` and `control`.
        timeout_seconds: timeout of one execution.
        longest_steps: steps of one execution; then a new execution continues.
    """
    return {
        "Comment": "awsroll: rolls one fleet of EC2 instances to a new version.",
        "StartAt": "Fill in",
        "TimeoutSeconds": timeout_seconds,
        "States": {
            "Fill in": {
                "Type": "Pass",
                "Comment": "Add defaults to the input.",
                "Parameters": {"input.$": f"States.JsonMerge(States.StringToJson('{_DEFAULTS}'), $, false)"},
                "OutputPath": "$.input",
                "Next": "New rollout?",
            },
            "New rollout?": {
                "Type": "Choice",
                "Comment": "With a rollout_id, continue a rollout that was started before.",
                "Choices": [
                    when("$.rollout_id", "", "Prepare"),
                    {"Variable": "$.generation", "NumericGreaterThan": 1, "Next": "Go on"},
                ],
                "Default": "Take up",
            },
            "Prepare": caught(_prepare(functions["prepare"]), by="Refused"),
            "Set out": _set_out("$.prepared.Payload.rollout_id"),
            "Take up": _set_out("$.rollout_id"),
            "Go on": _set_out("$.rollout_id", name="$.name"),
            **driving(functions, longest_steps=longest_steps),
            **_continuing(),
            "Ended": {
                "Type": "Choice",
                "Choices": [
                    when("$.standing.outcome", "succeeded", "Succeeded"),
                    when("$.standing.outcome", "rolled_back", "Rolled back"),
                ],
                "Default": "Stopped",
            },
            "Succeeded": {"Type": "Succeed", "Comment": "The fleet is on the new version."},
            "Rolled back": _failed("The rollout failed; the fleet is on the old version again.", error="RolledBack"),
            "Stopped": _failed("The rollout was stopped; the fleet may be mixed.", error="Stopped"),
            **failed_as_caught("Refused", "Nothing was changed."),
            **failed_as_caught(
                "Left for a person",
                "The record cannot be used, or another rollout holds the fleet. This step changed nothing.",
            ),
        },
    }


def driving(functions: Mapping[str, str], *, longest_steps: int) -> State:
    """Return the states that drive a rollout until it has `Ended`, or is `Left for a person`.

    At the limit of steps they lead to `Continue as new execution`. `Stop` and `Restore` have no Catch: an execution
    that fails there is redriven there.
    """
    reconcile, control = functions["reconcile"], functions["control"]
    given = {f"{key}.$": f"$.given.{key}" for key in ORDER}
    standing = {"steps.$": "$.standing.steps", "revision.$": "$.standing.revision"}
    step = {"rollout_id.$": "$.rollout_id", **standing, **given, "execution.$": "$$.Execution.Id"}
    reconciling = call(
        reconcile, step, comment="One step: observe, plan, save, execute.", then="What now?", keep=_KEEP_STANDING
    )
    restoring = call(reconcile, step, comment="One step towards a stop.", then="Restored?", keep=_KEEP_STANDING)
    stop = call(
        control,
        {"rollout_id.$": "$.rollout_id", "action": "abort"},
        comment="Reconcile keeps failing: settle servers in flight, restore the settings.",
        then="Restore",
        keep={"ResultPath": None},
    )
    return {
        "Reconcile": caught(
            caught(reconciling, by="Left for a person", errors=_FOR_A_PERSON),
            by="Stop",
        ),
        "What now?": _what_now(longest_steps),
        **{name: wait(comment, then="Reconcile") for name, comment in _WAITS.values()},
        "Wait a moment": wait("AWS does not show the last change yet.", then="Reconcile"),
        "Wait for approval": _wait_for_person(reconcile, "A person must approve, by `awsroll approve` or control."),
        "Wait for a person": _wait_for_person(reconcile, "Paused: a person must decide how to continue."),
        "Stop": caught(stop, by="Restore", errors=("RolloutEnded",)),
        "Restore": restoring,
        "Restored?": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.standing.done", "BooleanEquals": True, "Next": "Ended"},
                when("$.standing.phase", "paused", "Wait for a person"),
            ],
            "Default": "Wait to restore",
        },
        "Wait to restore": wait("Servers in flight settle.", then="Restore"),
    }


def _prepare(function: str) -> State:
    payload = {
        "rollout_id.$": "$$.Execution.Name",
        "execution_started_at.$": "$$.Execution.StartTime",
        "longest_id": LONGEST_NAME,
        "execution.$": "$$.Execution.Id",
        **{f"{key}.$": f"$.{key}" for key in ORDER},
    }
    comment = "Check the request against the fleet, write the record. The execution's name is the rollout's id."
    return call(function, payload, comment=comment, then="Set out", keep={"ResultPath": "$.prepared"})


def _set_out(rollout_id: str, *, name: str = "$$.Execution.Name") -> State:
    return {
        "Type": "Pass",
        "Parameters": {
            "rollout_id.$": rollout_id,
            "name.$": name,
            "generation.$": "$.generation",
            "given": {f"{key}.$": f"$.{key}" for key in ORDER},
            "standing": {"steps": 0, "revision": 0},
        },
        "Next": "Reconcile",
    }


def _what_now(longest_steps: int) -> State:
    return {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.standing.done", "BooleanEquals": True, "Next": "Ended"},
            {
                "Variable": "$.standing.steps",
                "NumericGreaterThanEquals": longest_steps,
                "Next": "Continue as new execution",
            },
            when("$.standing.phase", "approval", "Wait for approval"),
            when("$.standing.phase", "paused", "Wait for a person"),
            *(when("$.standing.phase", phase, name) for phase, (name, _) in _WAITS.items()),
        ],
        "Default": "Wait a moment",
    }


def _wait_for_person(reconcile: str, comment: str) -> State:
    """Return a state that waits for a person, and times out to reconcile, so that alarms are still checked."""
    return {
        "Type": "Task",
        "Comment": comment,
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {
            "FunctionName": reconcile,
            "Payload": {"rollout_id.$": "$.rollout_id", "task_token.$": "$$.Task.Token"},
        },
        "ResultPath": None,
        "TimeoutSecondsPath": "$.standing.wait_seconds",
        "Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 0}, A_FEW_TIMES],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Reconcile"}],
        "Next": "Reconcile",
    }


def _continuing() -> State:
    """Return the states that continue in a new execution, because an execution may have 25,000 events.

    The version of the machine names the versions of its functions, so the new execution runs the same code. The
    context of an execution does not tell its version. An execution that was started without a version has none.
    """
    newest, version = "Continue on newest version", "$.execution.StateMachineVersionArn"
    return {
        "Continue as new execution": {
            "Type": "Task",
            "Comment": "Ask for the version of the machine that this execution was started with.",
            "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
            "Parameters": {"ExecutionArn.$": "$$.Execution.Id"},
            "ResultPath": "$.execution",
            "Retry": [A_FEW_TIMES],
            "Catch": [
                {"ErrorEquals": [one], "ResultPath": None, "Next": newest}
                for one in ("States.DataLimitExceeded", "States.ALL")  # the second does not include the first
            ],
            "Next": "Which version?",
        },
        "Which version?": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [{"Variable": version, "IsPresent": True}, {"Variable": version, "IsString": True}],
                    "Next": "Continue on same version",
                }
            ],
            "Default": newest,
        },
        "Continue on same version": _continue(version, otherwise=newest),
        newest: _continue("$$.StateMachine.Id", otherwise="Stop"),
        "Continued": {"Type": "Succeed", "Comment": "A new execution continues this rollout."},
    }


def _continue(machine: str, *, otherwise: str) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution",
        "Parameters": {
            "StateMachineArn.$": machine,
            "Name.$": "States.Format('{}.{}', $.name, $.generation)",
            "Input": {
                "rollout_id.$": "$.rollout_id",
                "name.$": "$.name",
                "generation.$": "States.MathAdd($.generation, 1)",
                **{f"{key}.$": f"$.given.{key}" for key in ORDER},
            },
        },
        "ResultPath": None,
        "Retry": [A_FEW_TIMES],
        "Catch": [
            {
                "ErrorEquals": ["StepFunctions.ExecutionAlreadyExistsException"],
                "ResultPath": "$.error",
                "Next": "Continued",
            },
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": otherwise},
        ],
        "Next": "Continued",
    }


def _failed(comment: str, *, error: str) -> State:
    return {"Type": "Fail", "Comment": comment, "Error": error, "CausePath": "$.standing.reason"}
