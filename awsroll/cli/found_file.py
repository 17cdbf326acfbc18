"""The rollout file that a command finds without `-f`: `awsroll.yaml` in the current folder.

The file can name commands and functions that the rollout runs. So awsroll says that it uses the file, and refuses a
file that another user could have put there.
"""

import os
import stat
from pathlib import Path

from awsroll.cli.output import write_messages
from awsroll.errors import SpecError

FOUND = "awsroll.yaml"


def found_file() -> str | None:
    """Return the path of the rollout file in the current folder; None if there is none.

    Raises:
        SpecError: if another user owns the file, or everyone may write it.
    """
    try:
        seen = Path(FOUND).stat()
    except OSError:
        return None
    if not stat.S_ISREG(seen.st_mode):
        return None
    if seen.st_uid not in (os.geteuid(), 0) or seen.st_mode & stat.S_IWOTH:
        problem = (
            f"{FOUND} in this folder belongs to another user, or everyone may write it; nothing was changed. Check the "
            f"file and pass -f {FOUND}"
        )
        raise SpecError(problem)
    write_messages(f"using {FOUND} of this folder; -f FILE names another file")
    return FOUND
