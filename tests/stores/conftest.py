"""Fixtures that run the contract of a store on each backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from awsroll.core.request.store_address import StoreKind
from awsroll.stores import RecordStore
from tests.stores.places import DirectoryPlace, DynamoPlace, Place, S3Place

REMOTE = [kind for kind in StoreKind if kind is not StoreKind.DIRECTORY]


@pytest.fixture(params=StoreKind)
def kind(request: pytest.FixtureRequest) -> StoreKind:
    made: StoreKind = request.param
    return made


@pytest.fixture
def place(kind: StoreKind, tmp_path: Path) -> Iterator[Place]:
    with mock_aws():
        yield _place(kind, tmp_path)


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with mock_aws():
        yield _place(request.param, tmp_path)


def _place(kind: StoreKind, tmp_path: Path) -> Place:
    match kind:
        case StoreKind.DIRECTORY:
            return DirectoryPlace(tmp_path / "state")
        case StoreKind.S3:
            return S3Place()
        case StoreKind.DYNAMODB:
            return DynamoPlace()


@pytest.fixture
def store(place: Place) -> RecordStore:
    return place.open()
