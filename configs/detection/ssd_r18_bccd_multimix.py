_base_ = './ssd_r18_bccd.py'
model = dict(bbox_head=dict(type='MultiMixSSDHead', multimix=dict(loss_weight=0.1)))
