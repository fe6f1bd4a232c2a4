"""Experiment files, what they will do, and the check of their data."""

import json
import textwrap
from pathlib import Path

import pytest
from cli import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config

from experiments.cells import from_scratch, initialised_from
from experiments.estimate import describe, estimate
from experiments.experiment_file import work_root
from experiments.plan import write_json
from experiments.transfer import load_experiment, problems_of

TRANSFER = ROOT / 'configs/transfer'
EXPERIMENTS = sorted(
    path for path in TRANSFER.glob('*.py') if not path.stem.startswith(('faster_rcnn', 'resnet'))
)
PRETRAIN = ROOT / 'configs/pretrain'
DETECTION = ROOT / 'configs/detection'


def written(folder, text):
    path = folder / 'mine.py'
    path.write_text(textwrap.dedent(text))
    return path


def small(folder, **changes):
    """Two methods and one from scratch, one detector, two seeds."""
    fields = {
        'methods': {
            'cross-entropy': str(PRETRAIN / 'resnet_tiny_digits_ce.py'),
            'MultiMix': str(PRETRAIN / 'resnet_tiny_digits_multimix.py'),
            'from scratch': None,
        },
        'detectors': {
            'R-CNN': dict(
                config=str(DETECTION / 'faster_rcnn_tiny_digits.py'),
                metrics={'mAP': 'coco/bbox_mAP', 'mAP 50': 'coco/bbox_mAP_50'},
            )
        },
        'seeds': 2,
        **changes,
    }
    return written(
        folder, '\n'.join(f'{key} = {value!r}' for key, value in fields.items() if value is not None)
    )


@pytest.mark.parametrize(
    ('option', 'reason'),
    [
        ('model.roi_head.bbox_head.loss_cls.odd', "unexpected keyword argument 'odd'"),
        ('optimizer.lr', "no run reads 'optimizer'. Did you mean optim_wrapper.optimizer?"),
        ('custom_hooks.0.ess', "CheckInvalidLossHook takes no 'ess'"),
    ],
)
def test_a_detector_that_refuses_its_options_is_named(tmp_path, option, reason):
    detector = dict(
        config=str(DETECTION / 'faster_rcnn_tiny_digits.py'),
        metrics={'mAP': 'coco/bbox_mAP'},
        options={option: 1},
    )
    (problem,) = problems_of(load_experiment(small(tmp_path, detectors={'R-CNN': detector})), 1)
    assert problem.startswith("detectors['R-CNN']: ") and reason in problem


@pytest.mark.parametrize(
    ('text', 'reset'),
    [
        ("load_from = 'coco.pth'", 'load_from'),
        ("model = dict(init_cfg=dict(type='Pretrained', checkpoint='coco.pth'))", 'model.init_cfg'),
        ("model = dict(init_cfg=[dict(type='MultiMixPretrained', checkpoint='coco.pth')])", 'model.init_cfg'),
    ],
)
def test_a_detector_whose_weights_would_replace_every_backbone_is_refused(tmp_path, text, reset):
    config = tmp_path / 'detector.py'
    config.write_text(f"_base_ = '{DETECTION}/faster_rcnn_tiny_digits.py'\n{text}\n")
    detector = dict(config=str(config), metrics={'mAP': 'coco/bbox_mAP'})
    experiment = small(tmp_path, detectors={'R-CNN': detector}, digits=(4, 2))
    (problem,) = problems_of(load_experiment(experiment), 1)
    assert problem.startswith(f"detectors['R-CNN']: {reset}") and 'coco.pth' in problem
    assert problem.endswith(f"set options to {{'{reset}': None}}")
    experiment = small(tmp_path, detectors={'R-CNN': {**detector, 'options': {reset: None}}}, digits=(4, 2))
    assert not problems_of(load_experiment(experiment), 1)


@pytest.mark.parametrize('path', EXPERIMENTS, ids=lambda path: path.stem)
def test_shipped_experiments_are_whole(path):
    experiment = load_experiment(path)
    assert experiment.baseline == 'cross-entropy'
    assert not [line for line in experiment.missing_configs() if 'detectors' in line]
    shapes = {}
    for config in filter(None, experiment.methods.values()):
        if config.is_file():
            model = Config.fromfile(config).model
            shapes[config.stem] = model.backbone.depth, model.backbone.get('base_channels', 64)
    assert len(set(shapes.values())) == 1 and len(shapes) >= 3
    for detector in experiment.detectors.values():
        cfg = Config.fromfile(detector.config)
        backbone = cfg.model.backbone
        assert (backbone.depth, backbone.get('base_channels', 64)) in shapes.values()
        # A backbone must be given the numbers it was pretrained with.
        for key in ('mean', 'std'):
            assert cfg.model.data_preprocessor[key] == model.data_preprocessor[key]
        assert {'EpochSeedHook', 'IterSeedHook'} & {hook['type'] for hook in cfg.custom_hooks}


