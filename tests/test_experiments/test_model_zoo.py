"""The model zoo: what is arithmetic against a real step, and the files against the configs."""

from pathlib import Path

import pytest
import torch
import yaml
from mmdet.registry import MODELS
from mmengine.config import Config

from experiments.model_cost import model_cost
from experiments.model_zoo import CONFIGS, ROOT, entries
from experiments.model_zoo_report import PAGE, metafiles, page


@pytest.fixture(scope='module')
def zoo():
    return entries()


def test_the_files_are_what_the_configs_say(zoo):
    files = {PAGE: page(zoo), **metafiles(zoo)}
    different = [str(path) for path, text in files.items() if not path.exists() or path.read_text() != text]
    assert not different, f'run python tools/make_model_zoo.py: {different}'


def test_every_config_that_trains_is_in_it(zoo):
    apart = {'_base_', 'compare', 'sweeps', 'transfer'}  # bases, experiments and their variants
    shipped = {
        str(path.relative_to(ROOT))
        for path in CONFIGS.rglob('*.py')
        if not apart & set(path.relative_to(CONFIGS).parts)
    }
    assert {entry.path for entry in zoo} == shipped


def test_the_metafiles_name_what_is_there(zoo):
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    found = []
    for path in index['Import']:
        content = yaml.safe_load((ROOT / path).read_text())
        collections = {collection['Name'] for collection in content['Collections']}
        for model in content['Models']:
            assert model['In Collection'] in collections
            assert (ROOT / model['Config']).is_file() and Path(model['Config']).stem == model['Name']
            found.append(model['Name'])
    assert sorted(found) == sorted(entry.name for entry in zoo)


def test_resnet50_costs_what_is_known():
    """Torchvision gives 4.09 GMAC and 25,557,032 parameters for its ResNet-50."""
    cost = model_cost(Config.fromfile(CONFIGS / 'pretrain/resnet50_imagenet_ce.py'), (224, 224))
    assert cost.macs == pytest.approx(4.09e9, rel=0.005)
    assert cost.parameters == cost.learnt == 25_557_032


def test_saved_bytes_are_those_of_a_real_step():
    cfg = Config.fromfile(CONFIGS / 'pretrain/resnet_tiny_digits_ce.py')
    model = MODELS.build(cfg.model).train()
    own = {value.data_ptr() for value in model.parameters()} | {value.data_ptr() for value in model.buffers()}
    kept = {}

    def keep(value):
        if value.data_ptr() not in own:
            kept[value.untyped_storage().data_ptr()] = value
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        output = model(torch.randn(2, 3, 64, 64), mode='tensor')
    real = sum(value.untyped_storage().nbytes() for value in kept.values())
    assert output.requires_grad and real > 0
    assert 2 * model_cost(cfg, (64, 64)).saved == pytest.approx(real, rel=0.02)


def test_a_detector_counts_its_rois():
    cfg = Config.fromfile(CONFIGS / 'detection/faster_rcnn_tiny_digits.py')
    few = model_cost(cfg, (96, 96))
    cfg.model.train_cfg.rcnn.sampler.num *= 2
    many = model_cost(cfg, (96, 96))
    fc = 32 * 7 * 7 * 128 + 128 * 128 + 128 * 11 + 128 * 40  # two shared layers, classes, boxes
    assert many.macs - few.macs == pytest.approx(64 * fc)
    assert many.parameters == few.parameters and many.saved > few.saved


def test_hours_and_memory_grow_with_what_is_trained(zoo):
    by_name = {entry.name: entry for entry in zoo}
    one, five = (by_name[f'resnet50_imagenet_{name}'] for name in ('mixup', 'mixup_k5'))
    assert five.hours == pytest.approx(5 * one.hours)
    assert one.hours == pytest.approx(6 * one.cost.macs * 300 * 1281167 / 30e12 / 3600)
    assert five.memory > one.memory > 4 * 3 * one.cost.parameters
