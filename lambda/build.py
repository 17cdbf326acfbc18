"""Builds the Lambda bundle: the handlers of this folder, awsroll, and what they import, boto3 included.

    python lambda/build.py --arch arm64 --out dist/lambda           a folder
    python lambda/build.py --arch x86_64 --out dist/lambda --zip    and dist/lambda.zip beside it

It needs this repository, Python 3.11 or newer with pip (or `uv`, which is faster), and no docker: dependencies are
taken as wheels for the function's system, in the versions of constraints.txt. boto3 comes along, since the one of
Lambda's runtime is older and lacks calls that awsroll makes; of its service models only what `awsroll.aws.services`
lists.
Where a Python of the function's version is at hand, the bundle holds bytecode, too: Lambda keeps none, so that a cold
start would compile every module and take twice as long. Python takes it only if it fits the source beside it.
The same sources and the same Python give the same bytes: files are sorted and dated alike in the zip.
"""

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HANDLERS = Path(__file__).resolve().parent
ROOT = HANDLERS.parent
RUNTIME = "3.13"
PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
NATIVE = "native"
# What only the command line, the sandbox and tests import.
_LEFT_OUT = ("cli", "sandbox", "testing", "__main__.py", "__pycache__")
_PROGRAMS = ("build.py", "schemas.py")
_NOT_IMPORTED = ("rich", "typer", "pyyaml")
# botocore reads these for every client; the other files at the top of its data are for other SDKs.
_EVERY_CLIENT = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")
_MODEL_FILES = ("service-2", "service-2.sdk-extras", "endpoint-rule-set-1")
_INSTALLER_NOTES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
_EARLIEST_IN_A_ZIP = (1980, 1, 1, 0, 0, 0)
_ORDINARY_FILE = 0o100644 << 16
_IN_LAMBDA = "/var/task"  # where a function's code lies


def build(out: Path, arch: str, extras: tuple[str, ...] = ()) -> bool:
    """Fill a folder with the bundle; whatever was in it is removed. True if it holds bytecode.

    Args:
        out: the folder.
        arch: `arm64`, `x86_64`, or `native` for this very machine and Python, which is what the tests run.
        extras: optional parts that come along: `durable`.

    Raises:
        FileExistsError: if the folder holds something that is no bundle; it is left as it is.
        subprocess.CalledProcessError: if a dependency cannot be installed.
    """
    if out.exists() and any(out.iterdir()) and not (out / "awsroll").is_dir():
        problem = f"{out} holds something that is no bundle: it was left as it is; name another --out"
        raise FileExistsError(problem)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    _install(out, arch, extras)
    _trim(out)
    services = _services()
    _trim_models(out / "botocore" / "data", services["SERVICES"], services["EC2_OPERATIONS"])
    shutil.copytree(ROOT / "awsroll", out / "awsroll", ignore=shutil.ignore_patterns(*_LEFT_OUT, "*.pyc"))
    for handler in sorted(HANDLERS.glob("*.py")):
        if handler.name not in _PROGRAMS:
            shutil.copy(handler, out)
    return _compile(out, arch)


def pack(folder: Path, archive: Path) -> None:
    """Zip a folder so that equal contents give equal bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in files_of(folder):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _EARLIEST_IN_A_ZIP)
            entry.external_attr = _ORDINARY_FILE
            packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def files_of(folder: Path) -> list[Path]:
    """Return the files of a folder at any depth, sorted by their names in it."""
    return sorted(
        (one for one in folder.rglob("*") if one.is_file()), key=lambda file: file.relative_to(folder).as_posix()
    )


def _install(out: Path, arch: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [one for one in project["dependencies"] if not one.startswith(_NOT_IMPORTED)]
    wanted += [one for extra in extras for one in project["optional-dependencies"][extra]]
    common = ["--quiet", "--target", str(out), "--constraint", str(ROOT / "constraints.txt")]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        command = [uv, "pip", "install", "--no-config", "--python", sys.executable, *common, *_for_uv(arch), *wanted]
    else:
        command = [sys.executable, "-m", "pip", "install", "--no-compile", *common, *_for_pip(arch), *wanted]
    subprocess.run(command, check=True)  # noqa: S603 - a list of words, no shell


def _for_uv(arch: str) -> Iterator[str]:
    if arch != NATIVE:
        yield from ("--only-binary", ":all:", "--python-version", RUNTIME)
        yield from ("--python-platform", f"{PLATFORMS[arch]}-manylinux2014")


def _for_pip(arch: str) -> Iterator[str]:
    if arch != NATIVE:
        yield from ("--only-binary=:all:", "--python-version", RUNTIME, "--implementation", "cp")
        yield from ("--platform", f"manylinux2014_{PLATFORMS[arch]}", "--disable-pip-version-check")


def _compile(out: Path, arch: str) -> bool:
    """Write the bytecode of every module beside it, if a Python of the function's version is here; tell whether."""
    python = sys.executable if arch == NATIVE else _of_version(RUNTIME)
    if python is None:
        return False
    # By the source's hash, as dates in a zip say nothing; with the paths of Lambda, so that it is the same everywhere.
    how = ("--invalidation-mode", "checked-hash", "-s", str(out), "-p", _IN_LAMBDA)
    subprocess.run([python, "-I", "-m", "compileall", "-q", *how, str(out)], check=True)  # noqa: S603 - no shell
    return True


