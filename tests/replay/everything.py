"""Record the rollouts of the suites and make each of their decisions again, in another process.

    python -m tests.replay.everything [--least 100] [TESTS]

The second process has another seed of hashes, so a decision that depends on the order of a set is found. The command
fails if a decision is not the same, or if fewer than a thousand different rollouts were recorded. Rollouts whose
decisions are the same in every detail count once.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

from awsroll.recording.readable import step_lines
from awsroll.recording.recording_file import load_lines, load_steps
from awsroll.recording.replaying import rerun
from tests.replay.recording_plugin import FOLDER

SUITES = (
    "tests/scenarios",
    "tests/property/test_rollout_machine.py",
    "tests/rollouts",
    "tests/replay/seeded_rollouts.py",
)
LEAST = 1000
_SHOWN = 3


def main() -> int:
    """Record the suites, replay the recordings in another process, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay.everything", description=__doc__)
    parser.add_argument("tests", nargs="*", default=SUITES, help="Tests to record.")
    parser.add_argument("--least", type=int, default=LEAST, help="Fail if fewer rollouts were recorded.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recording = ("pytest", "-q", "-n", "2", "-p", "tests.replay.recording_plugin", *given.tests)
        environment = {**os.environ, FOLDER: folder, "PYTHONHASHSEED": "1"}
        done = subprocess.run([sys.executable, "-m", *recording], env=environment, check=False)
        if done.returncode != 0:
            return done.returncode
        again = [sys.executable, "-c", f"import sys; from {__spec__.name} import replay_all; sys.exit(replay_all())"]
        replayed = {**environment, "PYTHONHASHSEED": "2", "LEAST": str(given.least)}
        return subprocess.run(again, env=replayed, check=False).returncode


def replay_all() -> int:
    """Replay each recording in the folder; return 1 if a decision differs or there are too few recordings."""
    rollouts = steps = differ = 0
    different = set[bytes]()
    for path in sorted(Path(os.environ[FOLDER]).iterdir()):
        rollouts += 1
        lines = load_lines(path)
        different.add(sha256("\n".join(map(str, lines[1:])).encode()).digest())
        for again in rerun(load_steps(lines, of=path.name)):
            steps += 1
            if not again.is_same:
                differ += 1
                if differ <= _SHOWN:
                    print(*step_lines(again), sep="\n")  # noqa: T201
    print(f"{rollouts} rollouts, {len(different)} different, {steps} steps, {differ} decided differently")  # noqa: T201
    return int(differ > 0 or len(different) < int(os.environ["LEAST"]))


if __name__ == "__main__":
    sys.exit(main())
