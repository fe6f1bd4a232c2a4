import numpy as np
import pytest
import torch
from PIL import Image

from mmdet_multimix.datasets import ClsDataset


def images(labels, size=8):
    rng = np.random.default_rng(0)
    return [
        (Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)), label) for label in labels
    ]


def test_item_holds_the_pixels_as_uint8_channels_first():
    source = images([1, 0])
    dataset = ClsDataset(source, [1, 0], ['cat', 'dog'])
    item = dataset[0]
    assert item['inputs'].dtype == torch.uint8
    assert item['gt_label'] == 1
    np.testing.assert_array_equal(item['inputs'].numpy(), np.asarray(source[0][0]).transpose(2, 0, 1))


def test_grey_image_becomes_rgb():
    dataset = ClsDataset([(Image.new('L', (5, 4), 7), 0)], [0], ['cat', 'dog'])
    assert dataset[0]['inputs'].shape == (3, 4, 5)


def test_metainfo_and_length():
    dataset = ClsDataset(images([0, 1, 0]), [0, 1, 0], ['cat', 'dog'])
    assert dataset.metainfo == {'classes': ('cat', 'dog')}
    assert len(dataset) == 3


@pytest.mark.parametrize('label', [-1, 2])
def test_label_out_of_range_is_refused(label):
    with pytest.raises(ValueError, match=rf'outside of 0\.\.1, the first is {label} at item 1'):
        ClsDataset(images([0, label]), [0, label], ['cat', 'dog'])


def test_float_images_are_refused():
    to_float = {'type': 'ToDtype', 'dtype': torch.float32, 'scale': True}
    dataset = ClsDataset(images([0]), [0], ['a', 'b'], transforms=[{'type': 'ToImage'}, to_float])
    with pytest.raises(ValueError, match='must stay uint8'):
        dataset[0]


def test_per_class_ranges_split_a_set_in_two():
    labels = [0, 1, 1, 0, 1, 0, 0, 1]
    source = images(labels)
    first = ClsDataset(source, labels, ['a', 'b'], per_class=(0, 3))
    second = ClsDataset(source, labels, ['a', 'b'], per_class=(3, 4))
    assert first.indices.tolist() == [0, 1, 2, 3, 4, 5]
    assert second.indices.tolist() == [6, 7]
    assert second.targets.tolist() == [second[i]['gt_label'] for i in range(2)] == [0, 1]


@pytest.mark.parametrize('per_class', [(0, 3), (1, 1), (-1, 1)])
def test_per_class_range_that_no_class_fills(per_class):
    with pytest.raises(ValueError, match='the size of the smallest class'):
        ClsDataset(images([0, 1, 0, 1]), [0, 1, 0, 1], ['a', 'b'], per_class=per_class)
