"""The run folder of a supernet without a search: a new one, or the one that the same command has made before."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from se_nas.checksums import checksum_of_bytes
from se_nas.commands.flags import spelled
from se_nas.commands.search.assembly import Search
from se_nas.commands.search.search import start_search, with_absolute_path
from se_nas.commands.search.space import open_space, read_space
from se_nas.commands.supernet.flags import SupernetRequest
from se_nas.commands.supernet.trunks import check_one_trunk
from se_nas.errors import InputError
from se_nas.runs.images_file import write_inventory
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig, load_config, write_config


def in_own_folder(request: SupernetRequest, console: Console) -> SupernetRequest:
    """Make the run folder of a search that has no trial yet, or take the one that this command has made before.

    Returns the request that names it. InputError if the folder was made with other settings.
    """
    if request.own_network is None:
        _, space, _ = read_space(request.as_search)
        check_one_trunk(space)  # before anything is written
    if request.continues:
        folder = RunFolder.open(Path(str(request.run)))
        _check_same(request, folder, load_config(folder), console)
        return request.in_run
    return replace(request, run=start_search(request.as_search, console, work=_keep)).in_run


def _keep(search: Search) -> None:
    """Keep the settings of a search, and train nothing."""
    write_config(search.folder, search.plan.config)
    write_inventory(search.folder, search.plan.data.inventory())


def _check_same(request: SupernetRequest, folder: RunFolder, config: SearchConfig, console: Console) -> None:
    """Check that a folder was made with the settings of this request. InputError for the first that differs."""
    different = next(_differences(request, config, console), None)
    if different is not None:
        there = spelled(replace(request.in_run, target=None, again=False), "supernet", str(folder.path))
        raise InputError(
            f"--run {folder.path}: a run folder already, with {different}; train the supernet there, or continue it, "
            f"with: {there}"
        )


def _differences(request: SupernetRequest, config: SearchConfig, console: Console) -> Iterator[str]:
    """Texts about settings of a new run folder that differ from those of an earlier one. A flag that is left out means
    its default, as it did for that folder."""
    search = request.as_search
    data = with_absolute_path(search.value("data"))
    if data != config.data:
        yield f"other images than --data {search.value('data')}"
    if (search.images, search.portion.fraction) != (config.training_images, config.fraction):
        yield "another portion of the images"
    if search.trial_recipe.changes != config.recipe:
        yield "another recipe"
    if search.image_size != (config.image_size if config.resizes_images else None):
        yield "another image size"
    if request.own_network is None:
        _, _, content = read_space(search)
    else:
        content = open_space(search, data, console).content
    if checksum_of_bytes(content) != config.space_seal:
        yield "another space"
