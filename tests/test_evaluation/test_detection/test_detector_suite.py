"""A whole evaluation of a detector, apart from the command line and from a network worth the name."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.models.detectors.base import BaseDetector
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from PIL import Image
from tiny_sets import write_coco, write_voc
from tolerances import TOLERANCE

from mmdet_multimix.datasets.digits_detection import write_digits_detection
from mmdet_multimix.evaluation.detection import coco_ground_truth, inference, match, measure_detections
from mmdet_multimix.evaluation.detection.data import contents, ground_truth, shortest_side
from mmdet_multimix.evaluation.detection.inference import Predictor
from mmdet_multimix.evaluation.detection.report import write_detection_report
from mmdet_multimix.evaluation.detection.settings import DetectionSettings
from mmdet_multimix.evaluation.detection.suite import DetectorEvaluation
from mmdet_multimix.utils.progress import Progress

CLOSE = TOLERANCE[torch.float64]
LOADER = dict(batch_size=3, num_workers=0, persistent_workers=False)
PART = 20  # images in a file, so that few images are several files
IMAGES = 2 * PART + 7


class NoisyDetector(BaseDetector):
    """Finds the objects that the pipeline loaded, the worse the more an image differs from a smooth one.

    What it gives depends on the pixels alone, so that any change of them shows.
    """

    def __init__(self):
        super().__init__()
        self.seen = 0

    def predict(self, batch_inputs, batch_data_samples):
        self.seen += len(batch_data_samples)
        return [
            self.find(image, sample) for image, sample in zip(batch_inputs, batch_data_samples, strict=True)
        ]

    def find(self, image, sample):
        rng = np.random.default_rng(int(image.sum()))
        known = sample.gt_instances
        there = 'labels' in known  # not without LoadAnnotations
        boxes = known.bboxes.tensor.numpy() if there else np.zeros((0, 4))
        labels = known.labels.numpy() if there else np.zeros(0)
        boxes = np.concatenate([boxes + rng.normal(0, 2, boxes.shape), [[0, 0, 20, 20]]])
        labels = np.append(labels, rng.integers(10))
        sample.pred_instances = InstanceData(
            bboxes=torch.from_numpy(boxes).float(),
            labels=torch.from_numpy(labels).long(),
            scores=torch.from_numpy(rng.uniform(0, 1, len(boxes))).float(),
        )
        return sample

    def test_step(self, batch):
        return self.predict([image.float() for image in batch['inputs']], batch['data_samples'])

    def _forward(self, *args, **kwargs): ...
    def extract_feat(self, *args, **kwargs): ...
    def loss(self, *args, **kwargs): ...


PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(96, 96), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'ori_shape')),
]


def build(kind, root, **options):
    init_default_scope('mmdet')
    dataset = DATASETS.build(
        dict(type=kind, data_root=f'{root}/', test_mode=True, pipeline=PIPELINE, **options)
    )
    dataset.full_init()
    return dataset


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    root = tmp_path_factory.mktemp('digits')
    write_digits_detection(root, num_train=12, num_val=IMAGES)
    (root / 'noise').mkdir()
    for index in range(9):
        Image.effect_noise((50 + index, 40), 80).convert('RGB').save(root / 'noise' / f'{index}.png')

    def split(name):
        metainfo = dict(classes=tuple('0123456789'))
        ann_file, prefix = f'annotations/{name}.json', dict(img=f'{name}/')
        return build('CocoDataset', root, metainfo=metainfo, ann_file=ann_file, data_prefix=prefix)

    return SimpleNamespace(root=root, val=split('val'), train=split('train'))


def evaluate(digits, folder, settings, loader=LOADER, fit_set=None, identity=()):
    model = NoisyDetector()
    predictor = Predictor(model, loader, folder / 'predictions', identity, 10)
    evaluation = DetectorEvaluation(predictor, digits.val, settings, fit_set)
    with Progress(evaluation.steps) as progress:
        return evaluation.run(progress), model


@pytest.fixture(autouse=True, scope='module')
def _small_parts():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, 'PART', PART)
        yield


SHORT = dict(corruptions=('contrast', 'shot_noise'), severities=(1, 5), corrupted_images=20)


@pytest.fixture(scope='module')
def whole(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    settings = DetectionSettings(ood={'noise': digits.root / 'noise'}, **SHORT)
    results, model = evaluate(digits, folder, settings)
    assert model.seen == IMAGES + 9 + 4 * 20
    return SimpleNamespace(folder=folder, settings=settings, results=results)


def test_a_report_with_all_measures(whole):
    results, folder = whole.results, whole.folder
    facts = {'config': 'a/tiny.py', 'versions': {'torch': '2'}, 'epoch': None}
    files = write_detection_report(folder, results, facts)
    report = json.loads((folder / 'report.json').read_text())  # strict: no NaN
    measures = report['measures']
    for name in ('d_ece', 'laece', 'lrp', 'mpc', 'rpc', 'olrp_50'):
        assert 0 < measures[name] < 1.2, name
    table = measures['corruptions']
    assert set(table['types']) == {'contrast', 'shot_noise'} and table['images'] == 20
    every = [ap['mAP'] for row in table['types'].values() for ap in row.values()]
    assert measures['mpc'] == pytest.approx(np.mean(every), abs=CLOSE)
    assert measures['rpc'] == pytest.approx(np.mean(every) / table['clean']['mAP'], abs=CLOSE)
    assert set(measures['post_hoc']) == {'none', 'temperature', 'isotonic'}
    assert measures['post_hoc']['isotonic']['d_ece'] < 0.7 * measures['post_hoc']['none']['d_ece']
    assert measures['post_hoc']['none']['d_ece'] == pytest.approx(measures['d_ece'], abs=CLOSE)
    assert set(measures['classes']) == set(measures['ap']['classes']) == set('0123456789')
    assert sum(row['detections'] for row in measures['bins']['precision']) > 100

    text = (folder / 'report.md').read_text()
    assert f'| D-ECE (score ≥ 0.3, IoU 0.5) | {measures["d_ece"]:.4f} |' in text
    assert f'| mPC, mean AP under corruption | {measures["mpc"]:.4f} |' in text
    assert '| noise | 9 |' in text and '| corruption | severity 1 | severity 5 | mean |' in text
    pictures = {path.name for path in files if path.suffix == '.png'}
    assert pictures == {
        f'{name}.png'
        for name in (
            'reliability',
            'reliability_iou',
            'reliability_classes',
            'post_hoc',
            'corruptions',
            'ood',
        )
    }
    for name in pictures:
        assert f'({name})' in text
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 250 and np.asarray(picture.convert('L')).std() > 10
    names = {
        f'{method}_{target}' for method in ('temperature', 'isotonic') for target in ('precision', 'iou')
    }
    assert {path.stem for path in (folder / 'calibrators').glob('*.json')} == names


def test_clean_images_are_measured_as_mmdet_reads_them(whole, digits):
    """The boxes found come back from the files, and are those of the objects of COCO's own file."""
    truth, places = ground_truth(digits.val)
    coco = json.loads((digits.root / 'annotations/val.json').read_text())
    other = coco_ground_truth(coco)
    assert truth.names == other.names and (truth.boxes == other.boxes).all()
    model = NoisyDetector()
    found = []
    for index in range(0, IMAGES, 10):
        item = digits.val[index]
        sample = model.find(item['inputs'].float(), item['data_samples']).pred_instances
        boxes = sample.bboxes.double().numpy()
        found.append((places[index], boxes[:, 2] - boxes[:, 0], sample.scores.double().numpy()))
    matches = whole.results.clean.matches
    for image, _, scores in found:
        assert sorted(matches.scores[matches.images == image]) == sorted(scores)


