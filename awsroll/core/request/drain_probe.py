"""The built-in drain probes: scripts on a server that end when it has been without requests for a while. Pure.

A probe is a hook at `while_draining`: the answer 0 ends the drain early, anything else changes nothing. Both
scripts take a sample each second and succeed after `AWSROLL_QUIET_SECONDS` samples of 0 in a row.

`connections` counts the TCP connections on the ports of the server in `/proc/net`, but those that are closed on its
side. A port that a packet filter forwards, as Docker does, has no connection there. So the probe fails where no process
listens on a port, or where any port is forwarded. A URL is read on the server itself: its response is the number of
open requests or connections, and nothing else.
"""

import shlex

from awsroll.core.model.hooks import HookPoint, HookSpec
from awsroll.core.model.probe_form import CONNECTIONS

NAME = "drain-probe"
MARKER = "# awsroll drain probe"
_SPARE_SECONDS = 60
_LONGEST_SECONDS = 3600 + 2 * _SPARE_SECONDS

_COUNT_CONNECTIONS = r"""
count() {
  if iptables-save -t nat 2>/dev/null | grep -Eq -- '-j (DNAT|REDIRECT)' ||
    nft list ruleset 2>/dev/null | grep -Eq '[[:space:]](dnat|redirect)[[:space:]]'; then
    echo 'a packet filter forwards ports, so connections cannot be counted' >&2
    return 1
  fi
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v ports="$AWSROLL_PORTS" '
    BEGIN { n = split(ports, list, " "); for (i = 1; i <= n; i++) wanted[sprintf("%04X", list[i])] = 1 }
    $4 !~ /^[0-9A-F][0-9A-F]$/ { next }
    { split($2, address, ":"); port = address[2] }
    !(port in wanted) { next }
    $4 == "0A" { listens[port] = 1 }
    $4 ~ /^(01|03|04|08|09|0B|0C)$/ { open++ }
    END { for (port in wanted) if (!(port in listens)) exit 1; if (n < 1) exit 1; print open + 0 }'
}
""".strip()

_LOOP = f"""
start=$(date +%s)
quiet=0
while :; do
  open=$(count) || {{ echo 'the open connections cannot be counted' >&2; exit 1; }}
  case "$open" in
    '' | *[!0-9]*) echo 'the probe did not answer with a number' >&2; exit 1 ;;
    0) quiet=$((quiet + 1)) ;;
    *) quiet=0 ;;
  esac
  [ "$quiet" -le "$AWSROLL_QUIET_SECONDS" ] || {{ echo 0; exit 0; }}
  [ "$(($(date +%s) - start))" -le "$((AWSROLL_DRAIN_SECONDS + {_SPARE_SECONDS}))" ] || exit 1
  sleep 1
done
""".strip()


def probe_of(drain_probe: str) -> tuple[HookSpec, ...]:
    """Return the hook of the option `drain_probe`: none if it is empty."""
    if not drain_probe:
        return ()
    count = _COUNT_CONNECTIONS
    if drain_probe != CONNECTIONS:
        count = f"count() {{ curl --fail --silent --show-error --max-time 5 {shlex.quote(drain_probe)}; }}"
    script = (MARKER, count, _LOOP)
    return (HookSpec(point=HookPoint.WHILE_DRAINING, name=NAME, script=script, timeout=_LONGEST_SECONDS),)
