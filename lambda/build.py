"""Build the Lambda bundle: the handlers of this folder, awsroll, and their dependencies, including boto3.

    python lambda/build.py --arch arm64 --out dist/lambda           a folder
    python lambda/build.py --arch x86_64 --out dist/lambda --zip    and dist/lambda.zip beside it

`python -m awsroll_cdk.handlers.build` does the same where the package `awsroll[cdk]` is installed.

It needs Python 3.11 or newer with pip or the faster `uv`. It does not need docker: dependencies are
wheels for the system of the function, in the versions of constraints.txt. The bundle includes boto3, because the boto3
of Lambda's runtime is older and lacks calls that awsroll makes. Of its service models only those in
`awsroll.aws.services` are included.
If this machine has the Python version of the function, the bundle includes bytecode. Lambda does not store bytecode, so
a cold start without it compiles every module and takes twice as long. Python uses it only if it matches the source.
The same sources and the same Python give the same bytes: files in the zip are sorted and have the same date.
"""

import argparse
import gzip
import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

HANDLERS = Path(__file__).resolve().parent
ROOT = HANDLERS.parent
IS_INSTALLED = not (ROOT / "pyproject.toml").is_file()  # in the package `awsroll_cdk`, beside the package `awsroll`
SOURCES = ROOT.parent if IS_INSTALLED else ROOT
CONSTRAINTS = (HANDLERS if IS_INSTALLED else ROOT) / "constraints.txt"
RUNTIME = "3.13"
PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
NATIVE = "native"
# Only the command line, the probe, the sandbox, tests and YAML files need these.
_LEFT_OUT = ("cli", "probe", "sandbox", "testing", "decode_yaml.py", "__main__.py", "__pycache__")
_PROGRAMS = ("__init__.py", "build.py", "schemas.py")
_NOT_IMPORTED = ("rich", "click", "pyyaml")
# botocore reads these files for every client. The other files at the top of its data are for other SDKs.
_EVERY_CLIENT = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")
_MODEL_FILES = ("service-2", "service-2.sdk-extras", "endpoint-rule-set-1")
_INSTALLER_NOTES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
_EARLIEST_IN_A_ZIP = (1980, 1, 1, 0, 0, 0)
_ORDINARY_FILE = 0o100644 << 16
_IN_LAMBDA = "/var/task"  # the folder of a function's code


def build(out: Path, arch: str, extras: tuple[str, ...] = ()) -> bool:
    """Fill a folder with the bundle, and remove an older bundle. Return whether the bundle holds bytecode.

    Args:
        out: the folder.
        arch: `arm64`, `x86_64`, or `native` for this machine and Python, as the tests use.
        extras: optional dependencies to include: `durable`.

    Raises:
        FileExistsError: if the folder holds something else than a bundle; it is left unchanged.
        subprocess.CalledProcessError: if a dependency cannot be installed.
    """
    if out.exists() and any(out.iterdir()) and not (out / "awsroll").is_dir():
        problem = f"{out} holds something else than a bundle and was left unchanged; pass another --out"
        raise FileExistsError(problem)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    _install(out, arch, extras)
    _trim(out)
    services = _services()
    _trim_models(out / "botocore" / "data", services["SERVICES"], services["EC2_OPERATIONS"])
    shutil.copytree(SOURCES / "awsroll", out / "awsroll", ignore=shutil.ignore_patterns(*_LEFT_OUT, "*.pyc"))
    for handler in sorted(HANDLERS.glob("*.py")):
        if handler.name not in _PROGRAMS:
            shutil.copy(handler, out)
    return _compile(out, arch)


def pack(folder: Path, archive: Path) -> None:
    """Zip a folder so that the same content gives the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in files_of(folder):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _EARLIEST_IN_A_ZIP)
            entry.external_attr = _ORDINARY_FILE
            packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def files_of(folder: Path) -> list[Path]:
    """Return the files of a folder and its subfolders, sorted by path."""
    return sorted(
        (one for one in folder.rglob("*") if one.is_file()), key=lambda file: file.relative_to(folder).as_posix()
    )


def _install(out: Path, arch: str, extras: tuple[str, ...]) -> None:
    wanted = [one for one in _requirements() if not one.startswith(_NOT_IMPORTED)]
    wanted += [one for extra in extras for one in _requirements(extra)]
    common = ["--quiet", "--target", str(out), "--constraint", str(CONSTRAINTS)]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        command = [uv, "pip", "install", "--no-config", "--python", sys.executable, *common, *_for_uv(arch), *wanted]
    elif importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--no-compile", *common, *_for_pip(arch), *wanted]
    else:
        problem = (
            f"the bundle needs uv on the path, or pip in {sys.prefix}, to install its dependencies; nothing was built. "
            "Install one of them, or pass a bundle that is built already (`code` of the construct)"
        )
        raise SystemExit(problem)
    installed = subprocess.run(command, check=False)  # noqa: S603 - a list of words, no shell
    if installed.returncode:
        problem = f"the dependencies of the bundle were not installed; the message above says why: {' '.join(command)}"
        raise SystemExit(problem)


def _requirements(extra: str = "") -> list[str]:
    """Return the dependencies of awsroll, or those of an extra: from its sources, or as installed."""
    return _as_installed(extra) if IS_INSTALLED else _of_sources(extra)


def _of_sources(extra: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named: list[str] = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return named


def _as_installed(extra: str) -> list[str]:
    listed = [one.partition(";") for one in metadata.requires("awsroll") or ()]
    marked = f"extra=='{extra}'" if extra else ""
    return [name.strip() for name, _, marker in listed if marker.replace(" ", "").replace('"', "'") == marked]


def _for_uv(arch: str) -> Iterator[str]:
    if arch != NATIVE:
        yield from ("--only-binary", ":all:", "--python-version", RUNTIME)
        yield from ("--python-platform", f"{PLATFORMS[arch]}-manylinux2014")


def _for_pip(arch: str) -> Iterator[str]:
    if arch != NATIVE:
        yield from ("--only-binary=:all:", "--python-version", RUNTIME, "--implementation", "cp")
        yield from ("--platform", f"manylinux2014_{PLATFORMS[arch]}", "--disable-pip-version-check")


def _compile(out: Path, arch: str) -> bool:
    """Write the bytecode of every module, if this machine has the function's Python. Return whether it was written."""
    python = sys.executable if arch == NATIVE else _of_version(RUNTIME)
    if python is None:
        return False
    # Validate by the hash of the source, because dates in a zip are equal. Use the paths of Lambda in tracebacks.
    how = ("--invalidation-mode", "checked-hash", "-s", str(out), "-p", _IN_LAMBDA)
    subprocess.run([python, "-I", "-m", "compileall", "-q", *how, str(out)], check=True)  # noqa: S603 - no shell
    return True


