# A ResNet-18 half as wide, with the 7x7 stem of detectors, on CIFAR-10 enlarged to 64 pixels. The detectors
# of BCCD take all its weights, and a core pretrains it in minutes. Images are in
# data/cifar10/{train,test}/CLASS/; for data/cifar10/cifar-10-batches-py set the type CIFAR10Dataset.
_base_ = './resnet18_cifar10_ce_short.py'

model = dict(
    # Of mmdet's detectors, not of CIFAR-10.
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(
        _delete_=True, type='ResNet', depth=18, base_channels=32, norm_eval=False, zero_init_residual=False
    ),
    head=dict(in_channels=256),
)
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    pin_memory=False,
    dataset=dict(
        type='ImageFolderDataset',
        per_class=(0, 1000),
        # 64 pixels leave 2x2 positions behind the ResNet, so that Dense MultiMix has positions to mix at.
        transforms=[
            dict(type='RandomCrop', size=32, padding=4),
            dict(type='RandomHorizontalFlip'),
            dict(type='Resize', size=64, interpolation='bilinear'),
        ],
    ),
)
val_dataloader = dict(
    num_workers=0,
    pin_memory=False,
    dataset=dict(
        type='ImageFolderDataset',
        per_class=(0, 100),
        transforms=[dict(type='Resize', size=64, interpolation='bilinear')],
    ),
)
test_dataloader = val_dataloader
max_epochs = 12
# Takes half the time of float32 on processors with instructions for bfloat16.
optim_wrapper = dict(type='BFloat16OptimWrapper', optimizer=dict(lr=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=2, by_epoch=True),
    dict(type='CosineAnnealingLR', T_max=max_epochs - 2, begin=2, end=max_epochs, by_epoch=True),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=2)
auto_scale_lr = dict(base_batch_size=64)
