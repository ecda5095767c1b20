"""Starts runs of Weights & Biases without private information; `wandb_tracker` fills them.

Nothing is read back from W&B. It never asks for a login, and the search does not wait for it.
"""

import contextlib
import os
import socket
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import wandb

from se_nas.tracking.protocol import LoggedTable

PROJECT = "se-nas"
STAGED = "staged"
INIT_SECONDS = 20
MOST_TAG_LETTERS = 64
"""W&B refuses a run with a longer tag."""


def resolve_mode(wanted: str) -> str:
    """`online`, `offline` or `off`; `auto` is online if and only if a user is logged in and the server answers."""
    _silence()
    if wanted != "auto":
        return wanted
    try:
        return "online" if _server_answers() and wandb.login(prompt=False) else "offline"
    except wandb.errors.Error:
        return "offline"


def _server_answers() -> bool:
    """Whether a connection to W&B's server opens within two seconds. With a proxy it is assumed to."""
    url = urlsplit(wandb.setup().settings.base_url)
    if urllib.request.getproxies().get(url.scheme):
        return True
    try:
        socket.create_connection((url.hostname or "", url.port or (443 if url.scheme == "https" else 80)), 2).close()
    except OSError:
        return False
    return True


def start_run(
    folder: Path,
    *,
    mode: str,
    run_id: str,
    name: str,
    group: str,
    job: str,
    config: Mapping[str, Any],
    tags: Sequence[str] = (),
    continues: bool = True,
) -> Any:
    """A W&B run that writes below `folder` and never prompts. Other runs of this process continue beside it.

    `continues`: it adds to an earlier run of that id, if there is one, and does not replace it.
    """
    _stage_below(folder)
    _silence()
    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        host="undisclosed",
        program=f"{job}.py",
        init_timeout=INIT_SECONDS,
        login_timeout=1,
    )
    return wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        dir=str(folder),
        mode="online" if mode == "online" else "offline",
        id=run_id,
        resume="allow" if continues else None,
        reinit="create_new",
        name=name,
        group=group,
        job_type=job,
        tags=[tag[:MOST_TAG_LETTERS] for tag in (job, *tags)],
        config=dict(config),
        settings=settings,
    )


def _silence() -> None:
    """Silence all of W&B. The settings silence its runs only; its requests would print errors into the live table."""
    os.environ.setdefault("WANDB_SILENT", "true")


def end_service() -> None:
    """End W&B's own process. Every call that waits for it then raises. Data that it has not written yet are lost.

    There is no gentler way: if the server answers with errors, `log` with a table, `log_artifact` and `finish` block
    for hours, whatever the setting `finish_timeout` (wandb 0.31).
    """
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children():
            if child.name() == "wandb-core":
                child.kill()
                child.wait(5)
    with contextlib.suppress(Exception):  # wandb forgets the process, and complains that it is gone
        wandb.teardown()


def _stage_below(folder: Path) -> None:
    """Keep the artifacts of an offline run beside it until they are synced, not in the home folder.

    A folder that the user has chosen stays.
    """
    chosen = os.environ.get("WANDB_DATA_DIR")
    if chosen is None or Path(chosen).name == STAGED:
        os.environ["WANDB_DATA_DIR"] = str(folder.absolute() / "wandb" / STAGED)


def artifact_of(name: str, kind: str, files: Sequence[Path], metadata: Mapping[str, Any]) -> Any:
    """An artifact of these files, by their own names. Equal content gives the same version."""
    artifact = wandb.Artifact(name, type=kind, metadata=dict(metadata))
    for file in files:
        artifact.add_file(str(file), name=file.name)
    return artifact


def table_of(table: LoggedTable) -> Any:
    """A table of W&B."""
    return wandb.Table(columns=list(table.columns), data=[list(row) for row in table.rows])


def use_artifact(run: Any, artifact: Any) -> None:
    """Record the lineage in W&B: the run comes from this artifact, which another run has logged.

    `run.use_artifact` does the same for an online run. It refuses an offline run, although `wandb sync` would send the
    lineage later. A private function of W&B works for both. If a version of W&B lacks that function, the lineage of an
    offline run is lost.
    """
    if (log := getattr(run, "_log_artifact", None)) is not None:
        log(artifact, use_after_commit=True, is_user_created=True)
    elif not run.offline:
        run.use_artifact(artifact)
