"""Experiment files, what they will do, and the check of their data."""

import json
import re
import textwrap
from pathlib import Path

import pytest
from cli import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config

from experiments import Launcher, Progress, Run
from experiments.experiment_file import work_root
from experiments.plan import describe, plan
from experiments.stages import from_scratch, initialised_from
from experiments.transfer import load_experiment
from mmdet_multimix.checks.data_check import check_data
from mmdet_multimix.checks.metric_check import check_metrics, empty_result

TRANSFER = ROOT / 'configs/transfer'
EXPERIMENTS = sorted(path for path in TRANSFER.glob('*.py') if not path.stem.startswith('faster_rcnn'))
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
    found = {(entry['method'], entry['detector']): entry['value'] for entry in (*voc, *coco[:0])}
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
    jobs = {job.name: job for job in experiment.jobs(tmp_path, Launcher())}
    assert len(jobs) == 8
    for cell in cells:
        assert jobs[cell.name].needs == ((cell.pretraining,) if cell.pretraining else ())


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
        {job.name: job for job in load_experiment(small(tmp_path, digits=sizes)).jobs(tmp_path, Launcher())}
        for sizes in ((8, 4), (9, 4))
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
        ({'methods': None}, 'lacks methods'),
        ({'methods': {}}, 'methods must be a dict by name, and not empty, got {}'),
        ({'seed': 1}, 'has unknown seed; known are counts, detectors'),
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
    with pytest.raises(ValueError, match=r'mine.py cannot be read: .*\.\./_base_/.*paper_transfer.py'):
        load_experiment(written(tmp_path, (TRANSFER / 'paper_voc.py').read_text()))
    with pytest.raises(ValueError, match=r'mine\.py cannot be read: SyntaxError'):
        load_experiment(written(tmp_path, 'methods = {'))


def test_metrics_that_a_test_will_not_give_are_named():
    voc, coco = (Config.fromfile(DETECTION / f'faster_rcnn_r50_c4_{name}.py') for name in ('voc0712', 'coco'))
    assert not list(check_metrics(voc, {'a': 'pascal_voc/mAP', 'b': 'pascal_voc_area/AP50'}))
    assert not list(check_metrics(coco, {'a': 'coco/bbox_mAP', 'b': 'coco/bbox_mAP_l'}))
    (problem,) = check_metrics(coco, {'mAP 50': 'coco/bbox_mAP50'})
    assert problem.startswith(
        "metrics['mAP 50'] is 'coco/bbox_mAP50', but test_evaluator gives coco/bbox_mAP, "
    )
    assert len(list(check_metrics(coco, {'a': 'pascal_voc/mAP', 'b': 'bbox_mAP'}))) == 2
    coco.test_evaluator.classwise = True  # then there is one for each class as well
    assert not list(check_metrics(coco, {'a': 'coco/cat_precision'}))


def test_a_detector_that_finds_nothing_has_a_result_of_zero():
    coco, voc = (Config.fromfile(DETECTION / f'faster_rcnn_r50_c4_{name}.py') for name in ('coco', 'voc0712'))
    zeros = empty_result(coco)
    assert zeros['coco/bbox_mAP'] == zeros['coco/bbox_mAP_s'] == 0.0 and len(zeros) == 6
    assert empty_result(voc) == {}  # mmdet's VOCMetric gives its zeros itself


def test_an_experiment_that_is_not_there():
    with pytest.raises(ValueError, match=r'nowhere.py does not exist; there are some in configs/transfer'):
        load_experiment('nowhere.py')


def test_the_plan_counts_iterations_and_bytes(tmp_path):
    experiment = load_experiment(small(tmp_path, methods={'ce': str(PRETRAIN / 'resnet_tiny_digits_ce.py')}))
    parts = plan(experiment, ['pretrain/resnet_tiny_digits_ce/seed0'])
    pretraining, detector = parts
    # 900 digits in batches of 50, 50 epochs; the last two and the best checkpoint with momentum.
    assert (pretraining.runs, pretraining.done, pretraining.iterations) == (2, 1, 18 * 50)
    weights = 16 * 3 * 49 + 10 * 129  # stem and classifier; the blocks follow
    for width, before in ((16, 16), (32, 16), (64, 32), (128, 64)):
        weights += 9 * width * (before + 3 * width) + (width * before if width != before else 0)
    norms = 2 * (16 + sum(width * (4 if width == 16 else 5) for width in (16, 32, 64, 128)))
    size = 4 * (2 * (weights + norms) + norms) * 3  # weights, momentum; statistics; three files
    assert pretraining.size == pytest.approx(size, rel=1e-3)
    assert (detector.runs, detector.iterations) == (2, 600)
    text = describe(experiment, parts, tmp_path)
    assert '2 cells from 2 pretrained backbones; 1 of 4 runs are done' in text
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
    assert plan(experiment, ())[0].iterations == 3 * 6  # of batch 16


