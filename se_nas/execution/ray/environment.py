"""Settings that Ray and its workers read from the environment. They are set before Ray is imported."""

import functools
import os
import secrets

WORKER_SETTINGS = {
    "OMP_NUM_THREADS": "1",  # as Ray sets it, but before torch is imported
    "LRU_CACHE_CAPACITY": "64",  # torch and oneDNN cache gigabytes of kernels of the last networks
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""The variables that a training process needs. On an existing cluster, Ray sets them for the search's processes."""

DRIVER_SETTINGS = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # otherwise each worker builds a second environment under `uv run`
    "RAY_DEDUP_LOGS": "0",
    "RAY_preload_python_modules": "torch",  # while the search waits for Ray's own start
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the launch script handles interrupts
    "TUNE_GLOBAL_CHECKPOINT_S": "100000000",
}

JOINING = {
    "RAY_gcs_rpc_server_reconnect_timeout_s": "25",  # after that, Ray ends this process; the search ends earlier
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",  # adds to the settings of a job (`ray job submit`)
}
"""The variables that a process needs to join an existing cluster."""

OTHER_CLUSTERS = (
    "RAY_ADDRESS",
    "RAY_API_SERVER_ADDRESS",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_CLIENT_MODE",
    "RAY_ENABLE_GCS_LEADER_ELECTION",
    "RAY_ENABLE_K8S_TOKEN_AUTH",
    "RAY_GCS_SERVER_PORT",
    "RAY_JOB_CONFIG_JSON_ENV_VAR",
    "RAY_LOG_TO_STDERR",
    "RAY_NAMESPACE",
    "RAY_NODE_TYPE_NAME",
    "RAY_OVERRIDE_DASHBOARD_URL",
    "RAY_OVERRIDE_JOB_RUNTIME_ENV",
    "RAY_OVERRIDE_LABELS",
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING",
    "RAY_OVERRIDE_RESOURCES",
    "RAY_RAYLET_PID",
    "RAY_REDIS_ADDRESS",
    "RAY_RUNTIME_ENV",
    "RAY_RUNTIME_ENV_HOOK",
    "RAY_RUNTIME_ENV_PLUGINS",
    "RAY_START_HOOK",
    "RAY_TLS_CA_CERT",
    "RAY_TLS_SERVER_CERT",
    "RAY_TLS_SERVER_KEY",
    "RAY_USE_TLS",
    "RAY_external_storage_namespace",
    "RAY_gcs_storage",
    "RAY_object_spilling_config",
)
"""Variables that say where another cluster is, how it is reached, what it has and where it keeps its state.

They are removed for a search's own cluster. With them, it would look for machines, a store, a job or keys of the other
cluster, or it would not start.
"""


def set_ray_environment(*, workers: int, own_cluster: bool, with_token: bool = False) -> None:
    """Make Ray quiet and frugal, and let `workers` start at the same time. Variables that the user has set stay.

    The search's own cluster uses no other cluster, and asks for a token that only this process and its children know.
    Another cluster is joined `with_token`, which Ray finds, or else as the user has set.
    """
    settings = {
        **DRIVER_SETTINGS,
        **WORKER_SETTINGS,
        "RAY_worker_niceness": own_niceness(own_cluster=own_cluster),
        "TUNE_MAX_PENDING_TRIALS_PG": str(workers),
    }
    if not own_cluster:
        settings |= JOINING | ({"RAY_AUTH_MODE": "token"} if with_token else {})
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    if own_cluster:
        for name in OTHER_CLUSTERS:
            os.environ.pop(name, None)
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _own_token()}


def worker_environment() -> dict[str, str]:
    """Variables that Ray sets for the search's processes on machines without this process's environment."""
    return {name: os.environ[name] for name in (*WORKER_SETTINGS, "RAY_worker_niceness")}


def own_niceness(*, own_cluster: bool) -> str:
    """The number that Ray adds to the niceness of the process that starts a worker.

    Ray's default is 15, with which workers get almost no time beside other programs. In the search's own cluster,
    workers inherit the niceness of this process, so the number is 0. Elsewhere it is the niceness of this process.
    """
    return "0" if own_cluster else str(max(0, os.getpriority(os.PRIO_PROCESS, 0)))


@functools.cache
def _own_token() -> str:
    """The token of this process. It never changes, because Ray reads it only once."""
    return secrets.token_hex(32)
