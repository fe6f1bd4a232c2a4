import sys

import pytest
import torch
from cli import ROOT
from mmdet.registry import MODELS

from mmdet_multimix.datasets.digits_detection import write_digits_detection


@pytest.fixture(scope='session')
def digits(tmp_path_factory):
    """A tiny detection set in COCO's format."""
    root = tmp_path_factory.mktemp('digits')
    write_digits_detection(root, num_train=8, num_val=4)
    return root


@pytest.fixture(scope='session')
def digits_options(digits):
    """What points the configs of the digits at it."""
    options = {f'{name}_dataloader.dataset.data_root': f'{digits}/' for name in ('train', 'val', 'test')}
    for name in ('val', 'test'):
        options[f'{name}_evaluator.ann_file'] = digits / 'annotations/val.json'
    return {**options, 'train_dataloader.batch_size': 2, 'default_hooks.logger.interval': 1}


@pytest.fixture(scope='session')
def backbone_r50(tmp_path_factory):
    """A ResNet-50 as tools/publish_backbone.py writes it; random weights."""
    path = tmp_path_factory.mktemp('r50') / 'backbone.pth'
    torch.manual_seed(0)
    torch.save({'meta': {}, 'state_dict': MODELS.build(dict(type='ResNet', depth=50)).state_dict()}, path)
    return path


@pytest.fixture
def evaluate_main(monkeypatch, capsys):
    """tools/evaluate.py in this process, which has imported everything already: its output or its refusal."""
    monkeypatch.syspath_prepend(ROOT / 'tools')
    import evaluate

    def call(*arguments, fails=False):
        monkeypatch.setattr(sys, 'argv', ['evaluate.py', *map(str, arguments)])
        if not fails:
            evaluate.main()
            return capsys.readouterr().out
        with pytest.raises(SystemExit) as error:
            evaluate.main()
        captured = capsys.readouterr()
        assert error.value.code not in (0, None) and '[1/' not in captured.out
        return f'{error.value.code}{captured.err}'

    return call
