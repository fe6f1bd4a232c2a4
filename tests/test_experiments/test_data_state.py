"""Edited data: what of them is seen, and which cells are done again for them."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cli import ROOT
from mmdet.registry import DATASETS
from mmengine.config import Config
from PIL import Image
from tiny_sets import coco_with, write_voc

from experiments.cell import fingerprint
from experiments.comparison import load_comparison
from experiments.comparison_cells import comparison_plan
from experiments.data_state import data_state, forget
from experiments.estimate import why
from experiments.plan import Cell, Plan, write_json
from experiments.sweep import load_sweep
from experiments.transfer import load_experiment
from experiments.work import Training, work


def state(train, test=None, **more):
    """Of a config that trains on a set, and validates and tests on another one, read anew."""
    forget()
    test = test or train
    loaders = {f'{name}_dataloader': dict(dataset=test) for name in ('val', 'test')}
    return data_state(Config(dict(train_dataloader=dict(dataset=train), **loaders, **more)))


def edit(path, *words):
    path.write_text(path.read_text().replace(*words))


def test_the_content_of_annotations_counts_and_neither_place_nor_date(tmp_path):
    train, test = coco_with(tmp_path / 'train'), coco_with(tmp_path / 'test')
    path = tmp_path / 'test/ann.json'
    wrapped = dict(type='RepeatDataset', times=2, dataset=train)
    first = state(wrapped, test)
    os.utime(path, (0, 0))
    (tmp_path / 'test').rename(tmp_path / 'moved')
    (tmp_path / 'test').symlink_to(tmp_path / 'moved')
    assert state(wrapped, test) == first == state(coco_with(tmp_path / 'copy'), test)
    edit(path, '[1, 2, 3, 4]', '[1, 2, 3, 5]')
    assert set(state(wrapped, test).items()) & set(first.items()) == set()  # it is validated on, too
    forget()
    sets = {f'{name}_dataloader': dict(dataset=train) for name in ('train', 'val', 'test')}
    before = data_state(Config(dict(sets, test_evaluator=dict(type='CocoMetric', ann_file=str(path)))))
    edit(path, '[1, 2, 3, 5]', '[1, 2, 3, 6]')
    forget()
    after = data_state(Config(dict(sets, test_evaluator=dict(type='CocoMetric', ann_file=str(path)))))
    assert before['learnt'] == after['learnt'] and before['tested'] != after['tested']


def test_a_file_of_classes_counts(tmp_path):
    (tmp_path / 'classes.txt').write_text('cat\ndog\n')
    dataset = dict(coco_with(tmp_path / 'a'), metainfo=dict(classes=str(tmp_path / 'classes.txt')))
    first = state(dataset)
    edit(tmp_path / 'classes.txt', 'cat\ndog', 'dog\ncat')
    assert state(dataset)['learnt'] != first['learnt']


def test_xml_files_of_listed_images_count(tmp_path):
    write_voc(tmp_path)
    folder = tmp_path / 'VOC2007'
    dataset = dict(
        type='VOCDataset',
        data_root=str(tmp_path),
        ann_file='VOC2007/ImageSets/Main/trainval.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
    )
    found = [state(dataset)['learnt']]
    (folder / 'Annotations/000007.xml').write_text('<annotation/>')
    assert state(dataset)['learnt'] == found[0]  # nothing lists it
    edit(folder / 'Annotations/000001.xml', 'cat', 'dog')
    found.append(state(dataset)['learnt'])
    with (folder / 'ImageSets/Main/trainval.txt').open('a') as file:
        file.write('000007\n')
    found.append(state(dataset)['learnt'])
    (folder / 'Annotations/000001.xml').unlink()
    found.append(state(dataset)['learnt'])
    assert len(set(found)) == 4


def test_images_in_class_folders_count_and_leftovers_do_not(tmp_path):
    for name in ('cat', 'dog'):
        (tmp_path / 'train' / name).mkdir(parents=True)
        Image.new('RGB', (4, 4)).save(tmp_path / 'train' / name / '0.png')
    dataset = dict(type='ImageFolderDataset', data_root=str(tmp_path), split='train')
    first = state(dataset)
    for name in ('train/cat/.DS_Store', 'train/cat/._0.png', 'train/cat/notes.txt', 'train/cat/@eaDir/0.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert state(dataset) == first
    (tmp_path / 'train/cat/0.png').rename(tmp_path / 'train/dog/1.png')
    assert state(dataset)['learnt'] != first['learnt']


def test_what_is_not_there_or_elsewhere_is_left_to_the_checks(tmp_path):
    dataset = coco_with(tmp_path / 'a')
    assert state(dict(dataset, ann_file='no.json')) == state(dict(dataset, data_root='s3://a/b')) == {}
    (tmp_path / 'list.txt').write_bytes(b'\xff')
    assert state(dict(type='VOCDataset', data_root=str(tmp_path), ann_file='list.txt')).keys() == {
        'learnt',
        'tested',
    }


@DATASETS.register_module()
def make_images(**settings):
    """A data set of one's own that a function makes."""
    return []


