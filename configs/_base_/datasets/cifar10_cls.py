# CIFAR-10 in data/cifar10/cifar-10-batches-py. For images in data/cifar10/{train,test}/CLASS/ change only the
# type of the data sets, to ImageFolderDataset.
data_root = 'data/cifar10'

train_dataloader = dict(
    batch_size=128,  # of one process: for k GPUs set 128 / k, or scale the rate with --auto-scale-lr
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    # A last batch of one image would leave batch norm nothing to normalise over.
    drop_last=True,
    pin_memory=True,
    dataset=dict(
        type='CIFAR10Dataset',
        data_root=data_root,
        split='train',
        transforms=[dict(type='RandomCrop', size=32, padding=4), dict(type='RandomHorizontalFlip')],
    ),
)
val_dataloader = dict(
    batch_size=500,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    pin_memory=True,
    dataset=dict(type='CIFAR10Dataset', data_root=data_root, split='test'),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ClsAccuracy', topk=(1, 5))
test_evaluator = val_evaluator
