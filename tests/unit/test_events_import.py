"""What a consumer takes in with bridge.events."""

import subprocess
import sys


def test_a_consumer_imports_msgspec_and_nothing_else_that_the_bridge_needs() -> None:
    program = (
        "import sys\n"
        "from bridge.events import parse\n"
        "ours = {name for name in sys.modules if name.partition('.')[0] == 'bridge'}\n"
        "others = {name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'bridge'}\n"
        "print(sorted(ours), sorted(others & set(sys.argv[1:])), 'asyncio' in sys.modules)\n"
    )
    needed = ["msgspec", "aio_pika", "aiormq", "pamqp", "httpx", "aiohttp", "pydantic", "sqlalchemy", "click", "yaml"]
    ran = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", program, *needed], capture_output=True, text=True, check=True, timeout=20
    )
    ours = ["", ".errors", ".events", ".events.altinn", ".events.cloudevent", ".events.message", ".events.models"]
    ours += [".events.nhn", ".events.parse"]
    assert ran.stdout == f"{[f'bridge{name}' for name in ours]} ['msgspec'] False\n"
