"""The picture of what was mixed: where it lands, what it shows, and that training does not notice it."""

import copy
import itertools
import re

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.hooks import Hook
from mmengine.model import revert_sync_batchnorm
from mmengine.runner import Runner
from tiny_detectors import samples, tiny_model
from torch import nn
from torch.utils.data import Dataset

from mmdet_multimix.engine.hooks import visualization_hook as hooks
from mmdet_multimix.models import MultiMix
from mmdet_multimix.models.detection import DetectionMultiMix
from mmdet_multimix.models.detection.example_choice import mixed_weights
from mmdet_multimix.visualization.mixed_tuples import MixedTuple, draw_mixed_tuples

CLASSES = ('cat', 'dog', 'a very long class name', 'bird', 'fish')


RUNS = itertools.count()


class Images(Dataset):
    metainfo = dict(classes=CLASSES)

    def __init__(self, name):
        self.samples = [*samples(name, (3, 1)), *samples(name, (0, 2)), *samples(name, (0, 0))]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return copy.deepcopy(self.samples[index])


class Digits(Dataset):
    """Images of one colour, which tells their label."""

    metainfo = dict(classes=CLASSES)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        colour = torch.tensor([[[250]], [[index * 20]], [[5]]], dtype=torch.uint8)
        return dict(inputs=colour.expand(3, 32, 32).clone(), gt_label=torch.tensor(index % 5))


class Losses(Hook):
    priority = 'LOWEST'

    def __init__(self):
        self.seen = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append({key: value.item() for key, value in outputs.items()})


def train(
    folder,
    model,
    dataset,
    *custom_hooks,
    collate='pseudo_collate',
    batch_size=2,
    backends=('LocalVisBackend',),
):
    probe = Losses()
    torch.manual_seed(0)
    runner = Runner(
        model=revert_sync_batchnorm(MODELS.build(copy.deepcopy(model))),
        work_dir=str(folder),
        train_dataloader=dict(
            dataset=dataset,
            batch_size=batch_size,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type=collate),
        ),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        custom_hooks=[*custom_hooks, probe],
        default_hooks=dict(checkpoint=None, logger=dict(type='LoggerHook', interval=1)),
        visualizer=dict(type='Visualizer', vis_backends=[dict(type=backend) for backend in backends]),
        default_scope='mmdet',
        randomness=dict(seed=0),
        log_level='WARNING',
        experiment_name=f'{folder.name}_{next(RUNS)}',  # runs of one name in one second share a visualizer
    )
    runner.train()
    pictures = {path.name: cv2.imread(str(path)) for path in folder.glob('*/vis_data/vis_image/*.png')}
    return probe.seen, runner.model.state_dict(), pictures


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(Runner, '_log_env', lambda *args: None)
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


@pytest.mark.parametrize(
    ('name', 'among'),
    [
        ('faster_rcnn_fpn', 'class_balanced'),
        ('cascade_rcnn', 'all'),
        ('retinanet', 'balanced'),
        ('ssd300', 'all'),
    ],
)
def test_training_is_the_same_to_the_bit_with_pictures(name, among, tmp_path):
    mixing = dict(type='MultiMixHook', n=20, among=among)
    drawing = dict(type='MultiMixVisualizationHook', interval=1, num_tuples=2, num_examples=3)
    dataset, model = Images(name), tiny_model(name)
    plain, weights, nothing = train(tmp_path / 'plain', model, dataset, mixing)
    drawn, same, pictures = train(tmp_path / 'drawn', model, dataset, drawing, mixing)
    assert drawn == plain and not nothing
    assert all(torch.equal(weights[key], same[key]) for key in weights)
    assert pictures and all(picture.shape[1] == 1000 for picture in pictures.values())
    stages = {re.sub(r'_\d+\.png', '', key) for key in pictures}
    cascade = {f'multimix_roi_head_bbox_head_{stage}' for stage in range(3)}
    assert stages == (cascade if name == 'cascade_rcnn' else {'multimix'})


def test_scalars_and_pictures_reach_other_backends_too(tmp_path):
    """Through mmengine's visualizer alone, so that WandB's and MLflow's get what TensorBoard's gets."""
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    hooks = (dict(type='MultiMixHook', n=20, interval=1), dict(type='MultiMixVisualizationHook', interval=1))
    backends = ('LocalVisBackend', 'TensorboardVisBackend')
    _, _, pictures = train(tmp_path, tiny_model('retinanet'), Images('retinanet'), *hooks, backends=backends)
    (events,) = tmp_path.glob('*/vis_data/events.out.tfevents.*')
    read = EventAccumulator(str(events)).Reload()
    tags = read.Tags()
    ours = {'loss_multimix', 'multimix_weight', 'multimix_examples', 'multimix_signal'}
    assert ours <= set(tags['scalars']) and tags['images'] == ['multimix']
    assert all(map(read.Scalars, ours)) and 0 < len(pictures) == len(read.Images('multimix'))