def _of_version(version: str) -> str | None:
    """Return a Python of a version, this one or one on the path; None if there is none that runs."""
    asked = "import sys; print('{}.{}'.format(*sys.version_info))"
    for found in (sys.executable, shutil.which(f"python{version}")):
        if found is not None:
            told = subprocess.run([found, "-I", "-c", asked], check=False, capture_output=True, text=True)  # noqa: S603
            if told.stdout.strip() == version:
                return found
    return None


def _trim(out: Path) -> None:
    """Remove what only an installer, a person or boto3's resources need; licences stay."""
    for folder in (out / "bin", out / "boto3" / "data", out / "boto3" / "examples"):
        shutil.rmtree(folder, ignore_errors=True)
    for found in list(out.rglob("__pycache__")) + list(out.rglob("tests")):
        shutil.rmtree(found, ignore_errors=True)
    for installed in out.glob("*.dist-info"):
        for name in _INSTALLER_NOTES:
            (installed / name).unlink(missing_ok=True)
    (out / ".lock").unlink(missing_ok=True)


def _services() -> Mapping[str, Any]:
    listed: dict[str, Any] = {}
    exec((ROOT / "awsroll" / "aws" / "services.py").read_text(), listed)  # noqa: S102 - awsroll is not installed here
    return listed


def _trim_models(data: Path, services: tuple[str, ...], ec2_operations: tuple[str, ...]) -> None:
    """Leave the newest model of each service that is called, with no paginators, waiters and examples."""
    for found in list(data.iterdir()):
        if found.is_file() and found.name not in _EVERY_CLIENT:
            found.unlink()
        elif found.is_dir() and found.name not in services:
            shutil.rmtree(found)
    for service in services:
        *older, newest = sorted(one for one in (data / service).iterdir() if one.is_dir())
        for version in older:
            shutil.rmtree(version)
        for file in newest.iterdir():
            if file.name.split(".json")[0] not in _MODEL_FILES:
                file.unlink()
    _trim_endpoints(data / "endpoints.json", {_endpoint_of(data / service) for service in services})
    (ec2,) = (data / "ec2").glob("*/service-2.json.gz")
    model = _only(json.loads(gzip.decompress(ec2.read_bytes())), ec2_operations)
    ec2.with_suffix("").write_text(json.dumps(model, separators=(",", ":")))
    ec2.unlink()


def _endpoint_of(service: Path) -> str:
    (file,) = service.glob("*/service-2.json.gz")
    return str(json.loads(gzip.decompress(file.read_bytes()))["metadata"]["endpointPrefix"])


def _trim_endpoints(file: Path, services: set[str]) -> None:
    """Leave out the regions and addresses of services that are not called; the first client of all reads them."""
    listed = json.loads(file.read_text())
    for partition in listed["partitions"]:
        partition["services"] = {name: one for name, one in partition["services"].items() if name in services}
    file.write_text(json.dumps(listed, separators=(",", ":")))


def _only(model: dict[str, Any], operations: tuple[str, ...]) -> dict[str, Any]:
    """Cut a service's model to some operations and the shapes that they refer to, however deep."""
    kept = {name: model["operations"][name] for name in operations}
    reached: dict[str, Any] = {}
    waiting = [name for one in kept.values() for name in _shapes_named_in(one)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = model["shapes"][name]
            waiting += _shapes_named_in(reached[name])
    shapes = {name: shape for name, shape in model["shapes"].items() if name in reached}
    return {**model, "operations": kept, "shapes": shapes}


def _shapes_named_in(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for value in part.values():
            yield from _shapes_named_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from _shapes_named_in(value)


def main(arguments: list[str] | None = None) -> int:
    """Build what the command line asks for, and say how large it became."""
    about, _, more = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=about, epilog=more, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--arch", required=True, choices=(*PLATFORMS, NATIVE), help="processor of the function")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to fill")
    parser.add_argument("--zip", action="store_true", help="also write DIR.zip, which Lambda takes as it is")
    parser.add_argument("--durable", action="store_true", help="with the SDK that the handler `durable` needs")
    chosen = parser.parse_args(arguments)
    out = chosen.out.resolve()
    compiled = build(out, chosen.arch, ("durable",) if chosen.durable else ())
    size = sum(file.stat().st_size for file in files_of(out))
    said = f"{out}: {size / 1e6:.1f} MB"
    if not compiled:
        said += f", without bytecode, as no Python {RUNTIME} is here: cold starts take longer"
    if chosen.zip:
        archive = out.with_name(f"{out.name}.zip")
        pack(out, archive)
        said += f"; {archive}: {archive.stat().st_size / 1e6:.1f} MB"
    print(said)  # noqa: T201 - what a command answers
    return 0


if __name__ == "__main__":
    sys.exit(main())
