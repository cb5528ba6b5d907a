"""What all records share: they are frozen, hold finite numbers, and a key that they do not know is an error."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: Of every file that this version reads and writes.
SCHEMA_VERSION = 1
Score = Annotated[float, Field(ge=0.0, le=1.0)]


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def fault(error: ValidationError) -> str:
    """The first thing that a file has wrong, with its place."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
