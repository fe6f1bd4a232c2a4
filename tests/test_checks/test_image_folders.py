import pytest
from checking import error_of, training_on
from cli import ROOT
from mmengine.config import Config

from mmdet_multimix.checks import check_data


@pytest.mark.parametrize('kind', ['CIFAR10Dataset', 'ImageFolderDataset'])
def test_a_missing_classification_set_says_what_it_wants(tmp_path, kind):
    dataset = dict(type=kind, data_root=str(tmp_path / 'nowhere'), split='train')
    text = error_of(training_on(dataset))
    assert 'train_dataloader.dataset' in text and 'nowhere' in text


def test_what_is_wrong_with_a_classification_set_is_named(tmp_path):
    cfg = Config.fromfile(ROOT / 'configs/pretrain/resnet50_imagenet_ce.py')
    for split in ('train', 'val'):
        for name in ('cat', 'dog'):
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / '0.JPEG').touch()
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(tmp_path)
    folder = f'{tmp_path}/train'
    assert check_data([cfg], {folder: 2}) == []
    assert check_data([cfg], {folder: 1281167}) == [
        f'{folder} has 2 images, but must have 1,281,167: copy it whole'
    ]
    (tmp_path / 'val/dog/0.JPEG').unlink()
    (problem,) = check_data([cfg], {folder: 2})
    assert problem.startswith(f'ImageFolderDataset in {tmp_path}/val: ') and 'dog' in problem