def test_confident_detections_of_images_without_objects(whole, digits):
    model, seen = NoisyDetector(), []
    from mmdet_multimix.evaluation.detection.data import FolderDetectionImages

    for item in FolderDetectionImages(digits.root / 'noise', digits.val):
        seen.append(model.find(item['inputs'].float(), item['data_samples']).pred_instances.scores)
    row = whole.results.measures['ood']['noise']
    confident = [float((scores >= 0.3).sum()) for scores in seen]
    assert row['images'] == 9 and row['per_image'] == pytest.approx(sum(confident) / 9)
    assert row['images_with'] == pytest.approx(np.mean([count > 0 for count in confident]))
    assert row['share'] == pytest.approx(sum(confident) / sum(map(len, seen)))
    assert 50 < row['auroc'] <= 100  # one box instead of several: its highest score is lower
    assert whole.results.measures['ood']['test images']['images'] == IMAGES


def test_a_second_run_reads_what_is_there_and_mends_what_is_not(whole, digits, tmp_path):
    results, model = evaluate(digits, whole.folder, whole.settings)
    assert model.seen == 0
    assert json.dumps(results.measures) == json.dumps(whole.results.measures)

    parts = sorted((whole.folder / 'predictions').glob('test_*/*.npz'))
    assert [int(path.stem) for path in parts] == [0, PART, 2 * PART]
    parts[0].unlink()
    parts[2].write_bytes(parts[2].read_bytes()[:-50])
    results, model = evaluate(digits, whole.folder, whole.settings)
    assert model.seen == PART + 7
    assert json.dumps(results.measures) == json.dumps(whole.results.measures)


