"""The configs of configs/pretrain against their table."""

import importlib.util
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
PRETRAIN = ROOT / 'configs' / 'pretrain'


@pytest.fixture(scope='module')
def made():
    spec = importlib.util.spec_from_file_location('make_configs', ROOT / 'tools' / 'make_configs.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.configs()


def test_every_config_is_what_the_table_says(made):
    files = {path.name: path.read_text() for path in PRETRAIN.glob('*.py')}
    by_hand = {name for name in files if name not in made}
    assert all(name.removesuffix('.py').removesuffix('_short').endswith('_ce') for name in by_hand), by_hand
    different = [name for name, text in made.items() if files.get(name) != text]
    assert not different, f'run tools/make_configs.py: {different}'


def test_a_recipe_gives_setting_and_momentum(made):
    """Two of the 102, read as a user's run reads them."""
    cfg = Config.fromfile(PRETRAIN / 'resnet18_cifar10_dense_multimix_distill_short.py')
    assert cfg.model.head.type == 'DenseMultiMixHead' and cfg.model.head.multimix == dict(setting='short')
    assert cfg.model.method.type == 'SelfDistillation'
    assert cfg.default_hooks.distillation == dict(type='SelfDistillationHook', momentum=0.01)
    cfg = Config.fromfile(PRETRAIN / 'resnet50_imagenet_multimix_distill.py')
    assert cfg.model.head.type == 'MultiMixHead' and cfg.model.head.multimix == dict(setting='paper')
    assert cfg.default_hooks.distillation == dict(type='SelfDistillationHook')


def test_all_methods_have_all_long_recipes(made):
    table = yaml.safe_load((PRETRAIN / 'methods.yml').read_text())
    for recipe, given in table['recipes'].items():
        stem, short = recipe.removesuffix('_short'), '_short' if recipe.endswith('_short') else ''
        assert (PRETRAIN / f'{stem}_ce{short}.py').is_file()
        for method in given.get('methods', table['methods']):
            assert f'{stem}_{method}{short}.py' in made
