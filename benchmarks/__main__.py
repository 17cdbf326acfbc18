"""Measures awsroll and writes docs/performance.md: makespans, calls, bytes, CPU, memory and start-up.

    python -m benchmarks

The makespans, calls, observations, writes and bytes are counts in virtual time, the same on each machine. CPU and
memory are of the machine that the page names.
"""

import os
import platform
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from time import process_time

from benchmarks import calls, makespans, start_up, waves

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
_HEAD = """# Performance

`python -m benchmarks` writes this page. Makespans, calls, observations, writes and bytes are counts in virtual time:
they are the same on each machine, and tests bound them. CPU and memory are of one machine.
"""
_MAKESPANS = f"""## How long a rollout takes

{makespans.SERVERS} standalone servers, at most {makespans.UNAVAILABLE} unavailable, with AWS's defaults: a drain of
{makespans.DRAIN} s, and {makespans.CHECKS} health checks with {makespans.INTERVAL} s in between. The boots take 50 to
70 s: the same draws for each row. A server serves when all checks of its threshold have passed. Connections to a
draining server are open for {makespans.OPEN_SECONDS} s.

The peers are pure models of their rules. `benchmarks/peers.py` has the rules and their sources. The models are kind: no
second is lost between two steps, and instance refresh has no warm-up.
"""
_CALLS = """## Calls, observations and writes

20 servers, 2 at a time, with AWS's defaults, on the embedded AWS. A call takes 150 ms.
"""
_FLOOR = """One call changes all servers that leave or arrive together. So the calls for each server fall with the
number of servers at a time, and two costs stay:

- EC2 shows the termination protection of one server a call (DescribeInstanceAttribute). A protected server must not be
  drained, and the refusal of its termination would come after its drain. So each server without a group that is to
  leave costs one reading call, before anything is changed.
  `--termination-protection assume-none` saves these calls: a server that EC2 then refuses to terminate runs on.
- One at a time, no call is shared: each server without a group is tagged, deregistered, launched, registered and
  terminated by calls of its own, and each member of a group is terminated by a call of its own.

So the calls that change something fall as follows. What they are besides these: the tag of the lock each five minutes,
and the settings that a rollout saves and restores.

| servers, at a time | standalone: changing calls a server | group |
|---|---|---|
| 20, 1 | 5.45 | 1.75 |
| 20, 4 | 2.20 | 0.75 |
| 200, 20 | 0.38 | 0.10 |
| 1,000, 100 | 0.11 | 0.02 |

`python -m benchmarks.calls --goals` measures fleets of up to 1,000 servers.
"""
_FLEETS = 50
_WAVES = f"""## Many fleets in one process

A wave of {_FLEETS} small groups of one account, all at a time, in virtual time on the embedded AWS. They share the rate
limits of the account. The memory includes the embedded AWS with its fleets.
"""


def main() -> int:
    """Measure, and write the page; return 0."""
    sections = [_HEAD, _MAKESPANS, *_lines(makespans.table()), _CALLS, *_lines(_calls()), _FLOOR]
    sections += [_WAVES, *_lines(waves.table(_FLEETS)), *_lines(_machine())]
    PAGE.write_text("\n".join(sections).rstrip() + "\n")
    sys.stdout.write(f"{PAGE} is written\n")
    return 0


def _lines(lines: Sequence[str]) -> list[str]:
    return [*lines, ""]


def _calls() -> list[str]:
    rows = [
        "| rollout | calls | a server | mutating | observations | writes of the record |",
        "|---|---|---|---|---|---|",
    ]
    for kind in calls.KINDS:
        for strategy in calls.STRATEGIES:
            case = calls.Case(kind=kind, servers=20, strategy=strategy, concurrent="2", pace=calls.PACES["aws"])
            made = calls.measure(case)
            figures = (made.total, f"{made.total / case.servers:.1f}", made.mutating, made.observations, made.writes)
            rows.append(f"| {kind}, {strategy} | {' | '.join(map(str, figures))} |")
    return rows


def _machine() -> list[str]:
    servers, variant = 200, makespans.VARIANTS["nothing tuned"]
    before = process_time()
    made = makespans.measure(variant, servers=servers)
    seconds = process_time() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    largest, step = made.largest_record, 1000 * seconds / made.observations
    return [
        "## CPU, memory, bytes and start-up",
        "",
        f"On {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}:",
        "",
        "| what | figure |",
        "|---|---|",
        f"| CPU of one observation and its plan, {servers} servers in memory | {step:.1f} ms |",
        f"| the largest status of that rollout | {largest} bytes, {largest / servers:.0f} a server |",
        f"| memory of these benchmarks at most | {memory:.0f} MiB |",
        *start_up.table(),
    ]


if __name__ == "__main__":
    sys.exit(main())
