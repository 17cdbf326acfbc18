"""The shell script that runs a reload command at most once on an instance, however often SSM delivers it.

SendCommand has no token, so a command may be sent twice if an answer is lost. The first delivery makes a directory
named after instance, rollout and attempt (an atomic step), runs the command and stores its exit code there. Each
further delivery waits for that exit code and returns it. This file only builds the text.
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
    """Return the script. It runs the commands in order, stops at the first failure, and returns its exit code.

    If the commands begin with `#!`, that interpreter runs them and decides what a failure is.
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
    return script.replace("@COMMAND@", command)  # last, because the command may contain the other names
