"""The contract of a store holds for each place that keeps records."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from awsroll.stores import RecordStore
from tests.stores.places import DirectoryPlace, DynamoPlace, Place, S3Place


@pytest.fixture(params=["directory", "s3", "dynamodb"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "directory":
        yield DirectoryPlace(tmp_path / "state")
        return
    with mock_aws():
        yield S3Place() if request.param == "s3" else DynamoPlace()


@pytest.fixture(params=["s3", "dynamodb"])
def remote(request: pytest.FixtureRequest) -> Iterator[Place]:
    with mock_aws():
        yield S3Place() if request.param == "s3" else DynamoPlace()


@pytest.fixture
def store(place: Place) -> RecordStore:
    return place.open()
