"""The database's own clock as an SQL expression, so that replicas whose clocks differ agree on when a lease ends."""

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Double


class DatabaseNow(FunctionElement[float]):
    """Seconds since the epoch."""

    type = Double()
    inherit_cache = True


@compiles(DatabaseNow, "sqlite")
def _on_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_options: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DatabaseNow, "postgresql")
def _on_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_options: object) -> str:
    # Not now(), which is when the transaction began: it may have waited for a lock since.
    return "extract(epoch FROM clock_timestamp())::float8"