def test_published_figures_are_those_of_the_papers():
    voc, coco = (load_experiment(TRANSFER / f'paper_{name}.py').published for name in ('voc', 'coco'))
    found = {(entry['method'], entry['detector']): entry['value'] for entry in voc}
    assert found == {
        ('cross-entropy', 'SSD300'): 0.767,
        ('mixup', 'SSD300'): 0.766,
        ('CutMix', 'SSD300'): 0.776,
        ('cross-entropy', 'Faster R-CNN C4'): 0.756,
        ('mixup', 'Faster R-CNN C4'): 0.739,
        ('CutMix', 'Faster R-CNN C4'): 0.767,
    }
    assert [entry['value'] for entry in coco] == [0.3327, 0.3418, 0.3516]


def test_cells_and_the_backbones_they_share(tmp_path):
    experiment = load_experiment(small(tmp_path, pretraining_seeds=1))
    cells = experiment.cells()
    assert len(cells) == 6 and len({cell.name for cell in cells}) == 6
    assert {cell.pretraining for cell in cells} == {
        'pretrain/resnet_tiny_digits_ce/seed0',
        'pretrain/resnet_tiny_digits_multimix/seed0',
        None,
    }
    assert len({cell.pretraining for cell in load_experiment(small(tmp_path)).cells()}) == 5
    planned = experiment.plan(tmp_path).cells
    assert len(planned) == 8
    for cell in cells:
        assert planned[cell.name].needs == ((cell.pretraining,) if cell.pretraining else ())


def test_backbones_that_would_share_a_folder_are_refused(tmp_path):
    (tmp_path / 'other').mkdir()
    text = (PRETRAIN / 'resnet_tiny_digits_multimix.py').read_text()
    (tmp_path / 'other/resnet_tiny_digits_ce.py').write_text(text)
    methods = {
        'ce': str(PRETRAIN / 'resnet_tiny_digits_ce.py'),
        'mine': str(tmp_path / 'other/resnet_tiny_digits_ce.py'),
    }
    with pytest.raises(ValueError, match='would share the folder pretrain/resnet_tiny_digits_ce; rename one'):
        load_experiment(small(tmp_path, methods=methods))


@pytest.mark.parametrize('path', sorted(DETECTION.glob('*.py')), ids=lambda path: path.stem)
def test_from_scratch_nothing_is_loaded_or_frozen(path):
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(from_scratch(path))
    modules = [cfg.model.backbone, cfg.model.get('roi_head', {}).get('shared_head', {})]
    for module in modules:
        assert module.get('init_cfg') is None
        assert module.get('frozen_stages', -1) == -1 and not module.get('norm_eval')
    detector = MODELS.build(cfg.model)
    parts = [detector.backbone, *([detector.roi_head.shared_head] if modules[1] else [])]
    for part in parts:
        frozen = [name for name, parameter in part.named_parameters() if not parameter.requires_grad]
        assert not frozen


def test_other_numbers_of_digits_are_another_set(tmp_path):
    first, second = (
        load_experiment(small(tmp_path, digits=sizes)).plan(tmp_path).cells for sizes in ((8, 4), (9, 4))
    )
    changed = {name for name in first if first[name].key != second[name].key}
    assert changed == {name for name in first if not name.startswith('pretrain/')}


def test_a_work_dir_goes_by_one_path_that_overrides_can_carry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert work_root('work') == work_root(tmp_path / 'x/../work') == tmp_path.resolve() / 'work'
    for name in ('my work', 'a,b', 'a[1]', 'k=v'):
        with pytest.raises(ValueError, match='would not carry'):
            work_root(tmp_path / name)


