"""What a hook at `while_judging` must answer: the number of bad and of all requests of each server, as JSON.

    {"i-0abc": {"bad": 3, "total": 120}, "i-0def": {"bad": 0, "total": 118}}

The answer is the last line of a command's output, the result of a function, or what a Python callable returns. A server
that is missing in it is not compared in this interval. Instead of counts, a server may have the durations of its
requests, if the hook says from which one on a request is bad (`slow`):

    {"i-0abc": {"durations": [0.12, 0.09, 0.71]}}
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from awsroll.core.model.hook_calls import HookRun, Reading
from awsroll.core.model.hooks import HookPoint
from awsroll.hooks.local_commands import HookFailedError

_MOST = 10**12


def readings_of(run: HookRun, answer: object) -> tuple[Reading, ...]:
    """Return what a run has counted. Hooks at other points count nothing.

    Raises:
        HookFailedError: if a hook at `while_judging` has answered anything else.
    """
    if run.hook.point is not HookPoint.WHILE_JUDGING:
        return ()
    counted = _decoded(answer)
    if not isinstance(counted, Mapping):
        raise HookFailedError(_PROBLEM)
    slow = run.hook.slow_seconds
    return tuple(_reading(name, counted[name], slow) for name in run.event.instance_ids if name in counted)


def counts_of_server(run: HookRun, output: object) -> object:
    """Return the counts that one server has printed for itself.

    Raises:
        HookFailedError: if it has printed anything else.
    """
    counts = _decoded(output)
    _reading("this server", counts, run.hook.slow_seconds)
    return counts


_PROBLEM = 'it did not answer with the requests of each server, such as {"i-0abc": {"bad": 3, "total": 120}}'


def _decoded(answer: object) -> object:
    if isinstance(answer, bytes):
        answer = answer.decode(errors="replace")
    if not isinstance(answer, str):
        return answer
    try:
        decoded: object = json.loads(answer.strip().rpartition("\n")[2])
    except ValueError as error:
        raise HookFailedError(_PROBLEM) from error
    return decoded


def _reading(name: str, counts: Any, slow: float) -> Reading:
    if not isinstance(counts, Mapping):
        raise HookFailedError(_PROBLEM)
    if slow and "durations" in counts:
        return _timed(name, counts["durations"], slow)
    bad, total = counts.get("bad"), counts.get("total")
    if type(bad) is not int or type(total) is not int or not 0 <= bad <= total <= _MOST:
        problem = f"its counts for {name} are not whole numbers with 0 <= bad <= total"
        raise HookFailedError(problem)
    return Reading(instance_id=name, bad=bad, total=total)


def _timed(name: str, durations: Any, slow: float) -> Reading:
    are_numbers = isinstance(durations, Sequence) and all(type(each) in (int, float) for each in durations)
    if not are_numbers or isinstance(durations, str):
        problem = f"its durations for {name} are not a list of numbers"
        raise HookFailedError(problem)
    return Reading(instance_id=name, bad=sum(each > slow for each in durations), total=len(durations))
