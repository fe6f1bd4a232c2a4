"""The documentation's own code."""

import re
import sys
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_detectors import losses_of, mix

from mmdet_multimix.preparing.writing import config_lines

ROOT = Path(__file__).parents[1]


def test_adding_a_method_in_one_file(tmp_path, monkeypatch):
    """The file and the config of the page, saved and run."""
    method, config = re.findall(
        r'^```python\n(.*?)^```', (ROOT / 'docs' / 'adding_a_method.md').read_text(), re.DOTALL | re.MULTILINE
    )
    (tmp_path / 'cutout.py').write_text(method)
    (tmp_path / 'my_config.py').write_text(config.replace("'configs/", f"'{ROOT}/configs/"))
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = Config.fromfile(tmp_path / 'my_config.py')
    cfg.train_dataloader.dataset.per_class = (0, 5)
    cfg.val_dataloader.dataset.per_class = (0, 2)
    cfg.train_cfg.max_epochs = 1
    cfg.work_dir = str(tmp_path / 'work')
    cfg.experiment_name = tmp_path.name
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert (tmp_path / 'work' / 'epoch_1.pth').is_file()

    cutout = sys.modules['cutout'].Cutout
    assert type(runner.model.method) is cutout and runner.model.method.size == 24
    runner.model.extract_feat = lambda images: images
    images, labels = torch.ones(20, 3, 32, 32), torch.arange(20)
    seen, same = cutout(size=5)(runner.model, images, labels)
    assert same is labels
    hidden = (seen == 0).sum((1, 2, 3)) // 3
    assert hidden.max() == 25 and hidden.min() >= 9  # a corner leaves 3 x 3
    with pytest.raises(ValueError, match='size must be at least 1, got 0'):
        cutout(size=0)


def test_a_backbone_of_timm(tmp_path):
    """The config of docs/pretraining.md, but for the download, trains a step with MultiMix."""
    pytest.importorskip('mmpretrain.models')
    pytest.importorskip('timm')
    (config,) = re.findall(
        r'^```python\n(_base_[^`]*TIMM.*?)^```',
        (ROOT / 'docs' / 'pretraining.md').read_text(),
        re.DOTALL | re.MULTILINE,
    )
    (tmp_path / 'mine.py').write_text(config)
    cfg = Config.fromfile(tmp_path / 'mine.py')
    assert cfg.model.backbone.pop('pretrained') is True
    model = MODELS.build(cfg.model)
    mix(model, **{key: value for key, value in cfg.custom_hooks[0].items() if key != 'type'})
    losses = losses_of(model, 'retinanet')
    assert losses['loss_multimix'] > 0
    sum(sum(value) if isinstance(value, list) else value for value in losses.values()).backward()
    assert all(p.grad is not None for p in model.backbone.parameters())


def test_own_data():
    """The page has the lines that are printed, and every flag."""
    text = (ROOT / 'docs' / 'own_data.md').read_text()
    (lines,) = re.findall(r'^```python\n(.*?)^```', text, re.DOTALL | re.MULTILINE)
    classes = ('ace', 'jack', 'king', 'nine', 'queen', 'ten')
    assert lines == config_lines(Path('data/cards_coco'), Path('data/cards'), classes, ('train', 'test'))
    source = (ROOT / 'mmdet_multimix/commands/prepare_dataset.py').read_text()
    flags = re.findall(r"'(--[a-z]+)'", source)
    assert len(flags) == 6 and all(f'`{flag}' in text for flag in flags)
