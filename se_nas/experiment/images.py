"""The images of an earlier search, for whoever goes on with its networks."""

import shlex
from pathlib import Path

from se_nas.errors import InputError
from se_nas.experiment.config import SearchConfig
from se_nas.training.data import ImageData
from se_nas.training.sources import load_data


def load_searched_images(config: SearchConfig, path: Path) -> ImageData:
    """Load the images that the search in `path` was begun on; InputError when they are others now."""
    again = f"python launch/search.py --resume {shlex.quote(str(path))} --data WHERE"
    try:
        data = load_data(config.data, image_size=config.image_size)
    except InputError as error:
        raise InputError(f"{error}; if the same images lie elsewhere now: {again}") from None
    if (data.image_size, data.classes) != (config.image_size, config.classes):
        raise InputError(
            f"{path}: begun on images of {config.image_size} px in {config.classes} classes, but {config.data} "
            f"has {data.image_size} px and {data.classes} classes"
        )
    if data.fingerprint() != config.images:
        raise InputError(
            f"{path}: begun on other images than {config.data} has; restore them, or begin a new "
            f"search; if they lie elsewhere now: {again}"
        )
    return data
