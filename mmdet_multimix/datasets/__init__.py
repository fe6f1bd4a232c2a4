"""Classification datasets over torchvision and scikit-learn, and the checks that go with them."""

from .cifar import CIFAR10Dataset, CIFAR100Dataset
from .cls_dataset import ClsDataset
from .digits import DIGIT_SPLITS, DigitsDataset, split_digits
from .hooks import CheckClassesHook, EpochSeedHook, IterSeedHook
from .image_folder import ImageFolderDataset, TinyImageNetDataset
from .transforms import build_transforms

__all__ = [
    'DIGIT_SPLITS',
    'CIFAR10Dataset',
    'CIFAR100Dataset',
    'CheckClassesHook',
    'ClsDataset',
    'DigitsDataset',
    'EpochSeedHook',
    'ImageFolderDataset',
    'IterSeedHook',
    'TinyImageNetDataset',
    'build_transforms',
    'split_digits',
]
