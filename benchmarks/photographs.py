"""Photographs out of wheels, and squares of them at random places.

    pip download --no-deps scikit-image scikit-learn foolbox==3.3.4

Nothing is installed. The twenty photographs of foolbox are of ImageNet's validation set and
have their label in the name; the others have none.
"""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

UNLABELLED = {
    "scikit_image": [
        f"skimage/data/{name}"
        for name in (
            "astronaut.png",
            "camera.png",
            "chelsea.png",
            "coffee.png",
            "coins.png",
            "grass.png",
            "gravel.png",
            "brick.png",
            "hubble_deep_field.jpg",
            "motorcycle_left.png",
            "rocket.jpg",
        )
    ],
    "scikit_learn": [
        f"sklearn/datasets/images/{name}" for name in ("china.jpg", "flower.jpg")
    ],
}
LABELLED = "foolbox/data/imagenet_"


def the_wheel(folder: Path, name: str) -> Path:
    """The one wheel in a folder whose name begins so.

    Raises:
        FileNotFoundError: If there is none, or more than one.
    """
    found = list(folder.glob(f"{name}-*.whl"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"{folder} must hold one wheel of {name}. Received: {len(found)}. "
            f"Run `pip download --no-deps {name.replace('_', '-')}` there."
        )
    return found[0]


def unlabelled(folder: Path) -> list[Image.Image]:
    """The photographs of scikit-image and scikit-learn."""
    return [
        _opened(archive, name)
        for wheel, names in UNLABELLED.items()
        for archive in [zipfile.ZipFile(the_wheel(folder, wheel))]
        for name in names
    ]


def labelled(folder: Path) -> tuple[list[Image.Image], list[int]]:
    """The photographs of foolbox and their classes, from 0 to 999."""
    archive = zipfile.ZipFile(the_wheel(folder, "foolbox"))
    names = sorted(one for one in archive.namelist() if one.startswith(LABELLED))
    classes = [int(Path(name).stem.rpartition("_")[2]) for name in names]
    return [_opened(archive, name) for name in names], classes


def _opened(archive: zipfile.ZipFile, name: str) -> Image.Image:
    return Image.open(io.BytesIO(archive.read(name))).convert("RGB")


def squares(
    photographs: Sequence[Image.Image], count: int, *, side: int, seed: int
) -> np.ndarray:
    """Squares at random places, of half to all of the shorter side, half of them mirrored.

    Args:
        photographs: They take turns.
        count: How many squares.
        side: Of a square, in pixels.
        seed: Of places, sizes and hands.

    Returns:
        float32 from 0 to 1, shape `(count, side, side, 3)`.
    """
    rng, found = np.random.default_rng(seed), []
    for place in range(count):
        photograph = photographs[place % len(photographs)]
        size = int(rng.uniform(0.5, 1.0) * min(photograph.size))
        left = int(rng.integers(photograph.width - size + 1))
        top = int(rng.integers(photograph.height - size + 1))
        box = (left, top, left + size, top + size)
        square = np.asarray(
            photograph.resize((side, side), Image.Resampling.BICUBIC, box)
        )
        found.append(square[:, ::-1] if rng.random() < 0.5 else square)
    return np.stack(found).astype(np.float32) / 255
