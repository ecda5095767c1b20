import optuna
import pytest


@pytest.fixture(autouse=True, scope="session")
def _quiet_studies() -> None:
    """Let Optuna report warnings only."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
