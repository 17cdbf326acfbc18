"""Runs one scenario with many cuts: at each cut the program forks, and one branch dies there.

So all cuts share the path that leads to them. Each branch has its own memory with its own simulated AWS, and a copy of
the records. The outcome is that of `story.run` with the same cuts.
"""

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from tests.crash.knife import Instant
from tests.crash.scenarios import Scenario
from tests.crash.story import Run, Story, begun

Choice: TypeAlias = Callable[[tuple[int, ...], Instant], bool]
"""Whether to cut a process at an instant, given the cuts of the processes before it."""


def tell_all(scenario: Scenario, is_cut: Choice, *, gap: float = 0) -> list[Story]:
    """Run a scenario with every chosen cut, and once without cuts."""
    with begun(scenario, gap=gap) as run:
        return _Teller(run, is_cut).tell()


class _Teller:
    def __init__(self, run: Run, is_cut: Choice) -> None:
        self._run = run
        self._is_cut = is_cut
        self._stories: list[Story] = []
        self._answers: int | None = None  # where a branch sends its results

    def tell(self) -> list[Story]:
        """Return the results of the trunk and of all branches; a branch never returns from here."""
        try:
            self._go_on()
            answer = pickle.dumps([self._run.story(), *self._stories])
        except BaseException as error:
            if self._answers is None:
                raise
            answer = pickle.dumps(RuntimeError(f"a branch broke: {error!r}"))
        if self._answers is None:
            return [self._run.story(), *self._stories]
        with os.fdopen(self._answers, "wb") as pipe:
            pipe.write(answer)
        shutil.rmtree(self._run.records)
        os._exit(0)

    def _go_on(self) -> None:
        cuts: list[int] = []

        def fork(here: Instant) -> bool:
            if not self._is_cut(tuple(cuts), here) or not self._branch():
                return False
            cuts.append(here.number)
            return True

        while not self._run.is_over:
            self._run.process(fork=fork)

    def _branch(self) -> bool:
        """Fork. Continue in the child with a copy of the records; collect all results of the child in the parent.

        Returns:
            Whether this is the child.
        """
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            self._answers, self._stories = theirs, []
            self._run.records = Path(shutil.copytree(self._run.records, f"{self._run.records}-{os.getpid()}"))
            return True
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            answer = pickle.loads(pipe.read())  # noqa: S301 - written by this very program
        os.waitpid(child, 0)
        if isinstance(answer, Exception):
            raise answer
        self._stories += answer
        return False
