"""Prints the machine and the versions that figures belong to. Exit code 1 if the benchmarks cannot run here.

uv run benchmarks/machine.py --device cuda --data npz:cifar10.npz
"""

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

NEEDED = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pandas",
    "PIL",
    "yaml",
    "rich",
    "psutil",
    "filelock",
    "safetensors",
)
NEEDED += ("pydantic", "platformdirs")
"""The modules without which no part runs."""
SHOWN = ("torch", "torchvision", "triton", "numpy", "timm", "pytorchcv", "ray", "optuna", "fvcore", "pydantic")
PIXELS = 32


def main() -> None:
    """Parse the flags, check, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--data", required=True, help="images, as for launch/search.py")
    options = parser.parse_args()
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.exit(f"these modules are missing: {', '.join(missing)}")
    import torch

    from se_nas import __version__
    from se_nas.data.sources import load_data
    from se_nas.errors import InputError

    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch finds no GPU here; --tiny runs all parts on a CPU")
    try:
        data = load_data(options.data, image_size=PIXELS)
    except InputError as error:
        sys.exit(str(error))
    if data.image_size != PIXELS:
        sys.exit(f"{options.data}: expected images of {PIXELS} px, but they have {data.image_size}")
    device = f"CPU ({platform.machine()})"
    if options.device == "cuda":
        asked = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        driver = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
        device = (
            f"{torch.cuda.get_device_name()}, driver {driver[0] if driver else 'unknown'}, CUDA {torch.version.cuda}"
        )
    print(f"device    {device}, {os.cpu_count()} cores")
    print(f"versions  se-nas {__version__}, Python {platform.python_version()}, {', '.join(map(_version, SHOWN))}")
    parts = f"{len(data.train):,} training, {len(data.validation):,} validation and {len(data.test):,} test images"
    print(f"images    {options.data}: {parts}")
    print(f"time      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


if __name__ == "__main__":
    main()
