"""CIFAR-10 and CIFAR-100 in their original python version, read by torchvision."""

from pathlib import Path

from mmdet.registry import DATASETS
from torchvision import datasets as tv_datasets

from .cls_dataset import ClsDataset


class _CIFARDataset(ClsDataset):
    torchvision_class: type[tv_datasets.CIFAR10]

    def __init__(self, data_root: str, split: str = 'train', **kwargs) -> None:
        if split not in ('train', 'test'):
            raise ValueError(f"{type(self).__name__}: split must be 'train' or 'test', got {split!r}")
        source = self._load(data_root, split)
        super().__init__(source, source.targets, source.classes, **kwargs)

    def _load(self, data_root: str, split: str) -> tv_datasets.CIFAR10:
        cls = self.torchvision_class
        folder = Path(data_root) / cls.base_folder
        get_it = (
            f'Get it with: python -c "from torchvision.datasets import {cls.__name__}; '
            f"{cls.__name__}('{data_root}', download=True)\" "
            f"(or, for images in {data_root}/{{train,test}}/CLASS/, set the dataset's "
            "type='ImageFolderDataset')"
        )
        if not folder.is_dir():
            raise FileNotFoundError(f'{cls.__name__} is not at {folder}. {get_it}')
        try:
            return cls(data_root, train=split == 'train')
        except RuntimeError as error:
            raise FileNotFoundError(
                f'{cls.__name__} at {folder} is incomplete or damaged (a file is missing, or its checksum is '
                f'wrong). {get_it}'
            ) from error


@DATASETS.register_module()
class CIFAR10Dataset(_CIFARDataset):
    """CIFAR-10. Nothing is ever downloaded.

    Args:
        data_root: Folder that holds ``cifar-10-batches-py``.
        split: ``'train'`` or ``'test'``.
        **kwargs: ``transforms`` and ``per_class``, see :class:`ClsDataset`.

    Raises:
        FileNotFoundError: No such data, or damaged; the message says how to get it.
        ValueError: Unknown split, and what :class:`ClsDataset` raises.
    """

    torchvision_class = tv_datasets.CIFAR10


@DATASETS.register_module()
class CIFAR100Dataset(_CIFARDataset):
    """CIFAR-100 with its 100 fine classes, ``data_root`` holding ``cifar-100-python``.

    Arguments and errors as in :class:`CIFAR10Dataset`.
    """

    torchvision_class = tv_datasets.CIFAR100