def test_batches_and_workers_do_not_matter_and_other_weights_are_not_mistaken(whole, digits, tmp_path):
    loader = dict(LOADER, batch_size=8, num_workers=1, persistent_workers=True, drop_last=True)
    results, model = evaluate(digits, tmp_path, whole.settings, loader)
    assert json.dumps(results.measures) == json.dumps(whole.results.measures)
    _, model = evaluate(digits, tmp_path, DetectionSettings(('ap',)), identity=['other weights'])
    assert model.seen == IMAGES
    _, model = evaluate(digits, tmp_path, DetectionSettings(('corruptions',), **SHORT, seed=1))
    assert model.seen == 2 * 2 * 20


@pytest.fixture
def own(tmp_path):
    """A set that a test may change, and how many images an evaluation of it runs the detector on, and AP."""
    write_digits_detection(tmp_path / 'set', num_train=6, num_val=6)
    (tmp_path / 'set/noise').mkdir()
    for index in range(2):
        Image.effect_noise((50, 40), 80).convert('RGB').save(tmp_path / f'set/noise/{index}.png')

    def split(name):
        metainfo = dict(classes=tuple('0123456789'))
        ann_file, prefix = f'annotations/{name}.json', dict(img=f'{name}/')
        return build(
            'CocoDataset', tmp_path / 'set', metainfo=metainfo, ann_file=ann_file, data_prefix=prefix
        )

    def seen():
        settings = DetectionSettings(
            ood={'noise': tmp_path / 'set/noise'}, corruptions=('contrast',), severities=(1,)
        )
        sets = SimpleNamespace(val=split('val'))
        results, model = evaluate(sets, tmp_path, settings, fit_set=split('train'))
        return model.seen, results.measures['ap']['mAP']

    return SimpleNamespace(root=tmp_path / 'set', split=split, seen=seen)


