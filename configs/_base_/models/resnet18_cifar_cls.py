model = dict(
    type='ImageClassifier',
    # Of CIFAR-10's training images.
    data_preprocessor=dict(
        type='ImgDataPreprocessor', mean=[125.307, 122.950, 113.865], std=[62.993, 62.089, 66.705]
    ),
    backbone=dict(type='CIFARResNet', depth=18, norm_eval=False),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=512),
)
