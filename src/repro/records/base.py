"""Base of all records: frozen, with finite numbers only, without unknown keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: Of every file that this version reads and writes.
SCHEMA_VERSION = 1
Score = Annotated[float, Field(ge=0.0, le=1.0)]


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def fault(error: ValidationError) -> str:
    """Describe the first fault of a file, with its place."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