@pytest.fixture
def shown(monkeypatch):
    """The tuples and the title of each picture that is drawn."""
    found, draw = [], draw_mixed_tuples
    monkeypatch.setattr(
        hooks,
        'draw_mixed_tuples',
        lambda tuples, title: found.append((tuples, title)) or draw(tuples, title=title),
    )
    return found


def classifier(kind, method=None, **multimix):
    return dict(
        type='ImageClassifier',
        data_preprocessor=dict(type='ImgDataPreprocessor', mean=[120.0, 110, 100], std=[60.0, 50, 40]),
        backbone=dict(type='ResNet', depth=18, base_channels=8, norm_eval=False),
        head=dict(type=kind, num_classes=5, in_channels=64, multimix=dict(n=20, **multimix)),
        method=method,
    )


@pytest.mark.parametrize(
    ('method', 'examples'),
    [(dict(type='InputMixup', alpha=1e6, K=3), 12), (dict(type='ManifoldMixup', alpha=1e6), 4)],
    ids=['input', 'manifold'],
)
@pytest.mark.parametrize('logged', [False, True])
def test_what_a_method_has_mixed_already_is_not_shown_as_an_image(method, examples, logged, tmp_path, shown):
    model = classifier('MultiMixHead', method, ess=2)
    drawing = dict(type='MultiMixVisualizationHook', interval=2, num_tuples=3, num_examples=2)
    logging = [dict(type='MultiMixScheduleHook', interval=1)] if logged else []
    options = dict(collate='default_collate', batch_size=4)
    train(tmp_path, model, Digits(), drawing, *logging, **options)
    ((tuples, title),) = shown
    assert f'{examples} examples' in title
    for item in tuples:
        assert item.crops == [None] * len(item.crops)
        # Halves of two labels at least, where the clean images have one.
        assert max(item.target.values()) < 0.9 or len(item.target) > 1


