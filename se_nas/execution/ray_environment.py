"""Settings that Ray and its workers read from the environment; set before `ray_tune` is imported."""

import os
import secrets

SETTINGS = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # or each worker builds itself a second environment under `uv run`
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_preload_python_modules": "torch",  # while Ray's own start is waited for
    "OMP_NUM_THREADS": "1",  # as Ray sets it, but before torch is imported
    "LRU_CACHE_CAPACITY": "64",  # torch and oneDNN remember the kernels of the last networks, gigabytes of them
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # interrupts are the launch script's affair
    "TUNE_GLOBAL_CHECKPOINT_S": "100000000",
}


def set_ray_environment(*, workers: int, own_cluster: bool) -> None:
    """Make Ray quiet and frugal, and let `workers` start at once; what the user has set stays.

    A cluster of our own listens to whoever has a token that only this process and its children know.
    """
    settings = {**SETTINGS, "TUNE_MAX_PENDING_TRIALS_PG": str(workers)}
    if own_cluster and "RAY_AUTH_MODE" not in os.environ:
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for name, value in settings.items():
        os.environ.setdefault(name, value)
