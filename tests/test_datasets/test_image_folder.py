import numpy as np
import pytest
from PIL import Image

from mmdet_multimix.datasets import ImageFolderDataset


@pytest.fixture
def root(tmp_path):
    """Two splits of solid images: cats are of level 10, dogs of level 200, owls of level 90."""
    for split in ('train', 'val'):
        for name, level in {'owl': 90, 'cat': 10, 'dog': 200}.items():
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for i in range(2):
                Image.fromarray(np.full((6, 6, 3), level, np.uint8)).save(folder / f'{i}.png')
    return tmp_path


def test_classes_are_the_sorted_folders(root):
    dataset = ImageFolderDataset(str(root), 'val')
    assert dataset.classes == ('cat', 'dog', 'owl')
    assert len(dataset) == 6
    assert [(item['gt_label'], int(item['inputs'][0, 0, 0])) for item in dataset][::2] == [
        (0, 10),
        (1, 200),
        (2, 90),
    ]


def test_given_classes_set_the_labels(root):
    dataset = ImageFolderDataset(str(root), classes=['owl', 'dog', 'cat'])
    assert dataset.metainfo['classes'] == ('owl', 'dog', 'cat')
    assert {(item['gt_label'], int(item['inputs'].max())) for item in dataset} == {(0, 90), (1, 200), (2, 10)}


def test_other_classes_than_the_folders_are_refused(root):
    with pytest.raises(ValueError, match='missing lion, unexpected owl'):
        ImageFolderDataset(str(root), classes=['cat', 'dog', 'lion'])


def test_class_without_images_is_refused(root):
    (root / 'train' / 'yak').mkdir()
    with pytest.raises(FileNotFoundError, match='yak'):
        ImageFolderDataset(str(root))


def test_missing_folder_says_what_is_wanted(root):
    with pytest.raises(FileNotFoundError, match=r'no folder .*test: .*test/CLASS/'):
        ImageFolderDataset(str(root), 'test')
