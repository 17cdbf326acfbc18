"""The app as it is synthesized, in a copy that runs here: the same resources, the same bundle, another runtime.

The emulator runs Python functions in an interpreter of its own, where errors lose their names. So the copy says
`provided.al2023`, and its bundle has a `bootstrap` that starts AWS's own runtime client, on this Python.
"""

import json
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chain.processes import RUNTIME_CLIENT, run, tool
from tests.lambdas.bundles import ROOT, made

STACK = "awsroll"
# -S: nothing but the bundle and the runtime client can be imported.
_BOOTSTRAP = """#!/bin/sh
cd "$(dirname "$0")" && PYTHONPATH="$PWD:{client}" exec {python} -S -m awslambdaric "$_HANDLER"
"""


def synthesized(folder: Path, context: Mapping[str, str]) -> Path:
    """Synthesize the app as `cdk synth` does; the folder of the assembly."""
    out = folder / "cdk.out"
    more = {
        "CDK_OUTDIR": str(out),
        # The bundle of the copy is built for this machine; the app's own would be thrown away.
        "CDK_CONTEXT_JSON": json.dumps({"stack": STACK, "topic": "none", "aws:cdk:bundling-stacks": [], **context}),
        "PYTHONPATH": str(ROOT),
    }
    run([sys.executable, "app.py"], more=more, log=folder / "synth.log", cwd=ROOT / "cdk")
    return out


def adapted(assembly: Path, folder: Path, variables: Mapping[str, str]) -> None:
    """Change the assembly so that its functions run here, with some more variables in their environment."""
    _bundle(assembly / "bundle", folder)
    _replace_code(assembly / f"{STACK}.assets.json", "bundle")
    file = assembly / f"{STACK}.template.json"
    template = json.loads(file.read_text())
    _leave_out_versions_of_machines(template)
    for one in template["Resources"].values():
        if one["Type"] == "AWS::Lambda::Function":
            _adapt(one["Properties"], variables)
    file.write_text(json.dumps(template))


def _leave_out_versions_of_machines(template: dict[str, Any]) -> None:
    """Remove published versions and aliases of state machines, which the emulator lacks, and the outputs of these."""
    lacking = ("AWS::StepFunctions::StateMachineAlias", "AWS::StepFunctions::StateMachineVersion")
    removed = [name for name, one in template["Resources"].items() if one["Type"] in lacking]
    template["Resources"] = {name: one for name, one in template["Resources"].items() if name not in removed}
    outputs = template["Outputs"].items()
    template["Outputs"] = {name: one for name, one in outputs if not any(each in str(one) for each in removed)}


def _adapt(function: dict[str, Any], variables: Mapping[str, str]) -> None:
    function["Runtime"] = "provided.al2023"
    function["Architectures"] = ["x86_64"]
    function["Environment"]["Variables"].update(variables)


def _replace_code(assets: Path, source: str) -> None:
    listed = json.loads(assets.read_text())
    (code,) = (one for one in listed["files"].values() if one["source"]["packaging"] == "zip")
    code["source"]["path"] = source
    assets.write_text(json.dumps(listed))


def _bundle(out: Path, folder: Path) -> None:
    client = folder / "runtime-client"
    install = [tool("uv"), "pip", "install", "--quiet", "--no-config", "--python", sys.executable]
    run([*install, "--target", str(client), RUNTIME_CLIENT], more={}, log=folder / "runtime-client.log")
    made(out, "--arch", "native")
    bootstrap = out / "bootstrap"
    bootstrap.write_text(_BOOTSTRAP.format(client=client, python=os.path.realpath(sys.executable)))
    bootstrap.chmod(bootstrap.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
