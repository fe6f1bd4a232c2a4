# Faster R-CNN R50-C4 on Pascal VOC 07+12, 120,000 iterations of batch 8, for k GPUs 8 / k each.
_base_ = [
    '../_base_/models/faster_rcnn_r50_c4.py',
    '../_base_/datasets/voc0712.py',
    '../_base_/schedules/voc_120k.py',
]
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)

model = dict(roi_head=dict(bbox_head=dict(num_classes=20)))
