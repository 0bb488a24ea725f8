"""A real Prometheus for one test: it scrapes one port of this machine every half second."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from bridge.demo.process import free_port
from tests.support.system import until

SCRAPE_S = 0.5


class Prometheus:
    """Made by `running_prometheus`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def is_up(self) -> bool:
        try:
            return (await self._client.get("/-/ready")).is_success
        except httpx.HTTPError:
            return False

    async def value(self, expr: str) -> float | None:
        """Of the first series now; None where there is none."""
        result = await self._ask("query", query=expr)
        return float(result[0]["value"][1]) if result else None

    async def ranges(self, expr: str, start: float, end: float) -> list[dict[str, Any]]:
        """Each series with its labels and its values, one a second. `start`, `end`: Unix seconds."""
        return await self._ask("query_range", query=expr, start=str(start), end=str(end), step="1")

    async def _ask(self, what: str, **parameters: str) -> list[dict[str, Any]]:
        answer = await self._client.get(f"/api/v1/{what}", params=parameters)
        document = answer.json()
        assert document["status"] == "success", f"{parameters['query']}: {document.get('error')}"
        result: list[dict[str, Any]] = document["data"]["result"]
        return result


@asynccontextmanager
async def running_prometheus(directory: Path, *, ops_port: int, rules: Path) -> AsyncIterator[Prometheus]:
    """Scrapes /metrics on this port as the job `bridge`, and evaluates the rules."""
    port = free_port()
    config = directory / "prometheus.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": f"{SCRAPE_S:g}s", "evaluation_interval": "1s"},
                "rule_files": [str(rules)],
                "scrape_configs": [
                    {"job_name": "bridge", "static_configs": [{"targets": [f"127.0.0.1:{ops_port}"]}]},
                ],
            }
        )
        # Prometheus knows milliseconds, but no halves of seconds.
        .replace("0.5s", "500ms")
    )
    with (directory / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
            prometheus = Prometheus(client)
            await until(prometheus.is_up, timeout_s=60)
            yield prometheus
    finally:
        process.terminate()
        await process.wait()


def concrete(expr: str) -> str:
    """A dashboard's expression as Grafana would ask it."""
    filled = expr.replace("$__rate_interval", "5s").replace("$namespace", ".*").replace("$job", ".*")
    assert not re.search(r"\$\w", filled), f"a variable that is not known here: {filled}"
    return filled
