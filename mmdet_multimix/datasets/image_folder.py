"""Images in one folder a class, as ImageNet has them, and TinyImageNet, which lists some."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import mmcv
from mmdet.registry import DATASETS
from PIL import Image
from torchvision import datasets as tv_datasets
from torchvision.datasets.folder import IMG_EXTENSIONS, has_file_allowed_extension

from ..utils.names import quote, shorten
from .cls_dataset import ClsDataset
from .unread_images import unread_in, warn_once

# Folders that file managers and archives leave behind, besides those whose name begins with a dot.
_LEFTOVERS = ('__MACOSX', '@eaDir')


def load_image(path: str | Path) -> Image.Image:
    """Read an image as mmdet's ``LoadImageFromFile`` does: 8 bits a channel, turned upright by its Exif tag.

    Args:
        path: The file.

    Returns:
        The image in RGB.

    Raises:
        ValueError: It is no image that OpenCV reads.
    """
    try:
        pixels = mmcv.imfrombytes(Path(path).read_bytes(), flag='color', channel_order='rgb', backend='cv2')
    except cv2.error:  # of an empty file
        pixels = None
    if pixels is None:
        raise ValueError(
            f'{path} cannot be read as an image: it is damaged, or of a kind OpenCV does not know'
        )
    return Image.fromarray(pixels)


def is_left_behind(name: str) -> bool:
    """Whether a file or a folder is hidden or of a file manager or an archive: nobody's image or class."""
    return name.startswith('.') or name in _LEFTOVERS


class _ImageFolder(tv_datasets.ImageFolder):
    """torchvision's ImageFolder with the classes, and so the labels, in a given order."""

    def __init__(self, root: Path, classes: Sequence[str] | None) -> None:
        self.wanted = classes
        self.folder = root
        self.others: list[Path] = []  # files that are no images by their names
        try:
            super().__init__(str(root), loader=load_image, is_valid_file=self._takes)
        except FileNotFoundError as error:  # a class without any image
            raise FileNotFoundError(f'{error}{unread_in(root, self.others)}'.rstrip()) from error
        warn_once(unread_in(root, self.others))

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        found = [name for name in super().find_classes(directory)[0] if self._is_class(name)]
        if self.wanted is None:
            if not found:
                raise FileNotFoundError(f'{directory} has no folder of a class')
            return found, {name: label for label, name in enumerate(found)}
        missing = sorted(set(self.wanted) - set(found))
        unexpected = sorted(set(found) - set(self.wanted))
        if missing or unexpected:
            raise ValueError(
                f'the class folders of {directory} do not match `classes`: '
                f'missing {shorten(missing) or "none"}, unexpected {shorten(unexpected) or "none"}'
            )
        return list(self.wanted), {name: label for label, name in enumerate(self.wanted)}

    def _is_class(self, name: str) -> bool:
        """Whether somebody has named a folder as a class, or it is neither hidden nor a leftover."""
        return not is_left_behind(name) or name in (self.wanted or ())

    def _takes(self, path: str) -> bool:
        """Whether a file is an image and not, say, a thumbnail that its class folder keeps in ``@eaDir``."""
        below = Path(path).relative_to(self.folder).parts[1:]
        if any(map(is_left_behind, below)):
            return False
        takes = has_file_allowed_extension(path, IMG_EXTENSIONS)
        if not takes:
            self.others.append(Path(path))
        return takes


