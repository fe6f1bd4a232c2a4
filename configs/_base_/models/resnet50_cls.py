model = dict(
    type='ImageClassifier',
    # The mean and standard deviation of mmdet's R50 detectors, which are of RGB as well.
    data_preprocessor=dict(
        type='ImgDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
    ),
    # Residual branches start as zeros, mmdet's default (`zero_init_residual`), unlike those of the small
    # models: usual over hundreds of epochs, as ImageNet's recipes have, while short schedules end lower.
    backbone=dict(type='ResNet', depth=50, norm_eval=False),
    head=dict(type='LinearClsHead', num_classes=1000, in_channels=2048),
)
