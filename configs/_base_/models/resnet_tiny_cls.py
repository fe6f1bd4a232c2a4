model = dict(
    type='ImageClassifier',
    # Of mmdet's detectors, not of the digits: a detector normalises the backbone's input in the same way.
    data_preprocessor=dict(
        type='ImgDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
    ),
    # mmdet's default starts residual branches as zeros. They learn late: short schedules end a point worse.
    backbone=dict(type='ResNet', depth=18, base_channels=16, norm_eval=False, zero_init_residual=False),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=128),
)
