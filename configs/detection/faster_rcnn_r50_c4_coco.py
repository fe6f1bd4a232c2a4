# Faster R-CNN R50-C4 on COCO, 6 epochs of batch 16, for k GPUs 16 / k each.
_base_ = [
    '../_base_/models/faster_rcnn_r50_c4.py',
    'mmdet::_base_/datasets/coco_detection.py',
    '../_base_/schedules/coco_6e.py',
]
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)

# Every epoch starts new workers, so that a resumed run draws what an unbroken one would have drawn.
train_dataloader = dict(batch_size=16, num_workers=8, persistent_workers=False)
