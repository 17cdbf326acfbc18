"""What a drain probe must answer: the number 0, alone or as the last line of its output.

Anything else, such as an error page or no answer, shortens no drain.
"""

from awsroll.core.model.hook_calls import HookRun
from awsroll.core.model.hooks import HookPoint
from awsroll.hooks.local_commands import HookFailedError


def check_answer(run: HookRun, answer: object) -> None:
    """Check what a run has printed or returned. Hooks at other points may answer anything.

    Raises:
        HookFailedError: if a drain probe has not answered 0.
    """
    if run.hook.point is not HookPoint.WHILE_DRAINING:
        return
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    if isinstance(text, str):
        is_zero = text.strip().rpartition("\n")[2].strip() == "0"
    else:
        is_zero = type(text) is int and text == 0
    if not is_zero:
        problem = "it did not answer with the number of open connections, 0"
        raise HookFailedError(problem)
