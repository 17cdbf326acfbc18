"""The three backends of a store, each with direct access to the bytes under a key."""

import zlib
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from awsroll.aws.connection import Connection
from awsroll.stores import RecordStore
from awsroll.stores.opening import store_at
from awsroll.stores.process_identity import Process
from awsroll.stores.signing import Signer
from awsroll.testing.clock import VirtualClock
from tests.stores.wire import Wire

HERE = Process(host="here", boot="boot-1", number=1, started="1")
THERE = Process(host="there", boot="boot-2", number=1, started="1")


class Place(Protocol):
    """A backend that a test opens as several processes."""

    address: str
    wire: Wire
    signer: Signer | None

    def open(self, process: Process | None = None) -> RecordStore: ...
    def look(self, key: str) -> bytes | None: ...
    def put(self, key: str, data: bytes) -> None: ...
    def location(self, key: str) -> str: ...


class _Opened:
    address: str

    def __init__(self) -> None:
        self.wire = Wire()
        self.signer: Signer | None = None

    def open(self, process: Process | None = None) -> RecordStore:
        store = store_at(self.address, lambda: Connection(self.wire, clock=VirtualClock()))
        return RecordStore(store.backend, signer=self.signer, process=process)

    def location(self, key: str) -> str:
        return f"{self.address}/{key}"


class DirectoryPlace(_Opened):
    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.address = str(directory)
        self.directory = directory

    def look(self, key: str) -> bytes | None:
        path = self.directory / key
        return path.read_bytes() if path.exists() else None

    def put(self, key: str, data: bytes) -> None:
        path = self.directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


class S3Place(_Opened):
    BUCKET = "records"

    def __init__(self) -> None:
        super().__init__()
        self.address = f"s3://{self.BUCKET}/some/prefix"
        self._s3: Any = Wire().client("s3")
        self._s3.create_bucket(Bucket=self.BUCKET)
        self.open().create()
        self.wire.calls.clear()

    def look(self, key: str) -> bytes | None:
        listed = self._s3.list_objects_v2(Bucket=self.BUCKET).get("Contents", [])
        if f"some/prefix/{key}" not in {one["Key"] for one in listed}:
            return None
        body: bytes = self._s3.get_object(Bucket=self.BUCKET, Key=f"some/prefix/{key}")["Body"].read()
        return body

    def put(self, key: str, data: bytes) -> None:
        self._s3.put_object(Bucket=self.BUCKET, Key=f"some/prefix/{key}", Body=data)


class DynamoPlace(_Opened):
    TABLE = "records"

    def __init__(self) -> None:
        super().__init__()
        self.address = f"dynamodb://{self.TABLE}"
        self._dynamodb: Any = Wire().client("dynamodb")
        self.open().create()
        self.wire.calls.clear()

    def look(self, key: str) -> bytes | None:
        item = self._dynamodb.get_item(TableName=self.TABLE, Key=self._key(key)).get("Item")
        return None if item is None else zlib.decompress(item["data"]["B"])

    def put(self, key: str, data: bytes) -> None:
        item = {**self._key(key), "data": {"B": zlib.compress(data)}, "version": {"S": uuid4().hex}}
        self._dynamodb.put_item(TableName=self.TABLE, Item=item)

    def _key(self, key: str) -> dict[str, Any]:
        partition, _, rest = key.partition("/")
        return {"pk": {"S": partition}, "sk": {"S": rest}}