def data_of(folder, kind):
    """Configs over a copy's folder that are as few as a check needs."""
    if kind == 'voc':
        cfg = Config.fromfile(DETECTION / 'faster_rcnn_r50_c4_voc0712.py')
        for index in range(2):
            cfg.train_dataloader.dataset.datasets[index].data_root = f'{folder}/'
    else:
        cfg = Config.fromfile(DETECTION / 'faster_rcnn_r50_c4_coco.py')
        cfg.train_dataloader.dataset.data_root = f'{folder}/'
        for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
            evaluator.ann_file = f'{folder}/annotations/instances_val2017.json'
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = f'{folder}/'
    return [cfg, cfg]


VOC_COUNTS = {
    'VOC2007/ImageSets/Main/trainval.txt': 4,
    'VOC2012/ImageSets/Main/trainval.txt': 4,
    'VOC2007/ImageSets/Main/test.txt': 4,
}


def spoil_count(voc):
    path = voc / 'VOC2012/ImageSets/Main/trainval.txt'
    path.write_text('000000\n')
    return f'{path} lists 1 images, but must have 4. Pascal VOC: unpack'


def spoil_year(voc):
    (voc / 'VOC2012').rename(voc / 'elsewhere')
    return f'annotation file {voc}/VOC2012/ImageSets/Main/trainval.txt does not exist. Pascal VOC: unpack'


def spoil_xml(voc):
    path = voc / 'VOC2007/Annotations/000002.xml'
    path.write_text(path.read_text()[:-20])
    return re.compile(f'1 annotations of .* cannot be read: {path} |{path} is not readable XML')


def spoil_box(voc):
    path = voc / 'VOC2007/Annotations/000002.xml'
    path.write_text(path.read_text().replace('<xmin>5</xmin>', ''))
    return re.compile(f'1 annotations of .* cannot be read: {path} ')


def spoil_name(voc):
    path = voc / 'VOC2012/Annotations/000003.xml'
    path.write_text(path.read_text().replace('cat', 'lion'))
    return f"{path} has an object 'lion', which is none of the classes"


def spoil_image(voc):
    path = voc / 'VOC2012/JPEGImages/000001.jpg'
    path.unlink()
    listed = f'{voc}/VOC2012/ImageSets/Main/trainval.txt'
    return f'1 images listed in {listed} are not there or empty: {path}. Pascal VOC'


@pytest.mark.parametrize(
    'spoil',
    [spoil_count, spoil_year, spoil_xml, spoil_box, spoil_name, spoil_image],
    ids=lambda f: f.__name__,
)
def test_what_is_wrong_with_voc_is_named_with_its_remedy(spoil, voc, tmp_path):
    copy = copied(voc, tmp_path)
    assert check_data(data_of(copy, 'voc'), VOC_COUNTS) == []
    expected = spoil(copy)
    problems = check_data(data_of(copy, 'voc'), VOC_COUNTS)
    assert len(problems) >= 1 and len(problems) == len(set(problems))
    if isinstance(expected, str):
        assert problems[0].startswith(expected) and len(problems) == 1
    else:
        assert all(expected.search(problem) for problem in problems)


def test_objects_of_classes_that_are_left_out_on_purpose_are_no_mistake(voc, tmp_path):
    copy = copied(voc, tmp_path)
    configs = data_of(copy, 'voc')
    for dataset in configs[0].train_dataloader.dataset.datasets:
        dataset.metainfo = dict(classes=('cat',))
    for loader in (configs[0].val_dataloader, configs[0].test_dataloader):
        loader.dataset.metainfo = dict(classes=('cat',))
    assert check_data(configs, VOC_COUNTS) == []


def test_what_is_wrong_with_a_classification_set_is_named(tmp_path):
    cfg = Config.fromfile(PRETRAIN / 'resnet50_imagenet_ce.py')
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


def spoil_json(coco):
    path = coco / 'annotations/instances_train2017.json'
    path.write_text(path.read_text()[:-1])
    return f'{path} ends in the middle: it was not copied whole. COCO: unpack'


def spoil_owner(coco):
    path = coco / 'annotations/instances_val2017.json'
    path.write_text(path.read_text().replace('"image_id": 2', '"image_id": 9'))
    return f'4 annotations of {path} belong to no image or have no box: 9, 10, 11 and 1 more. COCO: unpack'


def spoil_folder(coco):
    (coco / 'train2017/000003.jpg').unlink()
    return f'{coco}/train2017 has 3 images, but must have 4. COCO: unpack'


def spoil_file(coco):
    (coco / 'val2017/000002.jpg').write_bytes(b'')
    listed, lost = f'{coco}/annotations/instances_val2017.json', f'{coco}/val2017/000002.jpg'
    return f'1 images listed in {listed} are not there or empty: {lost}. COCO: unpack'


def spoil_images(coco):
    path = coco / 'annotations/instances_val2017.json'
    content = json.loads(path.read_text())
    content['images'].pop()
    path.write_text(json.dumps(content))
    return f'{path} lists 3 images, but must have 4. COCO: unpack'


