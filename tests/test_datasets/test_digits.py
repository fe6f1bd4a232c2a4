import numpy as np
from sklearn.datasets import load_digits

from mmdet_multimix.datasets import DIGIT_SPLITS, DigitsDataset, split_digits


def test_splits_are_disjoint_and_balanced():
    splits = split_digits()
    assert list(splits) == list(DIGIT_SPLITS)
    everything = np.concatenate(list(splits.values()))
    assert len(np.unique(everything)) == len(everything) == 1740
    for name, members in splits.items():
        assert np.bincount(load_digits().target[members]).tolist() == [DIGIT_SPLITS[name]] * 10


def test_splits_depend_on_the_seed_alone():
    first, again, other = split_digits(), split_digits(), split_digits(seed=1)
    for name in DIGIT_SPLITS:
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])


def test_items_are_the_digits_of_the_split():
    dataset, data = DigitsDataset('detection_val'), load_digits()
    for item, index in zip(
        [dataset[0], dataset[279]], split_digits()['detection_val'][[0, 279]], strict=True
    ):
        assert item['inputs'].shape == (3, 8, 8)
        np.testing.assert_allclose(item['inputs'][1].float() * 16 / 255, data.images[index], atol=0.05)
        assert item['gt_label'] == data.target[index]
