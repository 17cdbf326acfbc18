"""The address of a store, as `--state` takes it: `DIR`, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`."""

from dataclasses import dataclass
from enum import StrEnum

from awsroll.errors import SpecError

FORMS = "a directory, s3://BUCKET/PREFIX or dynamodb://TABLE"


class StoreKind(StrEnum):
    """The kind of a store. Code that depends on the kind matches every kind, so that mypy reports a new one."""

    DIRECTORY = "directory"
    S3 = "s3"
    DYNAMODB = "dynamodb"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """A parsed store address.

    Attributes:
        kind: the kind of the store.
        name: the directory, the bucket with its prefix, or the table. May be a CDK token.
    """

    kind: StoreKind
    name: str

    @classmethod
    def parse(cls, address: str) -> "StoreAddress":
        """Parse a store address.

        Raises:
            SpecError: if the address has no known form.
        """
        scheme, separator, name = address.partition("://")
        if not address:
            problem = f"--state is empty: pass {FORMS}"
            raise SpecError(problem)
        if not separator:
            return cls(kind=StoreKind.DIRECTORY, name=address)
        kind = _KINDS.get(scheme)
        if kind is None:
            problem = f"--state {address}: pass {FORMS}"
            raise SpecError(problem)
        return cls(kind=kind, name=name)

    def __str__(self) -> str:
        return self.name if self.kind is StoreKind.DIRECTORY else f"{self.kind}://{self.name}"


_KINDS = {kind.value: kind for kind in StoreKind if kind is not StoreKind.DIRECTORY}
