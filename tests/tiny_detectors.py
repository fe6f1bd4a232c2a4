"""mmdet's own configs, made so small that one trains in a second, and images in memory for them."""

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import InstanceData

from mmdet_multimix.models.detection import DetectionMultiMix
from mmdet_multimix.models.detection.head_mixer import HeadMixer
from mmdet_multimix.models.detection.mixable_heads import bbox_heads, form_in

FAMILIES = {
    'faster_rcnn_fpn': 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco',
    'faster_rcnn_c4': 'faster_rcnn/faster-rcnn_r50-caffe_c4-1x_coco',
    'faster_rcnn_ohem': 'faster_rcnn/faster-rcnn_r50_fpn_ohem_1x_coco',
    'cascade_rcnn': 'cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco',
    'mask_rcnn': 'mask_rcnn/mask-rcnn_r50_fpn_1x_coco',
    'sparse_rcnn': 'sparse_rcnn/sparse-rcnn_r50_fpn_1x_coco',
    'retinanet': 'retinanet/retinanet_r50_fpn_1x_coco',
    'fcos': 'fcos/fcos_r50-caffe_fpn_gn-head_1x_coco',
    'atss': 'atss/atss_r50_fpn_1x_coco',
    'gfl': 'gfl/gfl_r50_fpn_1x_coco',
    'paa': 'paa/paa_r50_fpn_1x_coco',
    'ssd300': 'ssd/ssd300_coco',
    'yolox': 'yolox/yolox_tiny_8xb8-300e_coco',
    'rtmdet': 'rtmdet/rtmdet_tiny_8xb32-300e_coco',
    'detr': 'detr/detr_r50_8xb2-150e_coco',
    'deformable_detr': 'deformable_detr/deformable-detr_r50_16xb2-50e_coco',
    'dino': 'dino/dino-4scale_r50_8xb2-12e_coco',
}
CLASSES = 5
_WIDTH_KEYS = ('in_channels', 'out_channels', 'feat_channels', 'embed_dims', 'conv_out_channels')
_WIDTH = {
    **{key: {256: 32} for key in _WIDTH_KEYS},
    'fc_out_channels': {1024: 64},
    'feedforward_channels': {1024: 64, 2048: 64},
    'num_feats': {128: 16},
    'num_layers': {6: 2},
    'depth': {50: 18},
    'num_classes': {80: CLASSES},
    'num': {512: 32},  # RoIs of an image
    'max_per_img': {2000: 50, 1000: 50},
}


def _shrink(node, widths):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == 'init_cfg':
                node[key] = None
            elif isinstance(value, int) and key in widths:
                node[key] = widths[key].get(value, value)
            else:
                _shrink(value, widths)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _shrink(value, widths)


def tiny_model(name):
    """The model of a family's own config: the same types, losses, assigners and samplers, tiny."""
    model = Config.fromstring(f"_base_ = 'mmdet::{FAMILIES[name]}.py'", '.py').model
    widths = dict(_WIDTH)
    if name == 'dino':  # upstream's takes no other width than 256
        for key in ('out_channels', 'embed_dims', 'num_feats'):
            del widths[key]
    _shrink(model, widths)
    if model.backbone.type == 'ResNet' and name != 'faster_rcnn_c4':
        model.backbone.base_channels = 8
        model.neck.in_channels = [8 * 2**stage for stage in model.backbone.out_indices]
    if name == 'faster_rcnn_c4':
        model.rpn_head.update(in_channels=256, feat_channels=32)
        model.roi_head.bbox_roi_extractor.out_channels = 256
        model.roi_head.bbox_head.in_channels = 512
    if name == 'sparse_rcnn':
        model.rpn_head.update(num_proposals=20, proposal_feature_channel=32)
        model.roi_head.update(num_stages=2, stage_loss_weights=[1, 1], proposal_feature_channel=32)
        model.roi_head.bbox_head = model.roi_head.bbox_head[:2]
        model.train_cfg.rcnn = model.train_cfg.rcnn[:2]
        for head in model.roi_head.bbox_head:
            head.update(dynamic_conv_cfg=dict(head.dynamic_conv_cfg, feat_channels=16))
    if name == 'ssd300':
        widths = (16, 32, 16, 16, 16, 16)
        backbone = dict(type='ResNet', depth=18, base_channels=8, out_indices=(1, 2), norm_eval=True)
        model.backbone = backbone
        model.neck.update(in_channels=widths[:2], out_channels=widths)
        model.bbox_head.in_channels = widths
    if name in ('rtmdet', 'yolox'):
        model.backbone.update(widen_factor=0.125, deepen_factor=0.167)
        model.neck.update(in_channels=[32, 64, 128], out_channels=32)
        model.bbox_head.update(in_channels=32, feat_channels=32)
    if 'num_queries' in model:
        model.num_queries = 30
        if 'max_per_img' in model.get('test_cfg', {}):
            model.test_cfg.max_per_img = 30
        model.bbox_head.embed_dims = 256 if name == 'dino' else 32
    if 'batch_augments' in model.data_preprocessor:
        model.data_preprocessor.batch_augments = None
    return model


def samples(name, objects, seed=0):
    """What a dataset gives: one image for each number of objects."""
    size = 300 if name == 'ssd300' else 96
    rng = np.random.default_rng(seed)
    for count in objects:
        corners = rng.uniform(0, size * 0.5, (count, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(size * 0.2, size * 0.5, (count, 2))], axis=1)
        masks = np.zeros((count, size, size), np.uint8)
        for mask, (x0, y0, x1, y1) in zip(masks, boxes.astype(int), strict=True):
            mask[y0:y1, x0:x1] = 1
        sample = DetDataSample(
            metainfo=dict(
                img_shape=(size, size),
                ori_shape=(size, size),
                pad_shape=(size, size),
                batch_input_shape=(size, size),
                scale_factor=(1.0, 1.0),
            )
        )
        sample.gt_instances = InstanceData(
            bboxes=torch.from_numpy(boxes).float().reshape(-1, 4),
            labels=torch.from_numpy(rng.integers(0, CLASSES, count)),
        )
        if name == 'mask_rcnn':
            sample.gt_instances.masks = BitmapMasks(masks, size, size)
        sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long())
        image = torch.from_numpy(rng.integers(0, 255, (3, size, size), dtype=np.uint8))
        yield dict(inputs=image, data_samples=sample)


def detector(name='faster_rcnn_fpn'):
    """A tiny model of a family with its weights."""
    model = MODELS.build(tiny_model(name))
    model.init_weights()
    return revert_sync_batchnorm(model)


def data_of(model, name, objects=(3, 2)):
    """A mini-batch as the model takes it, one image for each number of objects."""
    return model.data_preprocessor(pseudo_collate(list(samples(name, objects))), True)


def losses_of(model, name='faster_rcnn_fpn', objects=(3, 2)):
    """The losses of a mini-batch, with all that is drawn drawn alike each time."""
    data = data_of(model, name, objects)
    torch.manual_seed(0)
    return model(**data, mode='loss')


def mix(model, *, force=False, **settings):
    """Adds MultiMix to the heads of a model, as `MultiMixHook` does; gives the mixers."""
    return [
        HeadMixer(name, head, DetectionMultiMix(form=form_in(model, name, force=force), **settings))
        for name, head in bbox_heads(model).items()
    ]
