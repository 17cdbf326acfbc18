"""The shell script that runs a reload command at most once on an instance, however often SSM delivers it.

SendCommand has no token, so a command may be sent twice if an answer is lost. The first delivery makes a directory
named after instance, rollout, attempt and command (an atomic step), runs the command and stores its exit code there.
Each further delivery waits for that exit code and returns it. This file only builds the text.

The exit code 194 is none: the SSM agent then reboots the server and runs the script again (Systems Manager guide,
"Handling reboots when running commands"). So nothing is stored for it, and the command runs again after the reboot.

The directories lie in one folder that only the user of the SSM agent can enter. If another user has made it, or can
write to it, its exit codes prove nothing: then the script fails and runs no command.
"""

from collections.abc import Sequence
from hashlib import sha256

_DIGEST_CHARACTERS = 32
_TEMPLATE = """\
mask=$(umask)
umask 077
fail() {
  echo "awsroll: $1. The command did not run" >&2
  exit 73
}
private() {
  set -- "$1" $(LC_ALL=C ls -ldn "$1" 2>/dev/null)
  case ${2-} in d????-??-*) ;; *) return 1 ;; esac
  [ "${4-}" = "$(id -u)" ] && chmod 700 "$1"
}
base=
for folder in "${AWSROLL_MARKERS:-/var/lib/awsroll}" /run/awsroll; do
  mkdir -p "${folder%/*}" 2>/dev/null
  mkdir "$folder" 2>/dev/null
  [ -e "$folder" ] || [ -L "$folder" ] || continue
  private "$folder" || fail "$folder is not a directory of $(id -un) that no other user can write to; remove it"
  base=$folder
  break
done
[ -n "$base" ] || fail "neither /var/lib/awsroll nor /run/awsroll can be created"
marker="$base/${AWS_SSM_INSTANCE_ID:-this}.@ROLLOUT@.@ATTEMPT@.@DIGEST@"
if mkdir "$marker" 2>/dev/null; then
  trap 'rm -f "$marker/command"' EXIT
  trap 'exit 143' HUP INT TERM
  echo $$ >"$marker/pid"
  cat >"$marker/command" <<'@END@'
@COMMAND@
@END@
  if [ $? -ne 0 ] || ! [ -s "$marker/pid" ]; then
    rm -rf "$marker"
    fail "cannot write to $base (is the disk full?)"
  fi
  code=0
  umask "$mask"
  @RUN@ || code=$?
  umask 077
  if [ "$code" -eq 194 ]; then # the SSM agent reboots the server and runs this script again
    rm -rf "$marker"
    exit 194
  fi
  echo "$code" >"$marker/code.new" && mv "$marker/code.new" "$marker/code"
  exit "$code"
fi
[ -d "$marker" ] || fail "cannot write to $base (is the disk full?)"
echo "awsroll: delivered before; waiting for the exit code of the first delivery"
until [ -f "$marker/code" ]; do
  [ -d "$marker" ] || fail "the first delivery could not run"
  if [ -f "$marker/pid" ] && ! kill -0 "$(cat "$marker/pid")" 2>/dev/null && [ ! -f "$marker/code" ]; then
    rm -f "$marker/command"
    echo "awsroll: the first delivery broke off without an exit code" >&2
    exit 75
  fi
  sleep 1
done
code=$(cat "$marker/code")
case $code in ''|*[!0-9]*) fail "the exit code of the first delivery cannot be read" ;; esac
exit "$code"
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
    digest = sha256(f"{rollout_id}/{attempt}/{command}".encode()).hexdigest()[:_DIGEST_CHARACTERS]
    parts = {"@ROLLOUT@": rollout_id, "@ATTEMPT@": str(attempt), "@DIGEST@": digest, "@RUN@": run, "@END@": end}
    script = _TEMPLATE
    for name, text in parts.items():
        script = script.replace(name, text)
    return script.replace("@COMMAND@", command)  # last, because the command may contain the other names
