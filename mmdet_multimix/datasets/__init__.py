"""Data sets of classification over torchvision and scikit-learn, and the digits detection set."""

from .cifar import CIFAR10Dataset, CIFAR100Dataset
from .cls_dataset import ClsDataset
from .digits import DIGIT_SPLITS, DigitsDataset, split_digits
from .image_folder import ImageFolderDataset, TinyImageNetDataset
from .transforms import build_transforms

__all__ = [
    'DIGIT_SPLITS',
    'CIFAR10Dataset',
    'CIFAR100Dataset',
    'ClsDataset',
    'DigitsDataset',
    'ImageFolderDataset',
    'TinyImageNetDataset',
    'build_transforms',
    'split_digits',
]