def test_a_set_that_a_function_makes_has_no_state_but_that_of_its_files(tmp_path):
    (tmp_path / 'list.txt').write_text('a')
    train = dict(type='make_images', data_root=str(tmp_path), split='train')
    assert state(train) == {}
    assert set(state({**train, 'ann_file': 'list.txt'})) == {'learnt', 'tested'}


def test_edited_data_change_the_key_and_results_from_before_keep_theirs(tmp_path):
    def plan_of(**data):
        detector = Cell('a', 'detect', 'a', 'a.py', 'hash', data=data)
        return Plan.of(tmp_path, tmp_path, [detector, Cell('b', 'detect', 'b', needs=('a',))])

    def keys(plan):
        return [cell.key for cell in plan.cells.values()]

    old = plan_of()  # of a version that did not look at data
    for name in old.cells:
        write_json(old.result_file(name), {})
    first = plan_of(learnt='1', tested='1')
    assert keys(first) == keys(old) and first.results()
    first.remember_data()
    edited = plan_of(learnt='2', tested='1')
    edited.remember_data()
    assert not set(keys(edited)) & set(keys(first)) and not edited.results()
    assert 'a: its config, options, measures or data have changed' in why(edited)
    assert keys(plan_of(learnt='1', tested='2')) not in (keys(first), keys(edited))
    assert keys(plan_of(learnt='1', tested='1')) == keys(old)


def test_a_training_is_another_one_for_what_it_learns_from_alone():
    cell = Cell('a', 'detect', 'a', config_hash='x', data={'learnt': '1', 'tested': '1'})
    first = fingerprint(cell, {})
    assert fingerprint(replace(cell, edited={'tested': '2'}), {}) == first
    assert fingerprint(replace(cell, edited={'learnt': '2'}), {}) != first


DETECTOR = """
_base_ = '{root}/configs/sweeps/faster_rcnn_digits.py'
train_dataloader = dict(dataset=dict(_delete_=True, **{train}, pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(_delete_=True, **{val}, pipeline=_base_.test_pipeline))
test_dataloader = dict(dataset=dict(_delete_=True, **{test}, pipeline=_base_.test_pipeline))
val_evaluator = dict(ann_file='{folder}/val/ann.json')
test_evaluator = dict(ann_file='{folder}/test/ann.json')
"""
FIELDS = {
    'sweep': """
detector = 'detector.py'
metric = 'coco/bbox_mAP'
images = {4: None}
images_key = 'train_dataloader.dataset.indices'
seeds = 1
settings = {'plain': {}}
""",
    'transfer': """
methods = {'from scratch': None}
detectors = {'R-CNN': dict(config='detector.py', metrics={'mAP': 'coco/bbox_mAP'})}
seeds = 1
""",
}


@pytest.fixture
def detector(tmp_path):
    """A config with a training, a validation and a test set of its own."""
    sets = {name: coco_with(tmp_path / name) for name in ('train', 'val', 'test')}
    path = tmp_path / 'detector.py'
    path.write_text(DETECTOR.format(root=ROOT, folder=tmp_path, **sets))
    return path


