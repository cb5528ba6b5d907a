"""Audit: constraints.txt against what an installation brings, and against known vulnerabilities; `nox -s audit`."""

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
#: What pip-audit asks, in this order, until one answers.
SERVICES = ("pypi", "osv")


def pins(text: str) -> dict[str, str]:
    """Version by canonical name; ReproError names a line that is no exact version, or a name that comes twice."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.split("#")[0].strip()
        if not entry:
            continue
        name, exact, version = (part.strip() for part in entry.partition("=="))
        where, key = f"constraints.txt, line {number}", canonicalize_name(name)
        if not exact or not version or any(sign in entry for sign in "*<>~!;,@ "):
            raise ReproError(f"{entry!r} is no exact version", where=where, hint="write name==version")
        if key in found:
            raise ReproError(f"{name} comes twice", where=where, hint="remove one of them")
        found[key] = version
    return found


def faults(pinned: Mapping[str, str], installed: Mapping[str, str], asked: Iterable[Requirement]) -> list[str]:
    """What is wrong with the pins, given what an installation would bring and what pyproject.toml asks for."""
    messages = [
        f"{name} {version} is installed and not pinned" for name, version in installed.items() if name not in pinned
    ]
    messages += [f"{name} is pinned and nothing needs it" for name in pinned if name not in installed]
    messages += [
        f"{name} is pinned to {pinned[name]}, installed is {version}"
        for name, version in installed.items()
        if pinned.get(name, version) != version
    ]
    for one in asked:
        version = pinned.get(canonicalize_name(one.name))
        if version is not None and not one.specifier.contains(version, prereleases=True):
            messages.append(f"{one.name} is pinned to {version}, pyproject.toml asks for {one.specifier}")
    return sorted(messages)


def requirements(project: Mapping[str, Any]) -> list[Requirement]:
    """All that pyproject.toml names: dependencies, extras and groups."""
    lists = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    return [Requirement(one) for some in [*lists, *project["dependency-groups"].values()] for one in some]


def would_install(root: Path, asked: Iterable[Requirement]) -> dict[str, str]:
    """Version by canonical name of all that pip would install into an empty environment; nothing is installed."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", str(report), "--constraint", str(root / "constraints.txt")]
        done = subprocess.run([*command, str(root), *map(str, asked)], check=False)
        if done.returncode:
            raise ReproError("pip finds no set of versions", where="constraints.txt", hint="read its output above")
        content = json.loads(report.read_text(encoding="utf-8"))
    packages = (one["metadata"] for one in content["install"])
    return {
        canonicalize_name(package["name"]): package["version"] for package in packages if package["name"] != PROJECT
    }


def vulnerable(audited: Mapping[str, Any]) -> tuple[int, list[str]]:
    """From a report of pip-audit: how many packages a service knew, and each known vulnerability in a line."""
    known = [one for one in audited["dependencies"] if "skip_reason" not in one]
    messages = [
        f"{one['name']} {one['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none yet'}"
        for one in known
        for found in one["vulns"]
    ]
    return len(known), messages


def ask(constraints: Path, service: str) -> dict[str, Any] | None:
    """What pip-audit reports of the pins by a service, None where it does not answer."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(constraints), "--no-deps", "--disable-pip"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None
    return report


def main(root: Path = PROJECT_ROOT) -> int:
    """Print what is wrong with the pins and what is known of them; 1 where anything is, else 0."""
    constraints = root / "constraints.txt"
    pinned = pins(constraints.read_text(encoding="utf-8"))
    asked = requirements(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")))
    messages = faults(pinned, would_install(root, asked), asked)
    print("\n".join(messages) or f"lock: constraints.txt holds exactly the {len(pinned)} packages that are installed")
    for service in SERVICES:
        report = ask(constraints, service)
        known, found = vulnerable(report) if report else (0, [])
        if known:
            messages += found
            print(
                "\n".join(found) or "vulnerabilities: none is known", f"({known} of {len(pinned)} packages, {service})"
            )
            break
    else:
        print(f"vulnerabilities: NOT CHECKED, none of {' and '.join(SERVICES)} answers from here")
    return 1 if messages else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ReproError as error:
        sys.exit(f"error: {error}")
