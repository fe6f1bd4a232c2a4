"""Images in one folder a class, as ImageNet has them."""

from collections.abc import Sequence
from pathlib import Path

from mmdet.registry import DATASETS
from torchvision import datasets as tv_datasets

from .cls_dataset import ClsDataset


class _ImageFolder(tv_datasets.ImageFolder):
    """torchvision's ImageFolder with the classes, and so the labels, in a given order."""

    def __init__(self, root: Path, classes: Sequence[str] | None) -> None:
        self.wanted = classes
        super().__init__(str(root))

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        found, class_to_idx = super().find_classes(directory)
        if self.wanted is None:
            return found, class_to_idx
        missing = sorted(set(self.wanted) - set(found))
        unexpected = sorted(set(found) - set(self.wanted))
        if missing or unexpected:
            raise ValueError(
                f'the class folders of {directory} do not match `classes`: '
                f'missing {_shorten(missing)}, unexpected {_shorten(unexpected)}'
            )
        return list(self.wanted), {name: label for label, name in enumerate(self.wanted)}


@DATASETS.register_module()
class ImageFolderDataset(ClsDataset):
    """Images under ``data_root/split/CLASS/``, read by torchvision.

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
        super().__init__(source, source.targets, source.classes, **kwargs)


def _shorten(names: list[str]) -> str:
    return ', '.join(names[:5]) + (f' and {len(names) - 5} more' if len(names) > 5 else '') or 'none'