@pytest.mark.parametrize(('kind', 'load'), [('sweep', load_sweep), ('transfer', load_experiment)])
@pytest.mark.parametrize('name', ['train', 'val', 'test'])
def test_edited_annotations_of_ones_own_are_trained_or_tested_again(detector, kind, load, name):
    folder = detector.parent
    (folder / 'mine.py').write_text(FIELDS[kind])

    def plan():
        forget()
        return load(folder / 'mine.py').plan(folder / 'work')

    first = plan()
    first.remember_data()
    assert plan().cells == first.cells
    edit(folder / name / 'ann.json', '[1, 2, 3, 4]', '[1, 2, 3, 5]')
    (before,), (after,) = first.cells.values(), plan().cells.values()
    assert before.key != after.key and set(after.edited) == {'tested' if name == 'test' else 'learnt'}


@pytest.mark.parametrize('place', ['train/cat', 'ood'])
def test_images_that_are_added_are_compared_again(tmp_path, place):
    for folder in ('train/cat', 'train/dog', 'test/cat', 'test/dog', 'ood'):
        (tmp_path / folder).mkdir(parents=True)
        Image.new('RGB', (4, 4)).save(tmp_path / folder / '0.png')
    base = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'
    sets = {
        f'{name}_dataloader': dict(
            dataset=dict(_delete_=True, type='ImageFolderDataset', data_root=str(tmp_path), split=split)
        )
        for name, split in (('train', 'train'), ('val', 'test'), ('test', 'test'))
    }
    text = '\n'.join(f'{key} = {value!r}' for key, value in sets.items())
    (tmp_path / 'classifier.py').write_text(f'_base_ = {str(base)!r}\n{text}\n')
    (tmp_path / 'mine.py').write_text(
        "methods = {'ce': dict(config='classifier.py', candidates={'recipe': {}})}\n"
        f"images_per_class = (1,)\nseeds = 1\nood = {{'mine': {str(tmp_path / 'ood')!r}}}\n"
    )

    def plan():
        forget()
        return comparison_plan(load_comparison(tmp_path / 'mine.py'), tmp_path / 'work')

    first = plan()
    first.remember_data()
    assert plan().cells == first.cells
    Image.new('RGB', (4, 4)).save(tmp_path / place / '1.png')
    (before,), (after,) = first.cells.values(), plan().cells.values()
    assert before.key != after.key and set(after.edited) == {'ood' if place == 'ood' else 'learnt'}


def test_a_cell_refuses_data_and_configs_that_were_edited_after_it_was_planned(detector):
    folder = detector.parent
    (folder / 'mine.py').write_text(FIELDS['sweep'])
    (cell,) = load_sweep(folder / 'mine.py').plan(folder / 'work').cells.values()
    write_json(folder / 'run.json', {})
    training = Training(cell, Path(folder), dict(cell.options), 1, ())
    training.check_unchanged()
    edit(folder / 'train/ann.json', '[1, 2, 3, 4]', '[1, 2, 3, 5]')
    with pytest.raises(ValueError, match=r'data or weights of .*detector\.py have changed since the experim'):
        training.check_unchanged()
    edit(folder / 'train/ann.json', '[1, 2, 3, 5]', '[1, 2, 3, 4]')
    training.check_unchanged()
    # As somebody may while it trains: what tests it reads the config again.
    with detector.open('a') as file:
        file.write('model = dict(test_cfg=dict(rcnn=dict(score_thr=0.9)))\n')
    with pytest.raises(ValueError, match=r'detector\.py has changed since the experiment was started'):
        training.check_unchanged()


LOADED = [
    dict(load_from='{path}'),
    dict(model=dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='{path}')))),
    dict(model=dict(neck=dict(init_cfg=[dict(type='Xavier'), dict(type='Pretrained', checkpoint='{path}')]))),
]


@pytest.mark.parametrize('loaded', LOADED, ids=['load_from', 'backbone', 'neck'])
def test_weights_that_were_exported_again_are_another_start(tmp_path, loaded):
    path = tmp_path / 'weights.pth'
    cfg = Config(json.loads(json.dumps(loaded).replace('{path}', str(path))))
    assert data_state(cfg) == {}  # the checks name a file that is missing
    states = []
    for content in (b'1', b'2', b'1'):
        path.write_bytes(content)
        forget()
        states.append(data_state(cfg))
    assert states[0] == states[2] != states[1] and set(states[0]) == {'loaded'}
    assert data_state(cfg, made=(str(path),)) == {}  # by a cell, whose key counts


