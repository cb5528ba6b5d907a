"""The exported crate against its profile, by the validator of the RO-Crate community, offline."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests_cache
import smoke
from requests.models import Response
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings

from repro.export import export

#: What the validator would look up: the context of RO-Crate, which the library that writes crates brings.
CONTEXT = files("rocrate") / "data" / "ro-crate.jsonld"
#: A recommendation that we do not follow: the program has no address of its own on the web.
KEPT = {"The SoftwareApplication id SHOULD be an absolute URI"}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def request(self: Any, method: str, url: str, *arguments: Any, **options: Any) -> Response:
        response = Response()
        response.status_code, response.url, response.encoding = 200, url, "utf-8"
        response.headers["Content-Type"] = "application/ld+json"
        response._content = CONTEXT.read_bytes()
        return response

    monkeypatch.setattr(requests_cache.CachedSession, "request", request)


# Of the validator's own libraries.
@pytest.mark.filterwarnings("ignore")
def test_the_crate_is_valid_in_its_profile(smoke_run: smoke.Run, offline: None, tmp_path: Path) -> None:
    export(smoke_run.folder, tmp_path / "crate")
    for severity in (Severity.REQUIRED, Severity.RECOMMENDED):
        settings = ValidationSettings(
            rocrate_uri=str(tmp_path / "crate"),
            profile_identifier="process-run-crate-0.5",
            requirement_severity=severity,
            skip_availability_check=True,
        )
        issues = {issue.message for issue in services.validate(settings).get_issues()}
        assert issues <= (KEPT if severity is Severity.RECOMMENDED else set())
