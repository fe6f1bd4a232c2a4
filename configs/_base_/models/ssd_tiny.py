# SSD for 96 px images on a ResNet-18 a quarter as wide: 12, 6, 3 and 1 positions a side.
_base_ = './ssd300_r50.py'
model = dict(
    backbone=dict(depth=18, base_channels=16, norm_eval=False, init_cfg=None),
    neck=dict(
        in_channels=(32, 64), out_channels=(32, 64, 64, 64), level_strides=(2, 1), level_paddings=(1, 0)
    ),
    bbox_head=dict(
        in_channels=(32, 64, 64, 64),
        num_classes=10,
        anchor_generator=dict(
            _delete_=True,
            type='SSDAnchorGenerator',
            scale_major=False,
            strides=[8, 16, 32, 96],
            ratios=[[2], [2, 3], [2], [2]],
            min_sizes=[12, 22, 36, 60],
            max_sizes=[22, 36, 60, 90],
        ),
    ),
)
