"""The demo's report, from results and folders as its runs leave them."""

import json

import pytest
import torch
from cli import ROOT
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image
from tolerances import assert_near

from experiments.demo_report import PICTURES, PREDICTIONS, ROWS, Demo, drawn, embed, write_report

PRETRAIN = ROOT / 'configs/pretrain'


def detector(ap, ap50, seconds):
    return {'coco/bbox_mAP': ap, 'coco/bbox_mAP_50': ap50, 'seconds': seconds}


def test_rows_are_means_over_the_seeds_that_are_done(tmp_path):
    demo = Demo(seeds=2, train_images=8)
    results = {
        'seed0/detect_none': detector(0.2, 0.4, 10.0),
        'seed1/detect_none': detector(0.4, 0.5, 30.0),
        'seed0/pretrain_ce': {'top1': 98.0},
        'seed1/pretrain_ce': {'top1': 99.0},
        'seed1/detect_dense_multimix_roi_multimix': detector(0.6, 0.9, 40.0),
        'seed1/pretrain_dense_multimix': {'top1': 97.0},
    }
    text = write_report(tmp_path, demo, results, {'seed0/detect_ce': 'exit 1'}, draw=False)
    assert text == (tmp_path / 'report.md').read_text()
    assert [line for line in text.splitlines() if line.startswith('| ')] == [
        '| pretraining | RoI MultiMix | top-1 % | bbox mAP | mAP 50 | detector training, s |',
        '| from scratch | no |  | 0.300 ± 0.141 | 0.450 | 20 |',  # 0.2 by the root of 2
        '| Dense MultiMix | yes | 97.0 | 0.600 | 0.900 | 40 |',
    ]
    assert text.startswith('# Digit detection from 8 training images, 2 seeds\n')
    # 2 seeds of 3 classifiers and 4 detectors; 6 are done, one has failed.
    assert text.endswith('\nFailed: `seed0/detect_ce`.\n\nStill to do: 7 runs.\n')
    report = json.loads((tmp_path / 'report.json').read_text())
    assert set(report) == {'rows', 'seeds', 'train_images', 'val_images', 'versions'}
    assert report['seeds'] == [0, 1] and 'torch' in report['versions']
    first, second = report['rows']
    assert first == {
        'pretraining': 'none',
        'roi_multimix': False,
        'top1': None,
        'bbox_mAP': pytest.approx(0.3),
        'bbox_mAP_50': pytest.approx(0.45),
        'seconds': 20.0,
        'bbox_mAP_seeds': [0.2, 0.4],
        'bbox_mAP_std': pytest.approx(0.2 / 2**0.5),
    }
    assert (second['bbox_mAP_std'], second['top1']) == (None, 97.0)
    assert not list(tmp_path.glob('*.png'))
    assert 'No detector is done yet.' in write_report(tmp_path, demo, {}, {})


def found(bbox, category, score):
    return {'image_id': 1, 'bbox': bbox, 'category_id': category, 'score': score}


def test_the_most_confident_detection_at_each_place_is_drawn():
    entries = [
        found([0, 0, 10, 10], 7, 0.5),
        found([0, 1, 10, 10], 3, 0.9),  # intersection 90, union 110: the same place
        found([0, 6, 10, 10], 3, 0.4),  # intersection with it 50, union 150: another place
        found([50, 50, 4, 8], 7, 0.3),  # not above the threshold
    ]
    boxes, labels, scores = drawn(entries, [7, 3])
    assert boxes.tolist() == [[0, 1, 10, 11], [0, 6, 10, 16]]
    assert labels.tolist() == [1, 1] and scores.tolist() == pytest.approx([0.9, 0.4])
    truth = [{'bbox': [5, 5, 2, 3], 'category_id': 7}, {'bbox': [5, 5, 2, 3], 'category_id': 3}]
    boxes, labels, scores = drawn(truth, [7, 3])
    assert boxes.tolist() == [[5, 5, 7, 8]] * 2 and labels.tolist() == [0, 1] and scores is None
    boxes, labels, _ = drawn([], [7])
    assert boxes.shape == (0, 4) and labels.shape == (0,)


