"""Audit: check constraints.txt against what pip would install, and against known vulnerabilities; `nox -s audit`."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repro.errors import ReproError
from repro.runs import PROJECT_ROOT

PROJECT = "repro"
#: Services that pip-audit queries, in this order, until one answers.
SERVICES = ("pypi", "osv")


def pins(text: str) -> dict[str, str]:
    """Parse constraints: version by canonical name.

    Raises ReproError for a line without an exact version and for a name that is repeated.
    """
    versions: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.split("#")[0].strip()
        if not entry:
            continue
        name, equals, version = (part.strip() for part in entry.partition("=="))
        where, key = f"constraints.txt, line {number}", canonicalize_name(name)
        if not equals or not version or any(character in entry for character in "*<>~!;,@ "):
            raise ReproError(f"{entry!r} is not an exact version", where=where, hint="write name==version")
        if key in versions:
            raise ReproError(f"{name} is repeated", where=where, hint="remove one of the lines")
        versions[key] = version
    return versions


def faults(pinned: Mapping[str, str], installed: Mapping[str, str], required: Iterable[Requirement]) -> list[str]:
    """Describe how the pins differ from what would be installed and from what pyproject.toml requires."""
    messages = [
        f"{name} {version} is installed and not pinned" for name, version in installed.items() if name not in pinned
    ]
    messages += [f"{name} is pinned and nothing needs it" for name in pinned if name not in installed]
    messages += [
        f"{name} is pinned to {pinned[name]}, installed is {version}"
        for name, version in installed.items()
        if pinned.get(name, version) != version
    ]
    for requirement in required:
        pin = pinned.get(canonicalize_name(requirement.name))
        if pin is not None and not requirement.specifier.contains(pin, prereleases=True):
            messages.append(f"{requirement.name} is pinned to {pin}, pyproject.toml requires {requirement.specifier}")
    return sorted(messages)


def requirements(pyproject: Mapping[str, Any]) -> list[Requirement]:
    """All requirements of pyproject.toml: dependencies, extras and groups."""
    project = pyproject["project"]
    extras, groups = project["optional-dependencies"].values(), pyproject["dependency-groups"].values()
    return [Requirement(line) for lines in (project["dependencies"], *extras, *groups) for line in lines]


def would_install(root: Path, required: Iterable[Requirement]) -> dict[str, str]:
    """Version by canonical name of what pip would install in an empty environment; installs nothing.

    Raises ReproError if the pins and requirements cannot be met.
    """
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", str(report), "--constraint", str(root / "constraints.txt")]
        finished = subprocess.run([*command, str(root), *map(str, required)], check=False)
        if finished.returncode:
            raise ReproError("pip cannot resolve the versions", where="constraints.txt", hint="read its output above")
        content = json.loads(report.read_text(encoding="utf-8"))
    packages = (item["metadata"] for item in content["install"])
    return {
        canonicalize_name(package["name"]): package["version"] for package in packages if package["name"] != PROJECT
    }


def vulnerabilities(audited: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Read a report of pip-audit: the number of packages that were checked, and a line for each vulnerability."""
    checked = [package for package in audited["dependencies"] if "skip_reason" not in package]
    messages = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, "
        f"fixed in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for package in checked
        for vulnerability in package["vulns"]
    ]
    return len(checked), messages


def run_pip_audit(constraints: Path, service: str) -> dict[str, Any] | None:
    """Run pip-audit on the pins with a vulnerability service; None if the service does not answer."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(constraints), "--no-deps", "--disable-pip"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(finished.stdout)
    except ValueError:
        return None
    return report


def main(root: Path = PROJECT_ROOT) -> int:
    """Print faults and known vulnerabilities of the pins; return 1 if there is any, else 0."""
    constraints = root / "constraints.txt"
    pinned = pins(constraints.read_text(encoding="utf-8"))
    required = requirements(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")))
    messages = faults(pinned, would_install(root, required), required)
    print("\n".join(messages) or f"lock: constraints.txt holds exactly the {len(pinned)} packages that are installed")
    for service in SERVICES:
        report = run_pip_audit(constraints, service)
        checked, known = vulnerabilities(report) if report else (0, [])
        if checked:
            messages += known
            print(
                "\n".join(known) or "vulnerabilities: none is known",
                f"({checked} of {len(pinned)} packages, {service})",
            )
            break
    else:
        print(f"vulnerabilities: NOT CHECKED, no answer from {' or '.join(SERVICES)}")
    return 1 if messages else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ReproError as error:
        sys.exit(f"error: {error}")