@pytest.mark.parametrize('kind', ['MultiMixHead', 'DenseMultiMixHead'])
def test_a_classifier_shows_its_images_in_their_colours(kind, tmp_path, shown):
    model = classifier(kind, alpha=0.2)
    hook = dict(type='MultiMixVisualizationHook', interval=2, num_tuples=3, num_examples=2)
    options = dict(collate='default_collate', batch_size=4)
    _, _, pictures = train(tmp_path, model, Digits(), hook, **options)
    assert list(pictures) == ['multimix_2.png'] and len(shown) == 1
    tuples, title = shown[0]
    assert ('before attention' in title) == (kind == 'DenseMultiMixHead') and 'iteration 2: 4 ex' in title
    for item in tuples:
        assert len(item.crops) == 2 and item.num_examples == 4
        assert sum(item.target.values()) == pytest.approx(1)
        for crop, name, weight in zip(item.crops, item.names, item.weights, strict=True):
            assert crop.shape == (32, 32, 3) and crop[0, 0, 0] == 250 and crop[0, 0, 2] == 5
            assert name == CLASSES[crop[0, 0, 1] // 20 % 5]
            assert item.target[name] >= weight - 1e-6


def test_crops_are_the_boxes_of_the_examples_of_the_shown_class(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr(
        hooks,
        'draw_mixed_tuples',
        lambda tuples, title: shown.append(tuples) or np.zeros((2, 2, 3), np.uint8),
    )
    dataset = Images('faster_rcnn_fpn')
    for sample in dataset.samples:  # every object filled with the colour of its label, blue being first
        sample['inputs'][:] = 0
        objects = sample['data_samples'].gt_instances
        for (x1, y1, x2, y2), label in zip(objects.bboxes.int().tolist(), objects.labels, strict=True):
            sample['inputs'][0, y1 : y2 + 1, x1 : x2 + 1] = 40 * (int(label) + 1)
    dataset.samples = dataset.samples[:1]
    objects = dataset.samples[0]['data_samples'].gt_instances
    dataset.samples[0]['data_samples'].gt_instances = objects[:1]  # no other covers it
    label, box = int(objects.labels[0]), objects.bboxes[0].int().tolist()
    dataset.samples[0]['inputs'][:] = 0
    dataset.samples[0]['inputs'][0, box[1] : box[3] + 1, box[0] : box[2] + 1] = 200
    mixing = dict(type='MultiMixHook', n=9, among='foreground')
    hook = dict(type='MultiMixVisualizationHook', interval=1, num_tuples=2)
    train(tmp_path, tiny_model('faster_rcnn_fpn'), dataset, mixing, hook, batch_size=1)
    for item in shown[0]:
        assert set(item.target) == set(item.names) == {CLASSES[label]}
        for crop in item.crops:
            # The assigner's boxes overlap the object's by half, and mmdet's first channel is blue.
            assert (crop[..., 2] == 200).mean() > 0.45 and crop[..., :2].max() <= 1


INF = float('inf')


@pytest.mark.parametrize(
    ('box', 'rows', 'columns'),
    [
        ((8, 2, 16, 12), (2, 12), (8, 16)),
        ((-50, -50, -1, 12), None, None),
        ((40, 3, 60, 9), None, None),
        ((3, 30, 9, 31), None, None),
        ((-50, 4, 7, 60), (4, 30), (0, 7)),
        ((-1e9, -1e30, 1e9, INF), (0, 30), (0, 40)),
        ((-INF, 5, INF, 9.4), (5, 9), (0, 40)),
        ((39.8, 29.9, 41, 35), (26, 30), (36, 40)),
        ((10, 10, 10, 10), (10, 14), (10, 14)),
        ((INF, 2, INF, 9), None, None),
    ],
)
def test_a_crop_is_the_part_of_a_box_inside_its_image(box, rows, columns):
    image = torch.arange(3 * 30 * 40).reshape(3, 30, 40) % 251
    model = nn.Identity()
    model.data_preprocessor = nn.Identity()
    crop = hooks._crop(model, image[None], torch.tensor([[0, *box]]), 0)
    assert (crop is None) == (rows is None)
    if rows:
        expected = image[:, slice(*rows), slice(*columns)].byte().permute(1, 2, 0).numpy()
        assert np.array_equal(crop, expected)


def test_a_crop_of_repeated_images_and_of_images_that_are_not_at_hand():
    images = torch.arange(2).view(2, 1, 1, 1).expand(2, 3, 8, 8) * 100
    model = nn.Identity()
    model.data_preprocessor = nn.Identity()
    for index in range(6):  # TridentNet has three branches
        crop = hooks._crop(model, images, torch.tensor([[index, 0.0, 0, 8, 8]]), 0)
        assert (crop == index % 2 * 100).all()
    assert hooks._crop(model, dict(sup=images), torch.tensor([[0.0, 0, 0, 8, 8]]), 0) is None
    assert hooks._crop(model, None, torch.tensor([[0.0, 0, 0, 8, 8]]), 0) is None


@pytest.mark.parametrize('fault', ['disk', 'box', 'names'])
def test_a_picture_that_fails_is_one_warning(fault, tmp_path, monkeypatch):
    name = 'faster_rcnn_fpn'
    dataset, model = Images(name), tiny_model(name)
    mixing = dict(type='MultiMixHook', n=20, among='all')
    drawing = dict(type='MultiMixVisualizationHook', interval=1)
    plain, weights, _ = train(tmp_path / 'plain', model, dataset, mixing)
    said = []
    monkeypatch.setattr('mmengine.logging.MMLogger.warning', lambda self, text, *args: said.append(text))
    if fault == 'disk':

        def add_image(*args, **kwargs):
            raise OSError(28, 'No space left on device')

        monkeypatch.setattr('mmengine.visualization.Visualizer.add_image', add_image)
    elif fault == 'box':
        monkeypatch.setattr(hooks, '_crop', lambda *args: np.zeros((4, 4, 3, 3))[5])
    else:
        dataset.metainfo = None
    seen, same, pictures = train(tmp_path / 'drawn', model, dataset, mixing, drawing)
    assert seen == plain and len(seen) > 1 and not pictures
    assert all(torch.equal(weights[key], same[key]) for key in weights)
    (line,) = [text for text in said if 'no picture' in text]
    assert 'in iteration 1: ' in line and 'roi_head.bbox_head' in line
    assert {'disk': 'No space left', 'box': 'IndexError', 'names': 'AttributeError'}[fault] in line


def test_a_class_name_is_no_formula():
    item = MixedTuple([None], ['$5 and $'], [1.0], 1, {'a$b$': 0.6, r'$\frac$': 0.4})
    assert draw_mixed_tuples([item], title='Dollars').shape[1] == 1000


def test_weights_are_those_of_each_group():
    module = DetectionMultiMix(among='all', within_image=True, m=3, alpha=1.0)
    module.losses(torch.randn(10, 4), torch.arange(10) % 4, origins=torch.tensor([[0.0]] * 8 + [[1.0]] * 2))
    state = torch.get_rng_state()
    weights = mixed_weights(module, 10, 500)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.allclose(weights.sum(dim=1), torch.ones(500))
    first, second = weights[:, :8].sum(dim=1) > 0, weights[:, 8:].sum(dim=1) > 0
    assert not (first & second).any() and first.sum() == 400
    assert set((weights[first] > 0).sum(dim=1).tolist()) == {3}
    assert set((weights[second] > 0).sum(dim=1).tolist()) == {2}


def test_what_is_not_at_hand_is_grey():
    item = MixedTuple([None, np.full((4, 9, 3), 200, np.uint8)], ['cat', 'dog'], [0.7, 0.2], 9, {'cat': 1.0})
    picture = draw_mixed_tuples([item, item], title='Nothing')
    assert picture.shape[1:] == (1000, 3) and picture.dtype == np.uint8
    assert (picture == 238).all(axis=2).sum() > 5000


def test_models_without_multimix():
    runner = type('Runner', (), dict(model=nn.Linear(1, 1)))
    with pytest.raises(ValueError, match='nothing to draw'):
        hooks.MultiMixVisualizationHook().before_train(runner)
    runner.model = nn.Sequential(MultiMix(), DetectionMultiMix())
    hooks.MultiMixVisualizationHook().before_train(runner)
