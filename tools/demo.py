"""The whole path on handwritten digits: pretrain, transfer, train detectors, evaluate, draw.

Three classifiers are pretrained on single digits (cross-entropy, MultiMix, Dense MultiMix). A small Faster
R-CNN then learns from few images to find other digits on noisy canvases: from random weights, and from each
of the backbones, the last one with MultiMix on its RoI embeddings too. Everything goes through the same
configs, Runner and commands as a run on ImageNet and COCO. Finished steps are kept; an interrupted one goes
on at its last checkpoint.
"""

import argparse
import json
import pickle
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torchvision.ops import nms

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments.stages import initialised_from

from experiments import Progress, Run, RunFailedError, last_scalar, read_scalars
from experiments.digits import digits_options, prepare_digits
from experiments.experiment_file import work_root
from mmdet_multimix.checkpoints import publish_backbone, read_checkpoint, state_dict_of
from mmdet_multimix.utils.provenance import versions
from mmdet_multimix.visualization import plot_bars, plot_curves, plot_detections, plot_embeddings

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
TRAIN_IMAGES = 50
VAL_IMAGES = 200
PRETRAINING = ('ce', 'multimix', 'dense_multimix')
# (pretraining, MultiMix on RoI embeddings): a detector each, in the order of the report.
ROWS = (('none', False), ('ce', False), ('multimix', False), ('dense_multimix', True))
NAMES = {
    'none': 'from scratch',
    'ce': 'cross-entropy',
    'multimix': 'MultiMix',
    'dense_multimix': 'Dense MultiMix',
}
SHOWN = 5  # images in the picture of detections
MIN_SCORE = 0.3  # of a detection that is drawn


def title_of(pretraining, roi_multimix):
    return NAMES[pretraining] + ('\n+ RoI MultiMix' if roi_multimix else '')


