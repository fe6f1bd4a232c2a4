import pytest
from checking import error_of, training_on
from cli import ROOT
from mmengine.config import Config

from mmdet_multimix.checks import check_config, check_data


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


@pytest.mark.parametrize(
    ('train', 'val', 'said'),
    [
        (dict(split='train'), dict(split='val'), False),
        (dict(split='train'), dict(split='train', transforms=[dict(type='Resize', size=8)]), True),
        (dict(per_class=(0, 2)), dict(per_class=[2, 3]), False),
        (dict(per_class=(0, 2)), dict(per_class=[1, 3]), True),
        (dict(per_class=(0, 2)), dict(), True),
        (dict(per_class=(0, 2)), dict(data_root='other'), False),
        (dict(per_class=3), dict(), False),  # which the set refuses
    ],
)
def test_validation_on_training_images_is_said(tmp_path, capsys, train, val, said):
    (tmp_path / 'train/cat').mkdir(parents=True)
    (tmp_path / 'val/cat').mkdir(parents=True)
    (tmp_path / 'other/train').mkdir(parents=True)
    sets = [
        dict(
            type='ImageFolderDataset',
            **{**options, 'data_root': f'{tmp_path}/{options.get("data_root", "")}'},
        )
        for options in (train, val)
    ]
    check_config(training_on(sets[0], val_dataloader=dict(dataset=sets[1])))
    lines = [line for line in capsys.readouterr().err.splitlines() if 'what has been learnt' in line]
    assert len(lines) == said
    start = 'warning: val_dataloader.dataset has images of train_dataloader.dataset,'
    assert all(line.startswith(start) for line in lines)
