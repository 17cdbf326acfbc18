"""What a cold start of the Lambda bundle costs, beside bare boto3 that makes the same clients.

    python -m tests.lambdas.startup [ROUNDS]

Each figure is the processor time of a fresh Python, in milliseconds: the imports of the handler `reconcile` and the
first four clients. Once with bytecode for both, as the bundle is built where a Python of the function's version is at
hand, and once without any, where every module is compiled, since Lambda keeps none.

Processor time depends on the machine and on its load. The tests compare what does not: the calls of functions that
Python makes, and the bytes of the modules that it reads. With bytecode, the time follows the calls.

Bare boto3 is the pinned one as pip installs it; its share of the bundle starts faster: EC2's model and the list of
endpoints are cut to what is called.
"""

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.lambdas.bundles import environment, made
from tests.support.patience import PATIENCE_SECONDS

LIMIT = 1.3
SOURCE_LIMIT = 1.5
_CLIENTS = ("ec2", "elbv2", "autoscaling", "dynamodb")
_BOTO3 = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
_TIMED = """
import sys, time
sys.path.insert(0, sys.argv[1])
began = time.process_time()
{imports}
for service in {clients}:
    client(service)
print(time.process_time() - began)
"""
_COUNTED = """
import os, sys
sys.path.insert(0, sys.argv[1])
calls = 0
def count(frame, event, argument):
    global calls
    calls += event in ("call", "c_call")
sys.setprofile(count)
{imports}
for service in {clients}:
    client(service)
sys.setprofile(None)
files = [getattr(one, "__file__", None) or "" for one in sys.modules.values()]
print(calls, sum(os.path.getsize(one) for one in files if one.startswith(sys.argv[1]) and one.endswith(".py")))
"""
_BARE = "import boto3\nclient = boto3.Session().client"
_AWSROLL = """
import reconcile, container
from awsroll.aws.clients import Clients
client = Clients(container.session()).client
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """Medians of several rounds, in milliseconds.

    Attributes:
        way: whether bytecode was kept.
        ratio: of both in the same round: a machine that is busy for a while is so for both.
    """

    way: str
    bare: float
    awsroll: float
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a start does, whatever the machine.

    Attributes:
        calls: of functions, Python's and C's.
        source: bytes of the modules that are read.
    """

    calls: int
    source: int


def count(bundle: Path) -> tuple[Work, Work]:
    """Return the work of bare boto3 and of awsroll, each with bytecode."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare"
        _install_boto3(bare)
        kept = ("-X", f"pycache_prefix={folder}/bytecode")
        return _work(_BARE, bare, kept), _work(_AWSROLL, bundle, kept)


def _work(imports: str, folder: Path, options: tuple[str, ...]) -> Work:
    _run(_COUNTED, imports, folder, options)  # writes the bytecode
    calls, source = _run(_COUNTED, imports, folder, options).split()
    return Work(calls=int(calls), source=int(source))


def measure(bundle: Path, rounds: int) -> tuple[Startup, ...]:
    """Start both in turns, each way, and return the medians."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare"
        _install_boto3(bare)
        kept = ("-X", f"pycache_prefix={folder}/bytecode")
        none = ("-B", "-X", f"pycache_prefix={folder}/none")
        return (
            _compared("bytecode", bundle, bare, rounds, kept),
            _compared("compiling", bundle, bare, rounds, none),
        )


def _compared(way: str, bundle: Path, bare: Path, rounds: int, options: tuple[str, ...]) -> Startup:
    def turns() -> Iterator[tuple[float, float]]:
        while True:
            yield _seconds(_BARE, bare, options), _seconds(_AWSROLL, bundle, options)

    rest = turns()
    next(rest)  # fills the disk's cache, and the bytecode's
    took = [pair for pair, _ in zip(rest, range(rounds), strict=False)]
    alone, whole = ([1000 * one for one in column] for column in zip(*took, strict=True))
    ratio = median(awsroll / bare for bare, awsroll in took)
    return Startup(way=way, bare=median(alone), awsroll=median(whole), ratio=ratio)


def _seconds(imports: str, folder: Path, options: tuple[str, ...]) -> float:
    return float(_run(_TIMED, imports, folder, options))


def _run(template: str, imports: str, folder: Path, options: tuple[str, ...]) -> str:
    program = template.format(imports=imports, clients=_CLIENTS)
    command = [sys.executable, "-I", "-S", *options, "-c", program, str(folder)]
    ended = subprocess.run(
        command, check=True, env=environment(), capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    return ended.stdout


def _install_boto3(folder: Path) -> None:
    """Lay boto3 into a folder of its own, as it is installed here but for bytecode."""
    for name in _BOTO3:
        for file in importlib.metadata.files(name) or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), folder / file)


def main() -> int:
    """Print the figures; 1 if awsroll starts slower than promised."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        found = measure(made(Path(folder) / "native", "--arch", "native"), rounds)
    print(f"{'':10} {'boto3':>8} {'awsroll':>8}  ratio (at most {LIMIT})")  # noqa: T201 - what a command answers
    for one in found:
        print(f"{one.way:10} {one.bare:5.0f} ms {one.awsroll:5.0f} ms  {one.ratio:.2f}")  # noqa: T201 - the same
    return int(any(one.ratio > LIMIT for one in found))


if __name__ == "__main__":
    sys.exit(main())
