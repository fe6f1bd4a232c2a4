# TinyImageNet in data/tiny-imagenet-200/{train,val,wnids.txt}, as its archive unpacks.
_base_ = './cifar10_cls.py'
data_root = 'data/tiny-imagenet-200'

train_dataloader = dict(
    batch_size=256,  # of one process: for k GPUs set 256 / k, or scale the rate with --auto-scale-lr
    dataset=dict(
        type='TinyImageNetDataset',
        data_root=data_root,
        transforms=[dict(type='RandomCrop', size=64, padding=4), dict(type='RandomHorizontalFlip')],
    ),
)
val_dataloader = dict(dataset=dict(type='TinyImageNetDataset', data_root=data_root, split='val'))
test_dataloader = val_dataloader
