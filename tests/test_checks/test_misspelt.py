"""Keys and values that change nothing, or end a training after its first validation."""

import pytest
from cli import ROOT
from mmengine.config import Config

from mmdet_multimix.checks.config_file import override, read_config
from mmdet_multimix.checks.metrics import check_best
from mmdet_multimix.checks.unread import check_unread, misspelt_overrides
from mmdet_multimix.checks.walk import check_wrapped
from mmdet_multimix.utils.one_line import InputError

TINY = ROOT / 'configs/detection/faster_rcnn_tiny_digits.py'


@pytest.mark.parametrize(
    ('key', 'meant'),
    [
        ('model.test_cfg.rcnn.score_thresh', 'score_thr'),
        ('model.train_cfg.rcnn.sampler.nums', 'num'),
        ('default_hooks.checkpont.interval', 'checkpoint'),
        ('custom_hooks.0.intervall', 'interval'),
    ],
)
def test_an_override_beside_a_key_of_almost_its_name_is_said(key, meant):
    cfg = Config(
        dict(
            model=dict(
                test_cfg=dict(rcnn=dict(score_thr=0.05)),
                train_cfg=dict(rcnn=dict(sampler=dict(num=512))),
            ),
            default_hooks=dict(checkpoint=dict(interval=1)),
            custom_hooks=[dict(type='A', interval=1)],
        )
    )
    (line,) = misspelt_overrides(cfg, [key])
    assert line.startswith(f'the override {key} adds a key') and line.endswith(f'Did you mean {meant}?')


@pytest.mark.parametrize(
    'key',
    [
        'model.test_cfg.rcnn.score_thr',  # is there
        'model.test_cfg.rcnn.nms_pre',  # is new and like none
        'model.neck.type',
        'custom_hooks.3.interval',
        'seed',
    ],
)
def test_other_overrides_are_nobodys_mistake(key):
    cfg = Config(dict(model=dict(test_cfg=dict(rcnn=dict(score_thr=0.05))), custom_hooks=[]))
    assert list(misspelt_overrides(cfg, [key])) == []


def test_keys_of_mmdet_2_are_said_with_what_they_are_now(tmp_path):
    path = tmp_path / 'old.py'
    path.write_text(
        'data = dict(samples_per_gpu=2)\nrunner = dict(max_epochs=24)\nfp16 = dict(loss_scale=512.0)\n'
        "dist_params = dict(backend='nccl')\nmodel = dict(type='A')\n"
    )
    lines = list(map(str, check_unread(Config.fromfile(path))))
    assert [line.partition(':')[0] for line in lines] == ['data', 'runner', 'fp16', 'dist_params']
    assert 'Did you mean train_dataloader, val_dataloader and test_dataloader?' in lines[0]


@pytest.mark.parametrize(
    ('wanted', 'evaluator', 'fault'),
    [
        ('coco/bbox_mAP', dict(type='CocoMetric'), False),
        (['coco/bbox_mAP', 'coco/bbox_mAP_50'], dict(type='CocoMetric'), False),
        ('auto', dict(type='VOCMetric'), False),
        (None, dict(type='VOCMetric'), False),
        ('coco/cat_precision', dict(type='CocoMetric', classwise=True), False),
        ('mine/x', [dict(type='CocoMetric'), dict(type='MyMetricOfMyOwn')], False),
        ('mine/bbox_mAP', dict(type='CocoMetric', prefix='mine'), False),
        (['auto'], dict(type='CocoMetric'), False),
        ('coco/AR@100', dict(type='CocoMetric', metric=['bbox', 'proposal_fast']), False),
        ('coco/bbox_mAP', dict(type='CocoMetric', format_only=True), False),
        ('my/big/x', dict(type='DetCalibration', prefix='my'), False),
        ('coco/bbox_map', dict(type='CocoMetric'), True),
        ('coco/bbox_mAP', dict(type='VOCMetric'), True),
        ('coco/bbox_mAP', [dict(type='DetCalibration')], True),
    ],
)
def test_a_best_checkpoint_by_what_is_not_measured(wanted, evaluator, fault):
    cfg = Config(
        dict(default_hooks=dict(checkpoint=dict(save_best=wanted)), val_evaluator=evaluator), filename=None
    )
    lines = list(check_best(cfg))
    assert len(lines) == fault
    assert all(line.startswith('default_hooks.checkpoint.save_best is') for line in lines)