def test_weights_of_ones_own_that_change_are_trained_from_again(detector):
    folder = detector.parent
    (folder / 'mine.py').write_text(FIELDS['sweep'])
    (folder / 'weights.pth').write_bytes(b'1')
    with detector.open('a') as file:
        file.write(f"load_from = '{folder / 'weights.pth'}'\n")

    def plan():
        forget()
        return load_sweep(folder / 'mine.py').plan(folder / 'work')

    first = plan()
    (name,) = first.cells
    # An older version has remembered the data alone: its results keep their keys.
    write_json(folder / 'work' / f'{name}.data.json', {'learnt': first.cells[name].data['learnt']})
    first.remember_data()
    assert plan().cells == first.cells
    (folder / 'weights.pth').write_bytes(b'2')
    (before,), (after,) = first.cells.values(), plan().cells.values()
    assert before.key != after.key and set(after.edited) == {'loaded'}
    assert fingerprint(before, {}) != fingerprint(after, {})


def test_a_result_names_the_code_that_trained_and_the_code_that_measured(detector):
    folder = detector.parent
    (folder / 'mine.py').write_text(FIELDS['sweep'])
    (cell,) = load_sweep(folder / 'mine.py').plan(folder / 'work').cells.values()
    known = {'seconds': 1.0, 'processes': [1]}

    def record(**state):
        write_json(folder / 'run.json', {**known, **state})
        return Training(cell, Path(folder), dict(cell.options), 1, ()).record()

    today = record()['made_with']  # a folder of an older version does not say it
    assert record(made_with=today) == {**known, 'made_with': today}
    assert record(made_with={'torch': '1'}) == {**known, 'made_with': {'torch': '1'}, 'measured_with': today}


def test_what_is_measured_is_the_last_checkpoint_of_this_folder(detector):
    """Not that of the work dir it was copied from, and no earlier one in its place."""
    folder = detector.parent
    (folder / 'mine.py').write_text(FIELDS['sweep'])
    (cell,) = load_sweep(folder / 'mine.py').plan(folder / 'work').cells.values()
    write_json(folder / 'run.json', {'trained': True})
    training = Training(cell, Path(folder), dict(cell.options), 1, ())
    first = folder / 'first'
    first.mkdir()
    (first / 'last_checkpoint').write_text(str(first / 'iter_2.pth'))  # by which a work dir is known
    for path in (first / 'iter_2.pth', folder / 'iter_1.pth', folder / 'iter_2.pth'):
        torch.save({'state_dict': {}, 'optimizer': {}}, path)
    for name in (folder / 'iter_2.pth', first / 'iter_2.pth', 'gone/iter_2.pth'):
        (folder / 'last_checkpoint').write_text(str(name))
        assert training.checkpoint == folder / 'iter_2.pth'
    (folder / 'iter_2.pth').write_bytes(b'')
    with pytest.raises(
        FileNotFoundError, match=r'is trained, but its last checkpoint .*iter_2\.pth. is empty'
    ):
        training.checkpoint  # noqa: B018
    (folder / 'iter_2.pth').unlink()
    with pytest.raises(FileNotFoundError, match='does not exist; put it back, or delete the folder to train'):
        training.checkpoint  # noqa: B018


@pytest.mark.parametrize(
    'log', ['{"time": 0.1, "step": 1}', '{"calibration/lrp": 1.0, "step": 1}'], ids=['nothing', 'calibration']
)
def test_a_detector_that_finds_nothing_has_a_result_whatever_else_measures_it(detector, log):
    folder = detector.parent
    with detector.open('a') as file:
        file.write("val_evaluator = [_base_.val_evaluator, dict(type='DetCalibration')]\n")
    (folder / 'mine.py').write_text(FIELDS['sweep'])
    (cell,) = load_sweep(folder / 'mine.py').plan(folder / 'work').cells.values()
    write_json(folder / 'run.json', {'trained': True, 'seconds': 1.0, 'processes': [1]})
    scalars = folder / '20260101_000000/vis_data/scalars.json'
    scalars.parent.mkdir(parents=True)
    scalars.write_text('{"loss": 1.0, "step": 1}\n' + log + '\n')
    training = Training(cell, Path(folder), dict(cell.options), 1, ())
    found = work(training, {'metric': cell.settings['metric'], 'validated': True})
    assert found['coco/bbox_mAP'] == 0
