import hashlib
import pickle

import numpy as np
import pytest
from torchvision import datasets as tv_datasets

from mmdet_multimix.datasets import CIFAR10Dataset, CIFAR100Dataset


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_cifar(monkeypatch, root, cls, label_key, num_classes, num_images=20):
    """Pickles of torchvision's layout with random images; torchvision is told their checksums."""
    rng = np.random.default_rng(0)
    folder, pixels = root / cls.base_folder, {}

    def batches(names):
        entries = []
        for name in names:
            data = rng.integers(0, 256, (num_images, 3 * 32 * 32), dtype=np.uint8)
            labels = [i % num_classes for i in range(num_images)]
            entries.append([name, write(folder / name, {'data': data, label_key: labels})])
            pixels[name] = data.reshape(num_images, 3, 32, 32)
        return entries

    monkeypatch.setattr(cls, 'train_list', batches([name for name, _ in cls.train_list]))
    monkeypatch.setattr(cls, 'test_list', batches([name for name, _ in cls.test_list]))
    names = [f'class {i}' for i in range(num_classes)]
    digest = write(folder / cls.meta['filename'], {cls.meta['key']: names})
    monkeypatch.setattr(cls, 'meta', {**cls.meta, 'md5': digest})
    return pixels


def test_cifar10_images_labels_and_classes(monkeypatch, tmp_path):
    pixels = write_cifar(monkeypatch, tmp_path, tv_datasets.CIFAR10, 'labels', 10)
    train, test = CIFAR10Dataset(str(tmp_path)), CIFAR10Dataset(str(tmp_path), 'test')
    assert (len(train), len(test)) == (100, 20)
    assert train.metainfo['classes'] == tuple(f'class {i}' for i in range(10))
    np.testing.assert_array_equal(train[23]['inputs'], pixels['data_batch_2'][3])
    np.testing.assert_array_equal(test[7]['inputs'], pixels['test_batch'][7])
    assert train[23]['gt_label'] == 3


def test_cifar100_has_its_fine_classes(monkeypatch, tmp_path):
    write_cifar(monkeypatch, tmp_path, tv_datasets.CIFAR100, 'fine_labels', 100, num_images=100)
    dataset = CIFAR100Dataset(str(tmp_path))
    assert len(dataset.classes) == 100
    assert dataset[57]['gt_label'] == 57


def test_missing_data_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        CIFAR10Dataset(str(tmp_path))
    assert str(tmp_path / 'cifar-10-batches-py') in str(error.value)
    assert f"CIFAR10('{tmp_path}', download=True)" in str(error.value)
    assert 'ImageFolderDataset' in str(error.value)


@pytest.mark.parametrize('name', ['data_batch_3', 'batches.meta'])
def test_damaged_data_is_refused(monkeypatch, tmp_path, name):
    write_cifar(monkeypatch, tmp_path, tv_datasets.CIFAR10, 'labels', 10)
    (tmp_path / 'cifar-10-batches-py' / name).write_bytes(b'cut')
    with pytest.raises(FileNotFoundError, match='incomplete or damaged'):
        CIFAR10Dataset(str(tmp_path))


def test_unknown_split(tmp_path):
    with pytest.raises(ValueError, match="'train' or 'test', got 'val'"):
        CIFAR10Dataset(str(tmp_path), 'val')