def test_c4_detectors_take_layer4_from_the_backbone_too():
    def places(name):
        options = initialised_from(DETECTION / f'{name}.py', Path('backbone.pth'))
        assert all(options[key] == 'backbone.pth' for key in options if key.endswith('checkpoint'))
        return {key.removesuffix('.init_cfg.checkpoint') for key in options if key.endswith('.checkpoint')}

    assert places('faster_rcnn_r50_c4_voc0712') == {'model.backbone', 'model.roi_head.shared_head'}
    assert places('ssd300_r50_voc0712') == {'model.backbone'}


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'seeds': 0}, 'seeds must be a number of at least 1, got 0'),
        ({'seeds': True}, 'seeds must be a number of at least 1, got True'),
        ({'methods': None}, 'lacks methods'),
        ({'methods': {}}, 'methods must be a dict by name, and not empty, got {}'),
        ({'seed': 1}, 'has unknown seed; known are calibration, counts, detectors'),
        ({'detectors': {'A': {'config': 'a.py'}}}, r"detectors\['A'\] lacks metrics"),
        (
            {'detectors': {'A': {'config': 'a.py', 'metrics': {'m': 'k'}, 'methods': ('x',)}}},
            "names 'x', not among methods",
        ),
        (
            {'published': [dict(method='a', detector='B', value=1, source='c')]},
            r"published\[0\].detector is 'B', not among",
        ),
        (
            {'published': [dict(method='a', detector='R-CNN', value='0.7', source='c')]},
            r"published\[0\].value must be a number, got '0.7'",
        ),
        ({'methods': ['a.py']}, r"methods must be a dict by name, and not empty, got \['a.py'\]"),
        (
            {'methods': {'A+': None, 'a': None}},
            "methods: 'A\\+' and 'a' would share the folder a; rename one",
        ),
        ({'methods': {'+': None}}, r"methods: '\+' has no letter a to z or digit"),
        ({'detectors': {'A': 'a.py'}}, r"detectors\['A'\] must be a dict of config and metrics, got 'a.py'"),
        (
            {'detectors': {'A': {'config': 'a.py', 'metrics': {}}}},
            r"\['A'\].metrics must be a dict of labels",
        ),
        (
            {'detectors': {'A': {'config': 'a.py', 'metrics': {'m': 'k'}, 'options': 1}}},
            r"detectors\['A'\].options must be a dict of overrides, got 1",
        ),
        ({'digits': 5}, r'digits must be \(training images, validation images\), got 5'),
    ],
)
def test_bad_experiments_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load_experiment(small(tmp_path, **changes))


def test_an_experiment_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r'mine.py: its _base_ .*\.\./_base_/.*paper_transfer.py'):
        load_experiment(written(tmp_path, (TRANSFER / 'paper_voc.py').read_text()))
    with pytest.raises(ValueError, match=r"mine\.py, line 1: '\{' was never closed"):
        load_experiment(written(tmp_path, 'methods = {'))


def test_an_experiment_that_is_not_there():
    with pytest.raises(ValueError, match=r'nowhere.py does not exist; there are some in configs/transfer'):
        load_experiment('nowhere.py')


def test_the_plan_counts_iterations_and_bytes(tmp_path):
    experiment = load_experiment(small(tmp_path, methods={'ce': str(PRETRAIN / 'resnet_tiny_digits_ce.py')}))
    plan = experiment.plan(tmp_path)
    write_json(plan.result_file('pretrain/resnet_tiny_digits_ce/seed0'), {})
    pretraining, detector = estimate(plan).values()
    # 900 digits in batches of 50, 50 epochs; the last two and the best checkpoint with momentum.
    assert (pretraining.cells, pretraining.done, pretraining.iterations) == (2, 1, 18 * 50)
    weights = 16 * 3 * 49 + 10 * 129  # stem and classifier; the blocks follow
    for width, before in ((16, 16), (32, 16), (64, 32), (128, 64)):
        weights += 9 * width * (before + 3 * width) + (width * before if width != before else 0)
    norms = 2 * (16 + sum(width * (4 if width == 16 else 5) for width in (16, 32, 64, 128)))
    size = 4 * (2 * (weights + norms) + norms) * 3  # weights, momentum; statistics; three files
    assert pretraining.size == pytest.approx(2 * size, rel=1e-3)
    assert (detector.cells, detector.iterations) == (2, 600)
    text = describe(plan, experiment.about())
    assert '1 method, 1 detector, 2 seeds: 2 trainings from 2 pretrained backbones' in text
    assert 'measured of each detector: coco/bbox_mAP, coco/bbox_mAP_50, D-ECE, LaECE, NLL\n' in text
    assert 'pretrain: 2 cells of 1 config (1 done), each 50 epochs, 900 iterations; ' in text
    assert f'to do: {900 + 2 * 600:,} iterations' in text


def test_epochs_of_detectors_are_counted_without_reading_images(tmp_path):
    (tmp_path / 'annotations').mkdir()
    images = [dict(id=index, file_name=f'{index}.jpg') for index in range(33)]
    (tmp_path / 'annotations/instances_train2017.json').write_text(json.dumps(dict(images=images)))
    detector = dict(
        config=str(DETECTION / 'faster_rcnn_r50_c4_coco.py'),
        metrics={'mAP': 'coco/bbox_mAP'},
        options={'train_dataloader.dataset.data_root': f'{tmp_path}/'},
    )
    experiment = load_experiment(small(tmp_path, methods={'scratch': None}, detectors={'C4': detector}))
    (part,) = estimate(experiment.plan(tmp_path)).values()
    assert part.iterations == 3 * 6  # of batch 16
