"""What all records share: they are frozen, and a key that they do not know is an error."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Score = Annotated[float, Field(ge=0.0, le=1.0)]


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