def rewrite(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_what_was_found_in_another_order_of_the_images_is_not_taken(own):
    seen, ap = own.seen()
    assert seen == 6 + 6 + 2 + 6 and own.seen() == (0, ap)
    rewrite(own.root / 'annotations/val.json', lambda coco: coco['images'].reverse())
    seen, again = own.seen()
    assert seen == 6 + 6 and again == pytest.approx(ap, abs=CLOSE)


def test_what_was_found_in_an_image_that_was_written_anew_is_not_taken(own):
    own.seen()
    for name, count in (('val/00000.png', 6 + 6), ('train/00000.png', 6), ('noise/0.png', 2)):
        path = own.root / name
        Image.effect_noise((50, 40), 90).convert('RGB').resize(Image.open(path).size).save(path)
        assert own.seen()[0] == count, name
    assert own.seen()[0] == 0


def test_boxes_that_were_corrected_do_not_need_another_run_of_the_detector(own):
    own.seen()
    rewrite(own.root / 'annotations/val.json', lambda coco: coco['annotations'].pop())
    assert own.seen()[0] == 0


def test_calibration_fitted_to_another_set(digits, tmp_path):
    settings = DetectionSettings(('calibration', 'post_hoc'))
    results, model = evaluate(digits, tmp_path, settings, fit_set=digits.train)
    assert model.seen == IMAGES + 12
    assert set(results.measures['post_hoc']) == {'none', 'temperature', 'isotonic'}
    assert 'ap' not in results.measures and 'mpc' not in results.measures
    halves, _ = evaluate(digits, tmp_path, settings)
    assert halves.measures['post_hoc'] != results.measures['post_hoc']
    write_detection_report(tmp_path, results, {})
    assert 'AP' not in (tmp_path / 'report.md').read_text().split('calibrated')[0]


@pytest.mark.parametrize('measures', [('ap',), ('ood',), ('post_hoc',)])
def test_a_report_holds_only_what_was_measured(digits, whole, tmp_path, measures):
    results, _ = evaluate(digits, whole.folder, DetectionSettings(measures))
    files = write_detection_report(tmp_path, results, {})
    assert ('d_ece' in results.measures) is False and ('ap' in results.measures) == (measures == ('ap',))
    assert len([path for path in files if path.suffix == '.png']) == (measures == ('post_hoc',))


def test_objects_of_coco_with_crowds_and_absent_classes(tmp_path):
    write_coco(tmp_path)
    dataset = build(
        'CocoDataset',
        tmp_path,
        ann_file='annotations/instances_val2017.json',
        data_prefix=dict(img='val2017/'),
    )
    truth, places = ground_truth(dataset)
    assert len(truth.names) == 80 and len(truth.image_ids) == 4 and places.tolist() == [0, 1, 2, 3]
    assert truth.crowd.sum() == 3 and sorted(set(truth.labels.tolist())) == [0, 79]
    some = build(
        'CocoDataset',
        tmp_path,
        ann_file='annotations/instances_val2017.json',
        data_prefix=dict(img='val2017/'),
        metainfo=dict(classes=('toothbrush',)),
    )
    truth, _ = ground_truth(some)
    assert truth.names == ('toothbrush',) and truth.category_ids == [80] and len(truth.labels) == 3


def test_objects_of_voc_and_of_several_sets(tmp_path):
    write_voc(tmp_path)
    sets = [
        dict(
            type='VOCDataset',
            data_root=f'{tmp_path}/',
            ann_file=f'{year}/ImageSets/Main/test.txt',
            data_prefix=dict(sub_data_root=f'{year}/'),
            test_mode=True,
            pipeline=PIPELINE,
        )
        for year in ('VOC2007', 'VOC2012')
    ]
    init_default_scope('mmdet')
    voc = DATASETS.build(sets[0])
    truth, _ = ground_truth(voc)
    assert len(truth.names) == 20 and truth.image_ids == [0, 1, 2, 3]
    of_first = truth.images == 1
    cat, dog = truth.names.index('cat'), truth.names.index('dog')
    assert truth.boxes[of_first & (truth.labels == cat)].tolist() == [[4, 4, 45, 39]]
    assert truth.crowd[truth.labels == dog].all() and not truth.crowd[truth.labels == cat].any()
    assert math.isnan(measure_detections(truth, empty()).values['d_ece'])

    both = DATASETS.build(dict(type='ConcatDataset', ignore_keys=['dataset_type'], datasets=sets))
    truth, places = ground_truth(both)  # the two have images of the same names
    assert places.tolist() == list(range(8)) and sorted(set(truth.images.tolist())) == [1, 2, 3, 5, 6, 7]
    assert len(set(contents(both))) == 8


def empty():
    from mmdet_multimix.evaluation.detection import Detections

    return Detections(np.zeros(0), np.zeros(0), np.zeros((0, 4)), np.zeros(0))


def test_what_cannot_be_measured_is_refused_before_anything_long(digits, tmp_path):
    for options, message in (
        (dict(measures=('beauty',)), r"unknown measures \['beauty'\]: of a detector, choose among ap, "),
        (dict(measures=()), 'choose among'),
        (dict(measures=('ap',), ood={'a': 'a'}), 'ood is not among'),
        (dict(ood={'test images': 'a'}), 'needs another name'),
        (dict(corruptions=('rain',)), 'unknown corruptions'),
        (dict(corrupted_images=0), 'corrupted_images must be at least 1'),
        (dict(score_thr=0), r'score_thr must be in \(0, 1\]'),
    ):
        with pytest.raises(ValueError, match=message):
            DetectionSettings(**options)
    predictor = Predictor(NoisyDetector(), LOADER, tmp_path, (), 10)
    with pytest.raises(FileNotFoundError, match='no folder'):
        DetectorEvaluation(predictor, digits.val, DetectionSettings(('ood',), {'x': tmp_path / 'nowhere'}))


def shrink(path):
    with Image.open(path) as image:
        image.crop((0, 0, 40, 31)).save(path)


def prepare(own, **options):
    settings = DetectionSettings(('corruptions',), corruptions=('contrast',), severities=(1,), **options)
    return DetectorEvaluation(
        Predictor(NoisyDetector(), LOADER, own.root, (), 10), own.split('val'), settings
    )


def test_an_image_too_small_to_be_corrupted_is_named_before_anything_long(own):
    shrink(own.root / 'val/00004.png')
    with pytest.raises(ValueError, match=r'at least 32 pixels a side, image \d+ is uint8 \(31, 40, 3\)'):
        prepare(own)
    prepare(own, corrupted_images=2)  # the first and the fourth


def test_sizes_that_only_the_annotations_have_wrong_are_no_matter(own):
    rewrite(own.root / 'annotations/val.json', lambda coco: coco['images'][2].update(width=0, height=9))
    prepare(own)


@pytest.mark.parametrize(
    ('info', 'side'),
    [
        (dict(img_path='s3://far/0.png', width=20, height=64), 20),
        (dict(img_path=None, width='20', height=None), math.inf),
        (dict(), math.inf),
    ],
)
def test_sizes_of_images_that_are_not_on_this_machine(info, side):
    assert shortest_side(info) == side


def test_a_detector_without_boxes_is_named(digits, tmp_path):
    model = NoisyDetector()
    model.test_step = lambda batch: [DetDataSample() for _ in batch['inputs']]
    evaluation = DetectorEvaluation(
        Predictor(model, LOADER, tmp_path, (), 10), digits.val, DetectionSettings(('ap',))
    )
    with Progress(2) as progress, pytest.raises(ValueError, match='NoisyDetector gives no boxes with scores'):
        evaluation.run(progress)


def test_a_detector_of_more_classes_than_the_set_is_refused_at_its_first_image(digits, tmp_path):
    model = NoisyDetector()
    predictor = Predictor(model, LOADER, tmp_path, (), 3)
    evaluation = DetectorEvaluation(predictor, digits.val, DetectionSettings(('ap',)))
    with (
        Progress(2) as progress,
        pytest.raises(ValueError, match=r'label \d, but the test set has 3 classes'),
    ):
        evaluation.run(progress)
    assert model.seen <= 2 * LOADER['batch_size']


def test_matching_of_an_image_without_detections(digits):
    truth, _ = ground_truth(digits.train)
    assert match(truth, empty()).objects[0].sum() == len(truth.labels)
