model = dict(
    type='ImageClassifier',
    # Of CIFAR-10's training images.
    data_preprocessor=dict(
        type='ImgDataPreprocessor', mean=[125.307, 122.950, 113.865], std=[62.993, 62.089, 66.705]
    ),
    # The papers' CIFAR figures are of a PreActResNet-18. This is mmdet's ResNet with a stem for small images,
    # so that detectors can load it.
    # mmdet's default starts residual branches as zeros. They learn late: short schedules end points worse.
    backbone=dict(type='CIFARResNet', depth=18, norm_eval=False, zero_init_residual=False),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=512),
)
