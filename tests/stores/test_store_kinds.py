"""A new kind of store cannot be forgotten: each place that depends on the kind matches all kinds; mypy checks that."""

import ast
from pathlib import Path

import pytest

from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.errors import SpecError
from tests.stores.places import Place

PACKAGE = Path(__file__).parents[2] / "awsroll"

PLACES = {
    "driver/caller_name.py",  # who makes a request, as far as the store knows callers
    "driver/record_room.py",  # how large a record may become
    "iam/driver_statements.py",  # what the store needs of IAM
    "preflight/iam_policy.py",  # the key that encrypts the store
    "stores/opening.py",  # how the store is opened
    "stores/record_store.py",  # how other machines find the store
}


def kinds_in(node: ast.AST) -> set[str]:
    """Return the members of StoreKind that a piece of code names."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "StoreKind"
    }


def exhaustive_matches(path: Path) -> list[ast.Match]:
    """Return the match statements of a file that end in `assert_never`."""
    matches = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Match)]
    return [
        node for node in matches if "assert_never" in ast.unparse(node.cases[-1]) and any(map(kinds_in, node.cases))
    ]


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_place_matches_every_kind(place: str) -> None:
    for match in exhaustive_matches(PACKAGE / place):
        assert set().union(*map(kinds_in, match.cases)) == set(StoreKind.__members__)


def test_every_place_is_listed() -> None:
    assert {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if exhaustive_matches(path)} == PLACES


def test_the_contract_tests_run_on_every_kind(kind: StoreKind, place: Place) -> None:
    assert place.open().backend.address == StoreAddress.parse(place.address)
    assert place.open().backend.address.kind is kind


@pytest.mark.parametrize(
    ("address", "kind", "name"),
    [
        ("state", StoreKind.DIRECTORY, "state"),
        ("s3://records/some/prefix", StoreKind.S3, "records/some/prefix"),
        ("dynamodb://records", StoreKind.DYNAMODB, "records"),
    ],
    ids=list(StoreKind),
)
def test_an_address_is_parsed_and_written_back(address: str, kind: StoreKind, name: str) -> None:
    assert StoreAddress.parse(address) == StoreAddress(kind=kind, name=name)
    assert str(StoreAddress.parse(address)) == address


@pytest.mark.parametrize("address", ["", "gs://records", "directory://records"])
def test_an_unknown_form_of_address_is_refused(address: str) -> None:
    with pytest.raises(SpecError, match="pass a directory, s3://BUCKET/PREFIX or dynamodb://TABLE"):
        StoreAddress.parse(address)
