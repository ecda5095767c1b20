"""The search spaces and recipes that come with se-nas, in the installed package or beside it in a checkout."""

from pathlib import Path

from se_nas.errors import InputError
from se_nas.wording import suggest

PACKAGE = Path(__file__).parent


def shipped(folder: str, name: str) -> Path:
    """The path of a file that comes with se-nas; `folder` is `search_spaces` or `recipes`."""
    return _place_of(folder) / name


def given_or_shipped(path: Path, folder: str) -> Path:
    """`path`, or the file of the same name that comes with se-nas if no file exists at `path`.

    `cifar`, `cifar.yaml` and `search_spaces/cifar.yaml` all mean the space of that name. InputError if there is neither
    such a file nor such a name.
    """
    if path.exists() or path.parent not in (Path(), Path(folder)):
        return path
    own = shipped(folder, path.name if path.suffix else f"{path.name}.yaml")
    if not own.is_file():
        names = sorted(each.stem for each in _place_of(folder).glob("*.yaml"))
        raise InputError(f"{path}: no such file, and no such name in {folder}; {suggest(path.stem, names)}")
    return own


def _place_of(folder: str) -> Path:
    inside = PACKAGE / folder
    return inside if inside.is_dir() else PACKAGE.parent / folder