class Demo:
    """Knows what runs there are and where they are kept."""

    def __init__(self, root, seeds):
        self.root = Path(root)
        self.seeds = range(seeds)
        self.data = self.root / 'data'

    def pretrain_run(self, method, seed):
        return Run(
            CONFIGS / 'pretrain' / f'resnet_tiny_digits_{method}.py',
            self.root / f'seed{seed}' / f'pretrain_{method}',
            {'randomness.seed': seed},
            f'classifier, {NAMES[method]}',
        )

    def backbone(self, method, seed):
        return self.root / f'seed{seed}' / f'pretrain_{method}' / 'backbone.pth'

    def detect_run(self, pretraining, roi_multimix, seed):
        name = 'faster_rcnn_tiny_digits' + ('_multimix' if roi_multimix else '')
        config = CONFIGS / 'detection' / f'{name}.py'
        options, inputs = digits_options(self.data)
        options['randomness.seed'] = seed
        if pretraining != 'none':
            backbone = self.backbone(pretraining, seed)
            options |= initialised_from(config, backbone)
            inputs += (backbone,)
        suffix = '_roi_multimix' if roi_multimix else ''
        return Run(
            config,
            self.root / f'seed{seed}' / f'detect_{pretraining}{suffix}',
            options,
            f'detector, {title_of(pretraining, roi_multimix)}'.replace('\n', ' '),
            inputs,
        )

    def prepare_data(self):
        prepare_digits(self.data, TRAIN_IMAGES, VAL_IMAGES)

    def run(self):
        self.prepare_data()
        with Progress(len(self.seeds) * (len(PRETRAINING) + len(ROWS))) as progress:
            for seed in self.seeds:
                for method in PRETRAINING:
                    self.pretrain(method, seed, progress)
                for row in ROWS:
                    self.detect(*row, seed, progress)

    def pretrain(self, method, seed, progress):
        run = self.pretrain_run(method, seed)
        new = run.train(progress)
        if new or not self.backbone(method, seed).exists():
            publish_backbone(run.checkpoint, self.backbone(method, seed), force=True)
        if new:
            top1 = last_scalar(run.work_dir, 'accuracy/top1')
            progress.finish(f'top-1 {top1:.1f} % ({run.seconds:.0f} s)')

    def detect(self, pretraining, roi_multimix, seed, progress):
        run = self.detect_run(pretraining, roi_multimix, seed)
        new = run.train(progress)
        metrics = run.test('--out', run.work_dir / 'predictions.pkl')
        if new:
            progress.finish(f'bbox mAP {metrics["coco/bbox_mAP"]:.3f} ({run.seconds:.0f} s)')

    def rows(self):
        """One dict a detector, means over the seeds."""
        rows = []
        for pretraining, roi_multimix in ROWS:
            runs = [self.detect_run(pretraining, roi_multimix, seed) for seed in self.seeds]
            metrics = [run.test() for run in runs]
            top1 = None
            if pretraining != 'none':
                dirs = [self.pretrain_run(pretraining, seed).work_dir for seed in self.seeds]
                top1 = statistics.mean(last_scalar(folder, 'accuracy/top1') for folder in dirs)
            maps = [metric['coco/bbox_mAP'] for metric in metrics]
            rows.append(
                {
                    'pretraining': pretraining,
                    'roi_multimix': roi_multimix,
                    'top1': top1,
                    'bbox_mAP': statistics.mean(maps),
                    'bbox_mAP_50': statistics.mean(metric['coco/bbox_mAP_50'] for metric in metrics),
                    'seconds': statistics.mean(run.seconds for run in runs),
                    'bbox_mAP_seeds': maps,
                    'bbox_mAP_std': statistics.stdev(maps) if len(maps) > 1 else None,
                }
            )
        return rows

    def report(self):
        rows = self.rows()
        report = {
            'rows': rows,
            'seeds': list(self.seeds),
            'train_images': TRAIN_IMAGES,
            'val_images': VAL_IMAGES,
            'versions': versions(),
        }
        (self.root / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
        text = markdown(rows, len(self.seeds))
        (self.root / 'report.md').write_text(text)
        return text

    def draw(self):
        rows = self.rows()
        plot_bars(
            self.root / 'map.png',
            [title_of(row['pretraining'], row['roi_multimix']) for row in rows],
            [row['bbox_mAP_seeds'] for row in rows],
            ylabel='bbox mAP (IoU 0.50:0.95)',
            title=f'Digit detection from {TRAIN_IMAGES} images, by pretraining of the backbone',
        )
        self.draw_curves()
        self.draw_detections()
        self.draw_embeddings()

    def draw_curves(self):
        losses, maps = {}, {}
        for row in ROWS:
            folder = self.detect_run(*row, 0).work_dir
            name = title_of(*row).replace('\n', ' ')
            # The plain loss alone: the others add a term, so that totals could not be compared.
            losses[name] = smooth(read_scalars(folder, 'loss_cls'))
            maps[name] = read_scalars(folder, 'coco/bbox_mAP')
        panels = [
            ('iteration', 'RoI classification loss (clean)', losses),
            ('iteration', 'validation bbox mAP', maps),
        ]
        plot_curves(self.root / 'curves.png', panels, title='Training of the detectors (seed 0)')

    def draw_detections(self):
        coco = json.loads((self.data / 'annotations' / 'val.json').read_text())
        images = coco['images'][:SHOWN]
        truth = []
        for image in images:
            mine = [a for a in coco['annotations'] if a['image_id'] == image['id']]
            boxes = np.array([a['bbox'] for a in mine], dtype=float).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            truth.append((boxes, np.array([a['category_id'] - 1 for a in mine]), None))
        columns = {'ground truth': truth}
        for row in ROWS:
            predictions = pickle.loads((self.detect_run(*row, 0).work_dir / 'predictions.pkl').read_bytes())
            by_id = {entry['img_id']: entry['pred_instances'] for entry in predictions}
            columns[title_of(*row)] = [confident(by_id[image['id']]) for image in images]
        plot_detections(
            self.root / 'detections.png',
            [self.data / 'val' / image['file_name'] for image in images],
            columns,
            [category['name'] for category in coco['categories']],
            title=f'The surest detection at each place, score above {MIN_SCORE} (seed 0)',
        )

    def draw_embeddings(self):
        embeddings = {}
        for method in PRETRAINING:
            embeddings[NAMES[method]], labels = embed(self.pretrain_run(method, 0))
        plot_embeddings(
            self.root / 'embeddings.png',
            embeddings,
            labels,
            [str(digit) for digit in range(10)],
            title='Embeddings of validation digits after pretraining (t-SNE, seed 0)',
        )


def smooth(points, window=5):
    """A running mean, so that curves of single mini-batches can be told apart."""
    means = []
    for index, (step, _) in enumerate(points):
        near = [value for _, value in points[max(0, index - window + 1) : index + 1]]
        means.append((step, statistics.mean(near)))
    return means


def confident(instances):
    """What is drawn: one detection a place, the surest, where the evaluation takes several classes."""
    boxes, labels, scores = (instances[name] for name in ('bboxes', 'labels', 'scores'))
    keep = nms(boxes, scores, 0.5)
    keep = keep[scores[keep] > MIN_SCORE]
    return boxes[keep].numpy(), labels[keep].numpy(), scores[keep].numpy()


@torch.no_grad()
def embed(run):
    """Pooled features of the validation images and their labels."""
    cfg = Config.fromfile(run.config)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    model.load_state_dict(state_dict_of(read_checkpoint(run.checkpoint)))
    model.eval()
    features, labels = [], []
    for batch in Runner.build_dataloader(cfg.val_dataloader):
        inputs = model.data_preprocessor(batch)['inputs']
        features.append(model.extract_feat(inputs).mean(dim=(2, 3)))
        labels.append(batch['gt_label'])
    return torch.cat(features).numpy(), torch.cat(labels).numpy()


def markdown(rows, seeds):
    lines = [
        f'# Digit detection from {TRAIN_IMAGES} training images, {seeds} seed{"s" if seeds > 1 else ""}',
        '',
        '| pretraining | RoI MultiMix | top-1 % | bbox mAP | mAP 50 | detector training, s |',
        '|---|---|---|---|---|---|',
    ]
    for row in rows:
        top1 = '' if row['top1'] is None else f'{row["top1"]:.1f}'
        spread = '' if row['bbox_mAP_std'] is None else f' ± {row["bbox_mAP_std"]:.3f}'
        lines.append(
            f'| {NAMES[row["pretraining"]]} | {"yes" if row["roi_multimix"] else "no"} | {top1} '
            f'| {row["bbox_mAP"]:.3f}{spread} | {row["bbox_mAP_50"]:.3f} | {row["seconds"]:.0f} |'
        )
    lines += ['', '![mAP](map.png)', '', '![curves](curves.png)', '']
    lines += ['![detections](detections.png)', '', '![embeddings](embeddings.png)', '']
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--work-dir', default='work_dirs/demo', help='where everything is kept')
    parser.add_argument(
        '--seeds', type=int, default=1, help='repeat with seeds 0, 1, ... and report the spread'
    )
    args = parser.parse_args()
    if args.seeds < 1:
        parser.error(f'--seeds must be at least 1, got {args.seeds}')
    try:
        demo = Demo(work_root(args.work_dir), args.seeds)
    except ValueError as error:
        parser.error(str(error))
    try:
        demo.run()
    except RunFailedError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit('interrupted; the same command goes on from here')
    text = demo.report()
    demo.draw()
    print(text)
    print(f'Report and pictures: {demo.root}')


if __name__ == '__main__':
    main()