@pytest.mark.parametrize(
    ('loop', 'wanted', 'fault'),
    [
        ('TeacherStudentValLoop', 'teacher/coco/bbox_mAP', False),
        ('TeacherStudentValLoop', 'coco/bbox_mAP', True),
        ('LoopOfMyOwn', 'anything', False),
        ('ValLoop', 'teacher/coco/bbox_mAP', True),
    ],
)
def test_a_loop_may_name_metrics_anew(loop, wanted, fault):
    hooks = dict(checkpoint=dict(save_best=wanted))
    cfg = Config(dict(default_hooks=hooks, val_evaluator=dict(type='CocoMetric'), val_cfg=dict(type=loop)))
    assert len(list(check_best(cfg))) == fault


@pytest.mark.parametrize(
    ('node', 'key'),
    [
        (dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0), 'class_weight'),
        (dict(type='Shared2FCBBoxHead', fc_out_channels=1024), 'conv_out_channels'),
        (dict(type='CocoMetric', metric='bbox'), 'metric_items'),
    ],
)
def test_an_argument_that_a_part_takes_is_nobodys_mistake(node, key):
    assert list(misspelt_overrides(Config(dict(part=node)), [f'part.{key}'])) == []


@pytest.mark.parametrize(
    ('dataset', 'fault'),
    [
        (dict(type='CocoDataset', ann_file='a.json'), False),
        (dict(type='MultiImageMixDataset', dataset=dict(type='CocoDataset')), False),
        (
            dict(
                type='RepeatDataset', dataset=dict(type='ConcatDataset', datasets=[dict(type='VOCDataset')])
            ),
            False,
        ),
        (dict(type='CocoDataset', ann_file='a.json', dataset=dict(type='CocoDataset')), True),
        (dict(type='ConcatDataset', datasets=[dict(type='VOCDataset', dataset=dict(ann_file='a'))]), True),
    ],
)
def test_a_set_inside_a_set_is_refused(dataset, fault):
    cfg = Config(dict(train_dataloader=dict(dataset=dataset)))
    lines = list(check_wrapped(cfg, ['train_dataloader']))
    assert len(lines) == fault
    assert all('which cannot have a dataset inside' in line for line in lines)


@pytest.mark.parametrize('way', ['file', 'override'])
def test_a_module_that_fails_is_named_with_the_reason(tmp_path, monkeypatch, way):
    (tmp_path / 'broken_module_of_mine.py').write_text('import nonexisting_package\n')
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / 'mine.py'
    imports = "custom_imports = dict(imports=['broken_module_of_mine'], allow_failed_imports=False)\n"
    path.write_text(imports if way == 'file' else 'x = 1\n')
    overrides = {} if way == 'file' else {'custom_imports.imports': ['broken_module_of_mine']}
    with pytest.raises(InputError) as error:
        override(read_config(path), overrides)
    text = str(error.value)
    assert (
        "broken_module_of_mine cannot be imported: ModuleNotFoundError: No module named 'nonexisting" in text
    )
    assert 'PYTHONPATH' not in text


def test_a_module_that_is_not_there_needs_the_path(tmp_path):
    (tmp_path / 'mine.py').write_text("custom_imports = dict(imports=['no_module_of_mine'])\n")
    with pytest.raises(InputError, match=r'no_module_of_mine cannot be imported: .*; PYTHONPATH has to name'):
        read_config(tmp_path / 'mine.py')


def test_the_line_of_an_error_in_a_config_or_its_base_is_named(tmp_path):
    (tmp_path / 'base.py').write_text('a = 1\nb = None.c\n')
    (tmp_path / 'mine.py').write_text("_base_ = 'base.py'\n")
    with pytest.raises(InputError, match=r'base\.py, line 2 cannot be read: AttributeError'):
        read_config(tmp_path / 'base.py')
    with pytest.raises(InputError, match=r'mine\.py \(line 2 of .*base\.py\) cannot be read: AttributeError'):
        read_config(tmp_path / 'mine.py')


def test_a_config_that_calls_what_it_imports(tmp_path):
    (tmp_path / 'mine.py').write_text('from detectron2.config import get_cfg\ncfg = get_cfg()\n')
    with pytest.raises(
        InputError, match='it calls what it imports, and a config with imports may only name it'
    ):
        read_config(tmp_path / 'mine.py')
