# The detection-transfer table of MultiMix (NeurIPS 2023) on COCO.
_base_ = '../_base_/experiments/paper_transfer.py'
title = 'Detection transfer on COCO, trained on train2017, tested on val2017'
metrics = {
    'mAP': 'coco/bbox_mAP',
    'mAP 50': 'coco/bbox_mAP_50',
    'mAP 75': 'coco/bbox_mAP_75',
    'small': 'coco/bbox_mAP_s',
    'medium': 'coco/bbox_mAP_m',
    'large': 'coco/bbox_mAP_l',
}
ours = ('cross-entropy', 'MultiMix', 'Dense MultiMix')
folder = '../detection'
detectors = {
    'Faster R-CNN C4': dict(config=f'{folder}/faster_rcnn_r50_c4_coco.py', metrics=metrics),
    'Faster R-CNN C4, RoI MultiMix': dict(
        config=f'{folder}/faster_rcnn_r50_c4_coco_multimix.py', metrics=metrics, methods=ours
    ),
    'Faster R-CNN C4, dense RoI MultiMix': dict(
        config=f'{folder}/faster_rcnn_r50_c4_coco_dense_multimix.py', metrics=metrics, methods=ours
    ),
    'Faster R-CNN FPN': dict(config=f'{folder}/faster_rcnn_r50_fpn_coco.py', metrics=metrics, methods=ours),
    'Faster R-CNN FPN, RoI MultiMix': dict(
        config=f'{folder}/faster_rcnn_r50_fpn_coco_multimix.py', metrics=metrics, methods=ours
    ),
}
counts = {
    'annotations/instances_train2017.json': 118287,
    'annotations/instances_val2017.json': 5000,
    'data/imagenet/train': 1281167,
}
source = 'https://github.com/clovaai/CutMix-PyTorch/issues/13'
published = [
    dict(method='cross-entropy', detector='Faster R-CNN C4', value=0.3327, source=source),
    dict(method='mixup', detector='Faster R-CNN C4', value=0.3418, source=source),
    dict(method='CutMix', detector='Faster R-CNN C4', value=0.3516, source=source),
]
del metrics, ours, folder, source
