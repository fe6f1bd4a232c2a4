import copy

import torch
from mmengine.config import Config

from experiments.building import build_model
from mmdet_multimix.checks.shapes import build_shapes


def test_a_model_without_memory_leaves_config_and_random_numbers_alone():
    backbone = dict(type='ResNet', depth=18, base_channels=8, norm_cfg=dict(type='BN', requires_grad=True))
    cfg = Config(dict(model=backbone))
    before, state = copy.deepcopy(cfg.model), torch.get_rng_state()
    for built in (build_shapes(cfg, cfg.model), build_model(cfg)):
        assert {value.device.type for value in built.parameters()} == {'meta'}
    assert cfg.model == before and torch.equal(torch.get_rng_state(), state)
