import importlib.util
import json
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from unittest.mock import patch

import pytest

from awsroll.aws.services import EC2_OPERATIONS, SERVICES
from tests.lambdas.bundles import BUILDER, handler_names, made, run_alone
from tests.support.made_once import made_once
from tests.support.patience import PATIENCE_SECONDS

_MODULES_AT_THE_TOP = {
    "awsroll",
    "boto3",
    "botocore",
    "cronsim",
    "dateutil",
    "jmespath",
    "msgspec",
    "s3transfer",
    "structlog",
    "tenacity",
    "tzdata",
}
_REGIONS = ("us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1")


@pytest.fixture(scope="module")
def for_arm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shared = made_once(
        tmp_path_factory, "bundle-arm", lambda folder: made(folder / "arm64", "--arch", "arm64", "--zip")
    )
    return shared / "arm64"


def test_is_smaller_than_25_megabytes(bundle: Path, for_arm: Path) -> None:
    sizes = {folder.name: _size(folder) / 1e6 for folder in (bundle, for_arm)}
    assert {name: size for name, size in sizes.items() if size >= 25} == {}


def test_holds_what_is_imported_and_nothing_of_the_command_line(bundle: Path) -> None:
    found = {one.name for one in bundle.iterdir() if not one.name.endswith(".dist-info")}
    wanted = _MODULES_AT_THE_TOP | {"urllib3", "six.py", "__pycache__"} | {f"{name}.py" for name in handler_names()}
    assert found - {"typing_extensions.py"} == wanted
    assert {one.name for one in (bundle / "awsroll").iterdir()} & {"cli", "sandbox", "testing", "__main__.py"} == set()
    assert [*bundle.rglob("tests"), *bundle.rglob("bin")] == []


def test_the_cut_data_of_the_sdk_is_no_link_into_the_cache_of_an_installer(tmp_path: Path) -> None:
    """An installer such as uv links files from its cache. To write in place would change every installed copy."""
    cache, installed = tmp_path / "cache.json", tmp_path / "endpoints.json"
    listed = {"partitions": [{"services": {"ec2": {}, "lex": {}}}]}
    cache.write_text(json.dumps(listed))
    installed.hardlink_to(cache)

    runpy.run_path(str(BUILDER))["_trim_endpoints"](installed, {"ec2"})

    assert json.loads(installed.read_text()) == {"partitions": [{"services": {"ec2": {}}}]}
    assert json.loads(cache.read_text()) == listed


def test_an_installed_package_names_the_same_dependencies_as_its_sources() -> None:
    builder = runpy.run_path(str(BUILDER))
    for extra in ("", "durable"):
        installed, written = (
            sorted(re.split("[<>=]", one)[0].strip() for one in builder[name](extra))
            for name in ("_as_installed", "_of_sources")
        )
        assert installed == written
        assert installed


