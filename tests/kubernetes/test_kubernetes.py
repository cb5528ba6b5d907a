"""The requests of the Kubernetes profile to a cluster. A local server receives them; no pod runs."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from repro import study as studies
from repro.runs import PROJECT_ROOT, RunFolder, write_json, write_text
from repro.workflow.choices import Choices
from repro.workflow.snakemake import command, environment, find_profile

NAME = "kubernetes-test"
#: A configuration as of an administrator; the volume is mounted at the path of the checkout.
SITE = f"""
container-image: example/python:3.11
kubernetes-volume-namespace: benchmark
kubernetes-volume-persistent-volumes: ["checkout:{PROJECT_ROOT}"]
seconds-between-status-checks: 1
"""
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "here",
    "users": [{"name": "nobody", "user": {}}],
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "nobody"}}],
}


class Server(ThreadingHTTPServer):
    """The part of the API that the executor uses. Each job fails, as if its node were lost."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jobs: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/apis/batch/v1/namespaces/benchmark/jobs":
            self.server.jobs.append(body)
        self._answer(body)

    def do_GET(self) -> None:
        if "/jobs/" in self.path:
            self._answer({"apiVersion": "batch/v1", "kind": "Job", "status": {"failed": 1}})
        else:
            self._answer({"apiVersion": "v1", "kind": "PodList", "items": []})

    def do_DELETE(self) -> None:
        self._answer({"apiVersion": "v1", "kind": "Status"})

    def log_message(self, *arguments: Any) -> None:
        pass

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


@pytest.fixture
def untrained() -> Iterator[RunFolder]:
    """A study without trained cells."""
    study = studies.load("smoke").model_copy(update={"name": NAME})
    folder = RunFolder(NAME)
    write_json(folder.study_file, study.model_dump(mode="json"))
    for cell in study.cells:
        write_text(folder.cell(cell) / "cell.json", "")
        write_text(folder.manifest(cell.category), "")
    yield folder
    shutil.rmtree(folder.run)


def requested_pods(
    server: Server, folder: RunFolder, tmp_path: Path, choices: Choices
) -> tuple[int, list[dict[str, Any]], str]:
    """Exit status, the specifications of the pods in the order of the requests, and the output of Snakemake."""
    cluster = {"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    (tmp_path / "kubeconfig").write_text(json.dumps(KUBECONFIG | {"clusters": [cluster]}), encoding="utf-8")
    (tmp_path / "config.yaml").write_text(SITE, encoding="utf-8")
    profile = find_profile("kubernetes")
    variables = {"KUBECONFIG": str(tmp_path / "kubeconfig"), "SNAKEMAKE_PROFILE": str(tmp_path)}
    finished = subprocess.run(
        [*command(folder, choices, profile), "--latency-wait", "1"],
        cwd=PROJECT_ROOT,
        env=environment(profile) | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return finished.returncode, [job["spec"]["template"]["spec"] for job in server.jobs], finished.stdout


def test_a_cell_requests_a_gpu_and_a_lost_one_is_retried_with_more_memory(
    server: Server, untrained: RunFolder, tmp_path: Path
) -> None:
    status, pods, output = requested_pods(
        server, untrained, tmp_path, Choices(until="train", profile="kubernetes", keep_going=True)
    )
    assert status == 1, output
    assert len(pods) == 2 * 3, output
    for pod in pods:
        container = pod["containers"][0]
        assert container["image"] == "example/python:3.11"
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert container["resources"]["requests"]["cpu"] == "3800m"
        assert {"name": "checkout", "mountPath": str(PROJECT_ROOT)} in container["volumeMounts"]
        assert container["args"][1].startswith(f"cd {PROJECT_ROOT} && ")
        assert {"name": "checkout", "persistentVolumeClaim": {"claimName": "checkout"}} in pod["volumes"]
    memory = sorted(int(pod["containers"][0]["resources"]["requests"]["memory"].removesuffix("M")) for pod in pods)
    assert memory == [32000, 32000, 64000, 64000, 96000, 96000]


def test_no_gpu_is_requested_for_the_cpu(server: Server, untrained: RunFolder, tmp_path: Path) -> None:
    choices = Choices(until="train", profile="kubernetes", accelerator="cpu", keep_going=True)
    _, pods, output = requested_pods(server, untrained, tmp_path, choices)
    assert pods, output
    assert all("nvidia.com/gpu" not in pod["containers"][0]["resources"]["requests"] for pod in pods)