@pytest.mark.parametrize(
    'spoil', [spoil_json, spoil_owner, spoil_folder, spoil_file, spoil_images], ids=lambda f: f.__name__
)
def test_what_is_wrong_with_coco_is_named_with_its_remedy(spoil, coco, tmp_path):
    copy = copied(coco, tmp_path)
    counts = {f'annotations/instances_{split}.json': 4 for split in ('train2017', 'val2017')}
    assert check_data(data_of(copy, 'coco'), counts) == []
    expected = spoil(copy)
    assert [problem[: len(expected)] for problem in check_data(data_of(copy, 'coco'), counts)] == [expected]


def test_images_of_large_sets_are_counted(coco, tmp_path, monkeypatch):
    monkeypatch.setattr('mmdet_multimix.checks.data_check._READ_WHOLE', 0)
    copy, counts = copied(coco, tmp_path), {'annotations/instances_train2017.json': 4}
    assert check_data(data_of(copy, 'coco'), counts) == []
    (copy / 'train2017/000003.jpg').unlink()
    (problem,) = check_data(data_of(copy, 'coco'), counts)
    assert problem.startswith(f'{copy}/train2017 has 3 images, but must have 4. COCO: unpack')


def test_annotations_of_an_evaluator_that_are_not_there_are_named(coco, tmp_path):
    copy = copied(coco, tmp_path)
    (cfg, _) = data_of(copy, 'coco')
    cfg.val_evaluator.ann_file = str(tmp_path / 'elsewhere.json')
    cfg.test_evaluator = [cfg.test_evaluator, dict(type='CocoMetric', ann_file=str(tmp_path / 'other.json'))]
    problems = check_data([cfg], {})
    assert [problem.split('; ')[0] for problem in problems] == [
        f'val_evaluator.ann_file: annotation file {tmp_path}/elsewhere.json does not exist',
        f'test_evaluator.ann_file: annotation file {tmp_path}/other.json does not exist',
    ]


def copied(source, tmp_path):
    import shutil

    return Path(shutil.copytree(source, tmp_path / 'copy'))


def test_launchers(monkeypatch):
    tool = Path('train.py')
    assert Launcher().command(tool, 'x')[1:] == ['train.py'] and Launcher().flags == []
    torchrun = Launcher('pytorch', 4)
    assert torchrun.command(tool, 'x')[1:] == [
        '-m',
        'torch.distributed.run',
        '--standalone',
        '--nproc_per_node=4',
        'train.py',
    ]
    assert torchrun.flags == ['--launcher', 'pytorch']
    monkeypatch.setenv('SRUN_ARGS', '--partition gpu')
    slurm = Launcher('slurm', 16).command(tool, 'ssd')
    assert slurm[0] == 'srun' and slurm[-1] == 'train.py'
    assert {'--ntasks=16', '--ntasks-per-node=8', '--gres=gpu:8', '--partition', 'gpu', '--job-name=ssd'} <= {
        *slurm
    }
    ports = {Launcher('slurm', 4)._environment()['MASTER_PORT'] for _ in range(5)}
    assert len(ports) > 1 and all(20000 <= int(port) < 30000 for port in ports)
    monkeypatch.setenv('MASTER_PORT', '12345')
    assert Launcher('slurm', 4)._environment()['MASTER_PORT'] == '12345'
    monkeypatch.delenv('MASTER_PORT')
    assert 'MASTER_PORT' not in Launcher('pytorch', 4)._environment()
    monkeypatch.setenv('GPUS_PER_NODE', '4')
    assert '--ntasks-per-node=4' in Launcher('slurm', 16).command(tool, 'ssd')


def test_gpus_share_the_batch():
    cfg = Config.fromfile(DETECTION / 'ssd300_r50_voc0712.py')
    assert Launcher('pytorch', 8).batch_options(cfg) == {'train_dataloader.batch_size': 4}
    assert Launcher().batch_options(cfg) == {}
    with pytest.raises(ValueError, match='batch_size is 32, which 3 GPUs cannot share evenly'):
        Launcher('pytorch', 3).batch_options(cfg)
    with pytest.raises(ValueError, match='launcher none starts one process'):
        Launcher('none', 2)
    with pytest.raises(ValueError, match="got 'mpi'"):
        Launcher('mpi', 2)


def test_two_processes_train_a_run(tmp_path):
    options = {'train_cfg.max_epochs': 1}
    run = Run(
        PRETRAIN / 'resnet_tiny_digits_ce.py',
        tmp_path / 'run',
        options,
        'two',
        launcher=Launcher('pytorch', 2),
    )
    with Progress(1) as progress:
        assert run.train(progress)
    log = (tmp_path / 'run/train.log').read_text()
    assert re.search(r'Epoch\(train\) +\[1\]\[18/18\]', log)  # 900 images: 25 a process, as many steps as 50
