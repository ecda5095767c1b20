"""The origin of a retrained network: its folder, the run folder above it, and the images of that run."""

from pathlib import Path

from rich.console import Console

from se_nas.commands.images import load_all_images, load_searched_images
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import load_config
from se_nas.training.trained import TrainedNetwork


def folder_of(retrained: Path) -> Path:
    """The folder of a retrained network, which may be named by its file."""
    return retrained if retrained.is_dir() else retrained.parent


def images_of(network: TrainedNetwork, folder: Path, console: Console) -> ImageData:
    """The images on which the network was trained and tested. InputError if the folder is no part of a run folder."""
    run = folder.resolve().parent.parent
    if not RunFolder(run).config.is_file():
        raise InputError(
            f"{folder}: lies in no run folder, which names the training images; expected RUN_DIR/retrain/NAME"
        )
    run_folder = RunFolder.open(run)
    config = load_config(run_folder)
    searched = load_searched_images(config, run, console=console)
    images = load_all_images(config, run, searched=searched, console=console)
    if images.class_names != network.class_names:
        raise InputError(f"{folder}: has other classes than the images of {run}, so it comes from another search")
    return images
