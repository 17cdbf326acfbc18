"""The code of the functions, built by the handlers' `build.py` on the machine that synthesizes, without docker."""

import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

_IN_PACKAGE, _IN_SOURCES = Path(__file__).parent / "handlers", Path(__file__).parents[2] / "lambda"
_HANDLERS = _IN_PACKAGE if _IN_PACKAGE.is_dir() else _IN_SOURCES
_ARCHES = {"arm64": "arm64", "x86_64": "x86_64"}


@jsii.implements(cdk.ILocalBundling)
class _Bundling:
    """Run the builder. There is no docker image as a fallback."""

    def __init__(self, arch: str, *, durable: bool) -> None:
        self._options = ["--arch", arch, *(["--durable"] if durable else [])]

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        """Fill the folder, and return that this was done."""
        command = [sys.executable, str(_HANDLERS / "build.py"), *self._options, "--out", output_dir]
        subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - a list of words, no shell
        return True


def built_code(architecture: lambda_.Architecture, *, durable: bool) -> lambda_.Code:
    """Return the bundle for a processor, with or without the SDK of durable functions. Synthesis builds it."""
    arch = _ARCHES[architecture.name]
    bundling = cdk.BundlingOptions(image=cdk.DockerImage.from_registry("none"), local=_Bundling(arch, durable=durable))
    return lambda_.Code.from_asset(str(_HANDLERS), bundling=bundling, asset_hash_type=cdk.AssetHashType.OUTPUT)
