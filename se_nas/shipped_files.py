"""The search spaces and recipes that come with se-nas, in the installed package or beside it in a checkout."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def shipped(folder: str, name: str) -> Path:
    """The path of a file that comes with se-nas; `folder` is `search_spaces` or `recipes`."""
    inside = PACKAGE / folder
    return (inside if inside.is_dir() else PACKAGE.parent / folder) / name


def given_or_shipped(path: Path, folder: str) -> Path:
    """`path`, or the file of the same name that comes with se-nas if no file exists at `path`.

    `cifar`, `cifar.yaml` and `search_spaces/cifar.yaml` all mean the space of that name.
    """
    if path.exists() or path.parent not in (Path(), Path(folder)):
        return path
    own = shipped(folder, path.name if path.suffix else f"{path.name}.yaml")
    return own if own.is_file() else path
