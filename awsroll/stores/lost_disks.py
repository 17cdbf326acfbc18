"""Whether the disk of the default store outlives the machine or job that this process runs in."""

import re
from collections.abc import Mapping
from pathlib import Path

_ESCAPE = re.compile(r"\\([0-7]{3})")
_MOUNTS = Path("/proc/self/mountinfo")
JOBS = {
    "GITHUB_ACTIONS": "this GitHub Actions job",
    "GITLAB_CI": "this GitLab CI job",
    "CODEBUILD_BUILD_ID": "this CodeBuild build",
    "CIRCLECI": "this CircleCI job",
    "BITBUCKET_BUILD_NUMBER": "this Bitbucket build",
    "BUILDKITE": "this Buildkite job",
    "TF_BUILD": "this Azure Pipelines job",
    "AWS_LAMBDA_FUNCTION_NAME": "this Lambda function",
    "CI": "this CI job",
}
"""The variables that are set in a job, each with the words for it."""
_OFF = frozenset({"", "0", "false", "no", "off"})
_LOST_TYPES = {
    "overlay": "this container",
    "aufs": "this container",
    "tmpfs": "a restart (it is in memory)",
    "ramfs": "a restart (it is in memory)",
}


def job_of(environment: Mapping[str, str]) -> str:
    """Return the kind of job that this process runs in, for a message; empty if it is none."""
    return next((job for name, job in JOBS.items() if environment.get(name, "").strip().lower() not in _OFF), "")


def lost_with(directory: Path) -> str:
    """Return what the file system of a directory does not outlive, for a message; empty if it lasts."""
    place = next((path for path in (directory, *directory.parents) if path.exists()), Path("/")).resolve()
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return ""
    kinds: dict[Path, str] = {}
    for line in lines:  # `id parent device root mount-point options … - type source options`
        before, _, after = line.partition(" - ")
        mount_point = _ESCAPE.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4])
        kinds[Path(mount_point)] = after.split(" ")[0]
    mounted = next((path for path in (place, *place.parents) if path in kinds), None)
    return "" if mounted is None else _LOST_TYPES.get(kinds[mounted], "")
