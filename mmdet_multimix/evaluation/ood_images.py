"""Images from outside the distribution: any folder, and noise. Batches of (b, 3, h, w) in [0, 1]."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.transforms.v2 import functional as F

from ..datasets.image_folder import is_left_behind, load_image
from ..datasets.unread_images import image_size, unread_in, warn_once

NOISES = ('uniform', 'gaussian')


class FolderImages(Dataset):
    """The images anywhere below a folder, in RGB, resized to one size whatever their aspect.

    This is the "resize" variant of the sets that ODIN (Liang et al., ICLR 2018) is measured on; their "crop"
    variant is a folder of cropped images. Sub-folders, which may be classes, do not matter.

    Args:
        folder: The folder.
        size: ``(h, w)`` to resize to.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: There is no image in it, or one that cannot be read.
    """

    def __init__(self, folder: str | Path, size: tuple[int, int]) -> None:
        self.paths = list_images(folder)
        self.size = size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        pixels = F.pil_to_tensor(load_image(self.paths[index]))
        if pixels.shape[1:] != self.size:
            pixels = F.resize(pixels, list(self.size), antialias=True)
        return pixels.float() / 255

    def batches(self, batch_size: int, num_workers: int = 0) -> Iterator[Tensor]:
        """All images in batches."""
        return iter(DataLoader(self, batch_size=batch_size, num_workers=num_workers))


def list_images(folder: str | Path) -> list[Path]:
    """The files anywhere below a folder whose names end as those of images do, sorted.

    Hidden files and folders, ``__MACOSX`` and ``@eaDir`` are left out.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: There is no image in it, or one that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'no folder {folder}')
    files = sorted(p for p in folder.rglob('*') if p.is_file())
    files = [p for p in files if not any(map(is_left_behind, p.relative_to(folder).parts))]
    paths = [p for p in files if p.suffix.lower() in IMG_EXTENSIONS]
    unread = unread_in(folder, (p for p in files if p.suffix.lower() not in IMG_EXTENSIONS))
    if not paths:
        looked_for = f'no image in {folder} or below (looked for {", ".join(IMG_EXTENSIONS)})'
        raise ValueError('. '.join(filter(None, [looked_for, unread])))
    warn_once(unread)
    for path in paths:
        if image_size(path) is None:
            load_image(path)  # raises unless OpenCV knows a kind that Pillow does not
    return paths


def noise_batches(
    kind: str, count: int, size: tuple[int, int], batch_size: int, seed: int
) -> Iterator[Tensor]:
    """Images of independent noise in every pixel and channel, as ODIN's code draws them.

    Args:
        kind: ``'uniform'``, in [0, 1], or ``'gaussian'``, of mean 0.5 and standard deviation 1, clipped to
            [0, 1].
        count: Number of images.
        size: ``(h, w)``.
        batch_size: Images in a batch. The images do not depend on it.
        seed: The same seed gives the same images on every device.

    Raises:
        ValueError: Another kind.
    """
    if kind not in NOISES:
        raise ValueError(f'noise must be one of {", ".join(NOISES)}, got {kind!r}')
    # Each kind has a stream of its own, so that it does not depend on which others are measured.
    generator = torch.Generator().manual_seed(2 * seed + NOISES.index(kind))
    draw = torch.rand if kind == 'uniform' else torch.randn
    for start in range(0, count, batch_size):
        drawn = [draw(3, *size, generator=generator) for _ in range(min(batch_size, count - start))]
        batch = torch.stack(drawn)
        yield batch if kind == 'uniform' else (batch + 0.5).clamp(0, 1)
