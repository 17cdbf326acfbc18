"""The functions' code: built by `lambda/build.py` on the machine that synthesizes, without docker."""

import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

_HANDLERS = Path(__file__).parents[2] / "lambda"
_ARCHES = {"arm64": "arm64", "x86_64": "x86_64"}


@jsii.implements(cdk.ILocalBundling)
class _Bundling:
    """Runs the builder; there is no docker image to fall back to."""

    def __init__(self, arch: str) -> None:
        self._arch = arch

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        """Fill the folder, and say that it was done."""
        command = [sys.executable, str(_HANDLERS / "build.py"), "--arch", self._arch, "--out", output_dir]
        subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - a list of words, no shell
        return True


def built_code(architecture: lambda_.Architecture) -> lambda_.Code:
    """Return the bundle for a processor; it is built when the app is synthesized."""
    arch = _ARCHES[architecture.name]
    bundling = cdk.BundlingOptions(image=cdk.DockerImage.from_registry("none"), local=_Bundling(arch))
    return lambda_.Code.from_asset(str(_HANDLERS), bundling=bundling, asset_hash_type=cdk.AssetHashType.OUTPUT)
