import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patch_search.engines import BATCH, COLLECTION, engine

VECTORS = np.array([[1, 0], [0.9, 0.1], [0, 1], [-1, 0]], np.float32)
PAYLOAD = [{"category": category, "defect": "good"} for category in ("grid", "tile", "grid", "grid")]


def check_progress(done: int, total: int) -> None:
    assert done <= total


@pytest.mark.parametrize("kind", ["local", "edge"])
def test_the_nearest_come_first_and_a_filter_excludes_what_does_not_match(kind: str, tmp_path: Path) -> None:
    if kind == "edge":
        pytest.importorskip("qdrant_edge", reason="Qdrant's own engine is installed by `nox -s patches` only")
    with engine(kind, tmp_path, 2, quantised=False) as collection:
        collection.fill(VECTORS, PAYLOAD, check_progress)
        assert collection.nearest(VECTORS[0], 3, None) == [0, 1, 2]
        assert collection.nearest(VECTORS[0], 3, {"category": "grid", "defect": "good"}) == [0, 2, 3]


def test_the_local_engine_ignores_quantisation(tmp_path: Path) -> None:
    """It distinguishes two vectors that are equal in 8 bits."""
    vectors = np.array([[1, 1e-4], [1, 0], [0, 1]], np.float32)
    with engine("local", tmp_path, 2, quantised=True) as collection:
        collection.fill(vectors, PAYLOAD[:3], check_progress)
        assert collection.nearest(vectors[0], 1, None) == [0]
        assert collection.nearest(vectors[1], 1, None) == [1]


class _Server(ThreadingHTTPServer):
    """A mock of Qdrant that accepts and records all requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str, Any]] = []
        self.status = ["yellow", "green"]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path.partition("?")[0], json.loads(body) if body else None))
        result: Any = True
        if self.path.endswith("/exists"):
            result = {"exists": False}
        elif self.path.endswith("/query"):
            result = {"points": [{"id": 7, "version": 0, "score": 1.0}]}
        elif self.command == "PUT" and ("/points" in self.path or "/index" in self.path):
            result = {"operation_id": 0, "status": "completed"}
        elif self.command == "GET":
            status = self.server.status.pop(0) if len(self.server.status) > 1 else self.server.status[0]
            params = {"params": {}, "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 1}}
            config = params | {"optimizer_config": {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1}}
            config["optimizer_config"] |= {"default_segment_number": 0, "flush_interval_sec": 5}
            result = {"status": status, "optimizer_status": "ok", "segments_count": 1, "config": config}
            result |= {"payload_schema": {}}
        answer = json.dumps({"result": result, "status": "ok", "time": 0.0}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, *arguments: Any) -> None:
        del arguments


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as mock:
        thread = threading.Thread(target=mock.serve_forever, args=(0.01,))
        thread.start()
        yield mock
        mock.shutdown()
        thread.join()


def test_requests_to_a_server(server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the requests; a run against a real server measures its responses."""
    monkeypatch.setattr("patch_search.engines.POLL", 0.0)
    count = BATCH + 1
    vectors = np.ones((count, 2), np.float32)
    url = f"http://127.0.0.1:{server.server_port}"
    with engine("server", tmp_path, 2, quantised=True, url=url) as collection:
        collection.fill(vectors, [{"category": "grid", "defect": "good"}] * count, check_progress)
        assert collection.nearest(vectors[0], 5, {"category": "grid"}) == [7]
    base = f"/collections/{COLLECTION}"
    requests = [(method, path) for method, path, _ in server.requests]
    assert requests == [
        ("GET", f"{base}/exists"),
        ("PUT", base),
        ("PUT", f"{base}/index"),
        ("PUT", f"{base}/index"),
        ("PUT", f"{base}/points"),
        ("PUT", f"{base}/points"),
        # Until all is indexed.
        ("GET", base),
        ("GET", base),
        ("POST", f"{base}/points/query"),
        ("DELETE", base),
    ]
    bodies = [body for _, _, body in server.requests]
    assert bodies[1]["vectors"] == {"size": 2, "distance": "Cosine", "on_disk": True}
    assert bodies[1]["quantization_config"] == {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}}
    assert {bodies[2]["field_name"], bodies[3]["field_name"]} == {"category", "defect"}
    assert [len(body["batch"]["ids"]) for body in bodies[4:6]] == [BATCH, 1]
    assert bodies[8]["limit"] == 5
    assert bodies[8]["filter"]["must"] == [{"key": "category", "match": {"value": "grid"}}]
    assert bodies[8]["params"]["quantization"] == {"rescore": True, "oversampling": 2.0}
