"""Pretraining as users run it: every shipped config, and the command line on files that the tests write."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from cli import ROOT, tool
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings
from PIL import Image

from mmdet_multimix.checkpoints import read_checkpoint

CONFIGS = sorted((ROOT / 'configs' / 'pretrain').glob('*.py'))
DIGITS = str(ROOT / 'configs' / 'pretrain' / 'resnet_tiny_digits_{}.py')
# 20 images a class and 50 images a batch: 4 iterations an epoch.
QUICK = {'train_dataloader.dataset.per_class': '(0,20)', 'val_dataloader.dataset.per_class': '(0,10)'}


def run(cfg):
    """Train in this process; quicker than the command line, which imports everything again."""
    cfg.experiment_name = f'{Path(cfg.work_dir).parent.name}_{Path(cfg.work_dir).name}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def weights(work_dir, epoch):
    return read_checkpoint(work_dir / f'epoch_{epoch}.pth')['state_dict']


def image_folders(root, classes=('cat', 'dog', 'owl'), per_class=6, size=40):
    """A set that one brightness a class makes easy."""
    rng = np.random.default_rng(0)
    for split in ('train', 'val', 'test'):
        for label, name in enumerate(classes):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(per_class):
                pixels = rng.integers(80 * label, 80 * label + 40, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f'{i}.jpg')
    return root


def folder_config(root, work_dir, name='resnet_tiny_digits_ce'):
    """A shipped config on other images, as a user would write it."""
    cfg = Config.fromfile(ROOT / 'configs' / 'pretrain' / f'{name}.py')
    for loader, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        cfg[f'{loader}_dataloader'].update(batch_size=4, num_workers=0)
        dataset = cfg[f'{loader}_dataloader'].dataset
        transforms = [{'type': 'Resize', 'size': (64, 64)}]
        cfg[f'{loader}_dataloader'].dataset = {
            'type': 'ImageFolderDataset',
            'data_root': str(root),
            'split': split,
            'transforms': transforms,
        }
        assert dataset.type != 'ImageFolderDataset'
    cfg.model.head.num_classes = 3
    cfg.val_evaluator.topk = cfg.test_evaluator.topk = (1, 2)
    cfg.work_dir = str(work_dir)
    return cfg


METHODS = (
    'ce',
    'mixup',
    'cutmix',
    'manifold_mixup',
    'alignmixup',
    'mixup_k5',
    'cutmix_k5',
    'manifold_mixup_k5',
    'multimix',
    'dense_multimix',
    'multimix_distill',
    'dense_multimix_distill',
)


def split_name(path):
    """``resnet18_cifar10_multimix_short`` is ``resnet18_cifar10``, ``multimix``, ``_short``."""
    short = '_short' if path.stem.endswith('_short') else ''
    stem = path.stem.removesuffix('_short')
    method = max((m for m in METHODS if stem.endswith(f'_{m}')), key=len)
    return stem.removesuffix(f'_{method}'), method, short


def test_every_recipe_has_every_method():
    recipes = {}
    for recipe, method, short in map(split_name, CONFIGS):
        recipes.setdefault(recipe + short, set()).add(method)
    slim = recipes.pop('resnet18_slim_cifar10')
    assert slim == {'ce', 'mixup', 'multimix', 'dense_multimix'}
    assert len(recipes) == 9
    assert all(methods == set(METHODS) for methods in recipes.values())


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_shipped_config_builds(path):
    """Without memory for the parameters, so that all of them take seconds."""
    cfg = Config.fromfile(path)
    options = cfg.model.pop('method', None)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    if options:
        model.method = MODELS.build(options)
        model.method.check(model)
    method = split_name(path)[1]
    assert ('multimix' in method) == hasattr(model.head, 'multimix')
    assert (method in ('ce', 'multimix', 'dense_multimix')) == (model.method is None)
    assert method.endswith('_k5') == (getattr(model.method, 'K', 1) == 5)
    hooks = [hook.type for hook in cfg.default_hooks.values()]
    assert ('distill' in method) == ('SelfDistillationHook' in hooks)
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size


@pytest.mark.parametrize(
    'path', [p for p in CONFIGS if 'digits' in p.stem or '_ce' in p.stem], ids=lambda path: path.stem
)
def test_shipped_config_gives_a_loss(path):
    """The methods of other recipes are those of the digits, which the next test shows."""
    cfg = Config.fromfile(path)
    model = MODELS.build(cfg.model)
    model.init_weights()
    if hasattr(model.method, 'teacher'):
        model.method.teacher = copy.deepcopy(model)
    size = 32 if 'cifar' in path.stem else 64
    data = {
        'inputs': torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8),
        'gt_label': torch.randint(0, cfg.model.head.num_classes, (2,)),
    }
    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert total.isfinite()
    untrained = [name for name, p in model.named_parameters() if p.grad is None]
    assert not untrained
    assert ('multimix' in path.stem) == ('loss_multimix' in losses)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_methods_differ_from_cross_entropy_in_the_method_alone(path):
    recipe, method, short = split_name(path)
    ours = Config.fromfile(path).to_dict()
    theirs = Config.fromfile(path.with_stem(f'{recipe}_ce{short}')).to_dict()
    digits = Config.fromfile(DIGITS.format(method)).to_dict()
    assert ours['model'].get('method') == digits['model'].get('method')
    assert ours['model']['head']['type'] == digits['model']['head']['type']
    ours['model'].pop('method', None)
    ours['model'].pop('head')
    theirs['model'].pop('head')
    ours['default_hooks'].pop('distillation', None)
    log = ours['default_hooks'].pop('multimix', None)
    assert log == (dict(type='MultiMixScheduleHook') if 'multimix' in method else None)
    assert ours == theirs
    assert len(path.read_text().splitlines()) <= 6 or method == 'ce'


@pytest.mark.parametrize('name', ['resnet50_imagenet_ce', 'resnet18_cifar10_ce', 'resnet_tiny_digits_ce'])
def test_data_of_shipped_configs(name, tmp_path):
    """The transforms of the shipped configs, on a folder in place of the real images."""
    cfg = Config.fromfile(ROOT / 'configs' / 'pretrain' / f'{name}.py')
    size = {'resnet50': 224, 'resnet18': 32, 'resnet': 64}[name.split('_')[0]]
    image_folders(tmp_path, size=32 if size == 32 else 300)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        if loader.dataset.type != 'DigitsDataset':
            loader.dataset.type = 'ImageFolderDataset'
            loader.dataset.data_root = str(tmp_path)
        item = DATASETS.build(loader.dataset)[0]
        assert item['inputs'].shape == (3, size, size)
        assert item['inputs'].dtype == torch.uint8
    assert cfg.train_dataloader.drop_last


def test_tiny_backbone_is_the_one_of_the_stock_r18():
    cfg = Config.fromfile(DIGITS.format('multimix'))
    ours = MODELS.build(cfg.model).backbone.state_dict()
    stock = MODELS.build({'type': 'ResNet', 'depth': 18, 'base_channels': 16}).state_dict()
    assert {key: value.shape for key, value in ours.items()} == {k: v.shape for k, v in stock.items()}


@pytest.mark.smoke
def test_command_line_trains_tests_and_resumes_exactly(tmp_path):
    """MultiMix draws its weights at random, so a resumed run must draw those of the unbroken one."""
    config, broken = DIGITS.format('multimix'), tmp_path / 'broken'
    for epochs, resume in ((1, ()), (2, ('--resume',))):
        options = {**QUICK, 'train_cfg.max_epochs': epochs}
        tool('train.py', config, '--work-dir', broken, *resume, options=options)

    cfg = Config.fromfile(config)
    cfg.train_dataloader.dataset.per_class = (0, 20)
    cfg.val_dataloader.dataset.per_class = (0, 10)
    cfg.train_cfg.max_epochs = 2
    cfg.work_dir = str(tmp_path / 'straight')
    run(cfg)
    resumed = weights(broken, 2)
    for key, value in weights(tmp_path / 'straight', 2).items():
        torch.testing.assert_close(resumed[key], value, rtol=1e-5, atol=1e-6)

    printed = tool('test.py', config, broken / 'epoch_2.pth', '--work-dir', tmp_path / 'test')
    assert 'accuracy/top1' in printed


@pytest.mark.parametrize('method', ['ce', 'multimix', 'dense_multimix'])
def test_methods_learn_and_swap_checkpoints(method, tmp_path):
    cfg = folder_config(image_folders(tmp_path / 'data'), tmp_path / method, f'resnet_tiny_digits_{method}')
    cfg.train_cfg.max_epochs = 8
    cfg.param_scheduler = None
    cfg.optim_wrapper.optimizer.lr = 0.002  # low, as there is no warm-up
    runner = run(cfg)
    assert runner.message_hub.get_scalar('val/accuracy/top1').current() > 60
    assert list((tmp_path / method).glob('best_accuracy_top1_epoch_*.pth'))

    other = MODELS.build(
        {**cfg.model, 'head': {'type': 'LinearClsHead', 'num_classes': 3, 'in_channels': 128}}
    )
    other.load_state_dict(weights(tmp_path / method, 8))


def test_workers_and_a_last_batch_of_one(tmp_path):
    """Training leaves the incomplete batch out, validation takes its single image."""
    cfg = folder_config(image_folders(tmp_path / 'data', per_class=3), tmp_path / 'work')
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=1)
    cfg.train_cfg.max_epochs = 1
    runner = run(cfg)
    assert len(runner.train_dataloader) == 2
    assert len(runner.val_dataloader) == 3


def test_nan_stops_the_run(tmp_path):
    cfg = folder_config(image_folders(tmp_path / 'data'), tmp_path / 'work')
    cfg.optim_wrapper.optimizer.lr = float('nan')
    cfg.param_scheduler = None
    cfg.custom_hooks[-1].interval = 1
    with pytest.raises(AssertionError):
        run(cfg)
    assert 'loss become infinite or NaN' in ''.join(p.read_text() for p in tmp_path.rglob('*.log'))


def break_missing_data(cfg, root):
    cfg.train_dataloader.dataset.data_root = str(root / 'nowhere')


def break_classes(cfg, root):
    cfg.train_dataloader.dataset.classes = ['cat', 'dog', 'lion']


def break_order(cfg, root):
    cfg.val_dataloader.dataset.classes = ['owl', 'dog', 'cat']


def break_norm(cfg, root):
    cfg.model.backbone.pop('norm_eval')


@pytest.mark.parametrize(
    ('break_it', 'message'),
    [
        (break_missing_data, r'no folder .*nowhere.train: ImageFolderDataset wants'),
        (break_classes, 'missing lion, unexpected owl'),
        (break_order, "label 0 is class 'cat' in the training set, but 'owl'"),
        (break_norm, r'set backbone\.norm_eval=False'),
    ],
)
def test_bad_input_stops_before_the_first_iteration(tmp_path, break_it, message):
    root = image_folders(tmp_path / 'data')
    cfg = folder_config(root, tmp_path / 'work')
    break_it(cfg, root)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        run(cfg)
    assert not list(tmp_path.rglob('*.pth'))


def test_missing_cifar_ends_the_command_line_with_what_to_do(tmp_path):
    options = {'train_dataloader.dataset.data_root': tmp_path}
    config = CONFIGS[0].with_stem('resnet18_cifar10_ce')
    printed = tool('train.py', config, '--work-dir', tmp_path, options=options, fails=True)
    assert f"CIFAR10('{tmp_path}', download=True)" in printed


def test_registered_by_the_import_that_configs_name():
    cfg = Config.fromfile(CONFIGS[0])
    import_modules_from_strings(**cfg.custom_imports)
    for registry, name in ((MODELS, 'ImageClassifier'), (DATASETS, 'CIFAR100Dataset')):
        assert registry.get(name) is not None
