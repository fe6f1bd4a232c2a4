model = dict(
    type='ImageClassifier',
    # Those of mmdet's detectors, not of the digits: a detector must give the backbone the same numbers.
    data_preprocessor=dict(
        type='ImgDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
    ),
    # Residual branches that start as zeros, mmdet's default, learn late: short schedules end a point worse.
    backbone=dict(type='ResNet', depth=18, base_channels=16, norm_eval=False, zero_init_residual=False),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=128),
)