def write_classifier(folder, method, seed):
    """A work dir as a training leaves it, of an untrained network."""
    folder.mkdir(parents=True)
    cfg = Config.fromfile(PRETRAIN / f'resnet_tiny_digits_{method}.py')
    cfg.val_dataloader.dataset.per_class = (0, 3)
    cfg.dump(folder / f'resnet_tiny_digits_{method}.py')
    init_default_scope(cfg.default_scope)
    torch.manual_seed(seed)
    model = MODELS.build(cfg.model)
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, folder / 'epoch_1.pth')
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    return cfg, model.eval()


def test_embeddings_are_the_pooled_features_of_the_last_checkpoint(tmp_path):
    cfg, model = write_classifier(tmp_path / 'run', 'multimix', 3)
    features, labels = embed(tmp_path / 'run')
    assert features.shape == (30, 128) and sorted(labels) == sorted(list(range(10)) * 3)
    for index, item in enumerate(DATASETS.build(cfg.val_dataloader.dataset)):
        pixels = item['inputs'].float()[None]
        for channel in range(3):
            mean, std = (cfg.model.data_preprocessor[key][channel] for key in ('mean', 'std'))
            pixels[:, channel] = (pixels[:, channel] - mean) / std
        with torch.no_grad():
            expected = model.backbone(pixels)[-1].flatten(2).mean(2)[0]
        assert_near(torch.from_numpy(features[index]), expected, torch.float32)
        assert labels[index] == item['gt_label']


def write_detector(folder, boxes):
    """Logs of 8 iterations, a validation, and detections, as a training and a test leave them."""
    logs = folder / '20200101_000000/vis_data'
    logs.mkdir(parents=True)
    entries = [{'step': step, 'loss': 2.0, 'loss_cls': 1 / step} for step in range(1, 9)]
    entries += [{'step': 4, 'coco/bbox_mAP': 0.1}, {'step': 8, 'coco/bbox_mAP': 0.3}]
    (logs / 'scalars.json').write_text('\n'.join(map(json.dumps, entries)))
    (folder / PREDICTIONS).write_text(json.dumps(boxes))


def test_pictures_of_what_is_done(tmp_path):
    (tmp_path / 'data/val').mkdir(parents=True)
    (tmp_path / 'data/annotations').mkdir()
    images = [{'id': index, 'file_name': f'{index}.png'} for index in range(7)]
    for image in images:
        Image.new('RGB', (64, 64), 'gray').save(tmp_path / 'data/val' / image['file_name'])
    truth = [{'image_id': index, 'category_id': 1, 'bbox': [10, 10, 20, 20]} for index in range(7)]
    categories = [{'id': index + 1, 'name': str(index)} for index in range(10)]
    coco = {'images': images, 'annotations': truth, 'categories': categories}
    (tmp_path / 'data/annotations/val.json').write_text(json.dumps(coco))
    demo, results = Demo(), {}
    for place in ROWS[:2]:  # the others are to do
        (name,) = demo.detectors(*place)
        write_detector(tmp_path / name, [found([10, 10, 20, 20], 1, 0.8)])
        results[name] = detector(0.3, 0.5, 1.0)
    write_classifier(tmp_path / 'seed0/pretrain_ce', 'ce', 0)
    results['seed0/pretrain_ce'] = {'top1': 90.0}
    text = write_report(tmp_path, demo, results, {})
    for name in PICTURES:
        assert min(Image.open(tmp_path / f'{name}.png').size) > 200 and f'({name}.png)' in text
    (tmp_path / 'seed0/detect_ce' / PREDICTIONS).unlink()
    with pytest.raises(FileNotFoundError, match=PREDICTIONS):
        write_report(tmp_path, demo, results, {})
    assert json.loads((tmp_path / 'report.json').read_text())['rows']  # which was written first
