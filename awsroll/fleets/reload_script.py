"""The shell script that runs a reload command at most once on an instance, however often it is delivered.

SendCommand has no token: a lost answer may mean that the command runs twice. So the first delivery makes a directory
named after instance, rollout and attempt (atomic), runs the command and leaves its exit code there; any further one
waits for that exit code and ends with it. Text only: nothing is run or sent here.
"""

from collections.abc import Sequence

_TEMPLATE = """\
base=${AWSROLL_MARKERS:-/var/lib/awsroll}
mkdir -p "$base" 2>/dev/null && [ -w "$base" ] || base=/var/tmp/awsroll
mkdir -p "$base" || exit 73
marker="$base/${AWS_SSM_INSTANCE_ID:-this}.@ROLLOUT@.@ATTEMPT@"
if mkdir "$marker" 2>/dev/null; then
  echo $$ >"$marker/pid"
  cat >"$marker/command" <<'@END@'
@COMMAND@
@END@
  code=0
  @RUN@ || code=$?
  echo "$code" >"$marker/code.new" && mv "$marker/code.new" "$marker/code"
  exit "$code"
fi
echo "awsroll: delivered before; waiting for the exit code of the first delivery"
until [ -f "$marker/code" ]; do
  if [ -f "$marker/pid" ] && ! kill -0 "$(cat "$marker/pid")" 2>/dev/null && [ ! -f "$marker/code" ]; then
    echo "awsroll: the first delivery broke off without an exit code" >&2
    exit 75
  fi
  sleep 1
done
exit "$(cat "$marker/code")"
"""


def run_once(commands: Sequence[str], *, rollout_id: str, attempt: int) -> str:
    """Return the script: the commands run in order and stop at the first that fails; its exit code is the script's.

    Commands that begin with `#!` are run by that interpreter, which then decides what a failure is.
    """
    command = "\n".join(commands)
    end = "AWSROLL_END"
    while end in command:
        end += "_"
    own_interpreter = command.startswith("#!")
    run = 'chmod 700 "$marker/command" && "$marker/command"' if own_interpreter else 'sh -e "$marker/command"'
    parts = {"@ROLLOUT@": rollout_id, "@ATTEMPT@": str(attempt), "@RUN@": run, "@END@": end}
    script = _TEMPLATE
    for name, text in parts.items():
        script = script.replace(name, text)
    return script.replace("@COMMAND@", command)  # last: the command may hold anything
