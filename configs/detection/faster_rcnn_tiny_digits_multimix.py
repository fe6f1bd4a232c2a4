_base_ = './faster_rcnn_tiny_digits.py'
model = dict(roi_head=dict(bbox_head=dict(type='MultiMixShared2FCBBoxHead', multimix=dict(loss_weight=0.3))))
