from collections.abc import Iterator
from typing import Any

import optuna
import pytest
import sqlalchemy


@pytest.fixture(autouse=True, scope="session")
def _quick_studies() -> Iterator[None]:
    """Let SQLite not sync to disk, so that tests are quick. Only a power failure could damage these files."""

    def do_not_sync(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", do_not_sync)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", do_not_sync)