def test_brings_the_bytecode_of_every_module_and_starts_with_it(bundle: Path) -> None:
    program = """
import importlib.util, reconcile, sys
made = [one for one in sys.modules.values() if (getattr(one, "__file__", None) or "").startswith(sys.path[0])]
flags = {open(one.__cached__, "rb").read(8)[4] for one in made if one.__file__.endswith(".py")}
print(flags, len(made) > 100)
"""
    assert run_alone(bundle, program) == "{3} True\n"  # 3: taken if the hash of the source is the one in it
    tag = sys.implementation.cache_tag  # `cache_from_source` names another folder if the tests compile to one
    wanted = {source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc" for source in bundle.rglob("*.py")}
    assert wanted == set(bundle.rglob("*.pyc"))


def test_bytecode_that_does_not_fit_its_source_is_not_taken(bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    with (copy / "named.py").open("a") as source:
        source.write("\nFIXED = True\n")
    assert run_alone(copy, "import named; print(named.FIXED)") == "True\n"


def test_bytecode_is_made_by_a_python_of_the_functions_version_or_not_at_all() -> None:
    found = runpy.run_path(str(BUILDER))["_of_version"]
    assert found("{}.{}".format(*sys.version_info)) == sys.executable
    assert found("2.4") is None


def test_keeps_the_licence_of_everything_it_carries(bundle: Path) -> None:
    without = [one.name for one in bundle.glob("*.dist-info") if not [*one.rglob("LICEN[SC]E*"), *one.rglob("NOTICE*")]]
    assert without == []


def test_carries_native_code_for_the_processor_asked_for(for_arm: Path) -> None:
    (native,) = (for_arm / "msgspec").glob("_core*.so")
    assert native.name == "_core.cpython-313-aarch64-linux-gnu.so"


def test_is_the_same_to_the_byte_when_built_again(for_arm: Path, tmp_path: Path) -> None:
    again = made(tmp_path / "again", "--arch", "arm64", "--zip")
    assert again.with_name("again.zip").read_bytes() == for_arm.with_name("arm64.zip").read_bytes()


def test_zip_holds_the_files_of_the_folder_readable_for_everyone(for_arm: Path) -> None:
    with zipfile.ZipFile(for_arm.with_name("arm64.zip")) as packed:
        entries = packed.infolist()
    assert [one.filename for one in entries] == sorted(
        file.relative_to(for_arm).as_posix() for file in for_arm.rglob("*") if file.is_file()
    )
    assert {(one.date_time, one.external_attr >> 16) for one in entries} == {((1980, 1, 1, 0, 0, 0), 0o100644)}


def test_every_handler_imports_with_the_bundle_alone(bundle: Path) -> None:
    program = f"""
import importlib, json
for name in {handler_names()!r}:
    importlib.import_module(name)
print(json.dumps([name for name in ("rich", "yaml", "moto", "click") if name in sys.modules]))
"""
    assert json.loads(run_alone(bundle, program)) == []


def test_durable_function_runs_with_its_sdk_in_the_bundle(tmp_path: Path) -> None:
    whole = made(tmp_path / "durable", "--arch", "native", "--durable")
    assert run_alone(whole, "import durable; print(callable(durable._durable_handler()))") == "True\n"
    assert _size(whole) < 25e6


def test_every_module_of_awsroll_in_it_imports_with_the_bundle_alone(bundle: Path) -> None:
    program = """
import importlib, pkgutil, awsroll
for one in pkgutil.walk_packages(awsroll.__path__, "awsroll."):
    importlib.import_module(one.name)
print("imported")
"""
    assert run_alone(bundle, program) == "imported\n"


def test_makes_a_client_of_every_service_that_awsroll_calls(bundle: Path) -> None:
    program = """
import boto3, json
session = boto3.Session()
models = {name: session.client(name).meta.service_model for name in session.get_available_services()}
print(json.dumps({name: model.operation_names for name, model in models.items()}))
"""
    known = json.loads(run_alone(bundle, program))
    assert sorted(known) == sorted(SERVICES)
    assert sorted(known["ec2"]) == sorted(EC2_OPERATIONS)
    assert "LaunchInstances" in known["autoscaling"]


def test_cut_model_of_ec2_asks_and_reads_as_the_whole_one(bundle: Path) -> None:
    program = f"""
import boto3, json
model = boto3.Session(region_name="eu-west-1").client("ec2").meta.service_model
def spelt(shape, above=()):
    if shape is None or shape.name in above:
        return shape and shape.name
    inner = {{}}
    if shape.type_name == "structure":
        inner = {{name: spelt(one, (*above, shape.name)) for name, one in shape.members.items()}}
    elif shape.type_name == "list":
        inner = spelt(shape.member, (*above, shape.name))
    return [shape.type_name, {{key: str(value) for key, value in shape.serialization.items()}}, inner]
operations = [model.operation_model(name) for name in {EC2_OPERATIONS!r}]
print(json.dumps([[spelt(one.input_shape), spelt(one.output_shape)] for one in operations]))
"""
    whole = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    ).stdout
    assert json.loads(run_alone(bundle, program)) == json.loads(whole)


def test_finds_every_service_where_the_whole_boto3_does(bundle: Path) -> None:
    program = f"""
import boto3, json
places = [(region, service) for region in {_REGIONS!r} for service in {SERVICES!r}]
keys = {{"aws_access_key_id": "a", "aws_secret_access_key": "b"}}
session = boto3.Session(**keys)
clients = {{place: session.client(place[1], region_name=place[0]) for place in places}}
print(json.dumps({{"/".join(place): client.meta.endpoint_url for place, client in clients.items()}}))
"""
    whole = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    found = json.loads(run_alone(bundle, program))
    assert found == json.loads(whole.stdout)
    assert found["cn-north-1/ec2"] == "https://ec2.cn-north-1.amazonaws.com.cn"


def test_builder_leaves_a_folder_alone_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    command = [sys.executable, str(BUILDER), "--arch", "native", "--out", str(tmp_path)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith(
        "holds something else than a bundle and was left unchanged; pass another --out"
    )
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_builder_names_what_it_installs_with_if_that_is_missing(tmp_path: Path) -> None:
    """An environment that `uv venv` has made holds neither pip nor uv."""
    build = runpy.run_path(str(BUILDER))["build"]
    with (
        patch.object(shutil, "which", return_value=None),
        patch.object(importlib.util, "find_spec", return_value=None),
        pytest.raises(SystemExit, match=r"the bundle needs uv on the path, or pip in .* nothing was built"),
    ):
        build(tmp_path / "out", "arm64")
