# The detection-transfer table of MultiMix (NeurIPS 2023) and CutMix (ICCV 2019) on Pascal VOC 07+12, and what
# MultiMix adds while the detector itself trains. paper_coco.py has the same backbones.
_base_ = '../_base_/experiments/paper_transfer.py'
title = 'Detection transfer on Pascal VOC 07+12, tested on VOC07 test'
metrics = {'mAP, 11 points': 'pascal_voc/mAP', 'mAP, area': 'pascal_voc_area/mAP'}
ours = ('cross-entropy', 'MultiMix', 'Dense MultiMix')
folder = '../detection'
detectors = {
    'SSD300': dict(config=f'{folder}/ssd300_r50_voc0712.py', metrics=metrics),
    'SSD300, MultiMix': dict(
        config=f'{folder}/ssd300_r50_voc0712_multimix.py', metrics=metrics, methods=ours
    ),
    'Faster R-CNN C4': dict(config=f'{folder}/faster_rcnn_r50_c4_voc0712.py', metrics=metrics),
    'Faster R-CNN C4, RoI MultiMix': dict(
        config=f'{folder}/faster_rcnn_r50_c4_voc0712_multimix.py', metrics=metrics, methods=ours
    ),
    'Faster R-CNN C4, dense RoI MultiMix': dict(
        config=f'{folder}/faster_rcnn_r50_c4_voc0712_dense_multimix.py', metrics=metrics, methods=ours
    ),
    'Faster R-CNN FPN': dict(
        config=f'{folder}/faster_rcnn_r50_fpn_voc0712.py', metrics=metrics, methods=ours
    ),
    'Faster R-CNN FPN, RoI MultiMix': dict(
        config=f'{folder}/faster_rcnn_r50_fpn_voc0712_multimix.py', metrics=metrics, methods=ours
    ),
}
counts = {
    'VOC2007/ImageSets/Main/trainval.txt': 5011,
    'VOC2012/ImageSets/Main/trainval.txt': 11540,
    'VOC2007/ImageSets/Main/test.txt': 4952,
    'data/imagenet/train': 1281167,
}
source = 'Yun et al., CutMix, ICCV 2019'
published = [
    dict(method='cross-entropy', detector='SSD300', value=0.767, source=source),
    dict(method='mixup', detector='SSD300', value=0.766, source=source),
    dict(method='CutMix', detector='SSD300', value=0.776, source=source),
    dict(method='cross-entropy', detector='Faster R-CNN C4', value=0.756, source=source),
    dict(method='mixup', detector='Faster R-CNN C4', value=0.739, source=source),
    dict(method='CutMix', detector='Faster R-CNN C4', value=0.767, source=source),
]
del metrics, ours, folder, source
