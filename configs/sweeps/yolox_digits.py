# What configs/sweeps/signal_yolox.py trains: the RetinaNet of retinanet_digits.py with the head of YOLOX.
_base_ = './retinanet_digits.py'
model = dict(
    type='YOLOX',
    bbox_head=dict(
        _delete_=True,
        type='YOLOXHead',
        num_classes=10,
        in_channels=32,
        feat_channels=32,
        strides=(4, 8, 16, 32),
    ),
    train_cfg=dict(_delete_=True, assigner=dict(type='SimOTAAssigner', center_radius=2.5)),
    test_cfg=dict(_delete_=True, score_thr=0.01, nms=dict(type='nms', iou_threshold=0.65)),
)