@DATASETS.register_module()
class ImageFolderDataset(ClsDataset):
    """Images under ``data_root/split/CLASS/``, found by torchvision and read as a detector reads them.

    Hidden folders, ``__MACOSX`` and ``@eaDir`` are no classes, and what is in them inside a class, as hidden
    files, no images.

    Args:
        data_root: The data set's folder.
        split: Sub-folder of this split, e.g. ``'train'`` or ``'val'``.
        classes: Names of the class folders in the order of the labels. ``None`` takes the folders that are
            there, sorted by name.
        **kwargs: ``transforms`` and ``per_class``, see :class:`ClsDataset`.

    Raises:
        FileNotFoundError: The folder, or every image of a class, is missing.
        ValueError: ``classes`` are not the folders that are there, and what :class:`ClsDataset` raises.
    """

    def __init__(
        self, data_root: str, split: str = 'train', *, classes: Sequence[str] | None = None, **kwargs
    ) -> None:
        root = Path(data_root) / split
        if not root.is_dir():
            raise FileNotFoundError(
                f'no folder {root}: ImageFolderDataset wants the images of class CLASS in {root}/CLASS/'
            )
        source = _ImageFolder(root, classes)
        folded = Counter(name.casefold() for name in source.classes)
        alike = [name for name in source.classes if folded[name.casefold()] > 1]
        if alike:
            warn_once(f'{root} has classes that differ by case only: {quote(alike)}. Are they one?')
        super().__init__(source, source.targets, source.classes, **kwargs)


@DATASETS.register_module()
class TinyImageNetDataset(ClsDataset):
    """TinyImageNet in the layout of its archive.

    ``train/WNID/images/*.JPEG``, ``wnids.txt``, and a flat ``val/images/*.JPEG`` with the classes in
    ``val/val_annotations.txt``. A ``val`` folder that has been sorted into ``val/WNID/`` is read as well.

    Args:
        data_root: Folder of the unpacked archive.
        split: ``'train'`` or ``'val'``; the labels of the test images are not public.
        **kwargs: ``transforms`` and ``per_class``, see :class:`ClsDataset`.

    Raises:
        FileNotFoundError: A folder, a file or an image is missing; the message says how to get them.
        ValueError: Unknown split, a damaged list of classes, and what :class:`ClsDataset` raises.
    """

    def __init__(self, data_root: str, split: str = 'train', **kwargs) -> None:
        if split not in ('train', 'val'):
            raise ValueError(f"TinyImageNetDataset: split must be 'train' or 'val', got {split!r}")
        root = Path(data_root)
        get_it = f'Unpack tiny-imagenet-200.zip (cs231n.stanford.edu) and set data_root to it, not {root}'
        for path in (root / 'wnids.txt', root / split):
            if not path.exists():
                raise FileNotFoundError(f'TinyImageNet is not whole: there is no {path}. {get_it}')
        classes = sorted((root / 'wnids.txt').read_text().split())
        listed = root / split / 'val_annotations.txt'
        if split == 'train' or (root / split / classes[0]).is_dir():
            source = _ImageFolder(root / split, classes)
        elif listed.is_file():
            source = _listed_images(listed, classes)
        else:
            raise FileNotFoundError(f'TinyImageNet is not whole: there is no {listed}. {get_it}')
        super().__init__(source, source.targets, classes, **kwargs)


class _ListedImages(tv_datasets.VisionDataset):
    """Images with their labels."""

    def __init__(self, root: Path, paths: Sequence[Path], targets: Sequence[int]) -> None:
        super().__init__(str(root))
        self.paths = paths
        self.targets = targets

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return load_image(self.paths[index]), self.targets[index]


def _listed_images(annotations: Path, classes: Sequence[str]) -> _ListedImages:
    """The images of ``val_annotations.txt``: a line has a file name, a class, and a box."""
    labels = {name: label for label, name in enumerate(classes)}
    folder = annotations.parent / 'images'
    there = {path.name for path in folder.glob('*')}
    paths, targets = [], []
    for number, line in enumerate(annotations.read_text().splitlines(), start=1):
        fields = line.split('\t')
        if len(fields) < 2 or fields[1] not in labels:
            raise ValueError(f'{annotations}, line {number}: no file name and class of wnids.txt in {line!r}')
        if fields[0] not in there:
            raise FileNotFoundError(f'{annotations}, line {number}: there is no image {folder / fields[0]}')
        paths.append(folder / fields[0])
        targets.append(labels[fields[1]])
    return _ListedImages(annotations.parent, paths, targets)