def _of_version(version: str) -> str | None:
    """Return an interpreter of a Python version: this one or one on the path; None if there is none."""
    asked = "import sys; print('{}.{}'.format(*sys.version_info))"
    for found in (sys.executable, shutil.which(f"python{version}")):
        if found is not None:
            answer = subprocess.run([found, "-I", "-c", asked], check=False, capture_output=True, text=True)  # noqa: S603
            if answer.stdout.strip() == version:
                return found
    return None


def _trim(out: Path) -> None:
    """Remove files that only installers, people or boto3's resources need. Licences stay."""
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
    exec((SOURCES / "awsroll" / "aws" / "services.py").read_text(), listed)  # noqa: S102 - awsroll is not installed here
    return listed


def _trim_models(data: Path, services: tuple[str, ...], ec2_operations: tuple[str, ...]) -> None:
    """Keep only the newest model of each service that awsroll calls, without paginators, waiters and texts."""
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
    for service in services:
        (packed,) = (data / service).glob("*/service-2.json.gz")
        model = json.loads(gzip.decompress(packed.read_bytes()))
        kept = _undocumented(_only(model, ec2_operations) if service == "ec2" else model)
        packed.with_suffix("").write_text(json.dumps(kept, separators=(",", ":")))
        packed.unlink()


def _undocumented(part: Any) -> Any:
    """Leave out the texts of a service model for people: a cold start reads the whole model."""
    if isinstance(part, Mapping):
        kept = (item for item in part.items() if not (item[0] == "documentation" and isinstance(item[1], str)))
        return {name: _undocumented(value) for name, value in kept}
    return [_undocumented(value) for value in part] if isinstance(part, list) else part


def _endpoint_of(service: Path) -> str:
    (file,) = service.glob("*/service-2.json.gz")
    return str(json.loads(gzip.decompress(file.read_bytes()))["metadata"]["endpointPrefix"])


def _trim_endpoints(file: Path, services: set[str]) -> None:
    """Remove the endpoints of services that awsroll does not call. The first client reads this file.

    An installer may have linked the file from its cache. So it is replaced and not written in place, which would change
    each installed copy on this machine.
    """
    listed = json.loads(file.read_text())
    for partition in listed["partitions"]:
        partition["services"] = {name: one for name, one in partition["services"].items() if name in services}
    file.unlink()
    file.write_text(json.dumps(listed, separators=(",", ":")))


def _only(model: dict[str, Any], operations: tuple[str, ...]) -> dict[str, Any]:
    """Reduce a service model to some operations and the shapes that they refer to, directly or indirectly."""
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
    """Build the bundle, and print its size."""
    about, _, more = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=about, epilog=more, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--arch", required=True, choices=(*PLATFORMS, NATIVE), help="processor of the function")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to fill")
    parser.add_argument("--zip", action="store_true", help="also write DIR.zip, ready for upload to Lambda")
    parser.add_argument("--durable", action="store_true", help="include the SDK that the handler `durable` needs")
    chosen = parser.parse_args(arguments)
    out = chosen.out.resolve()
    compiled = build(out, chosen.arch, ("durable",) if chosen.durable else ())
    size = sum(file.stat().st_size for file in files_of(out))
    text = f"{out}: {size / 1e6:.1f} MB"
    if not compiled:
        text += f", without bytecode because Python {RUNTIME} was not found: cold starts take longer"
    if chosen.zip:
        archive = out.with_name(f"{out.name}.zip")
        pack(out, archive)
        text += f"; {archive}: {archive.stat().st_size / 1e6:.1f} MB"
    print(text)  # noqa: T201 - the output of the command
    return 0


if __name__ == "__main__":
    sys.exit(main())
