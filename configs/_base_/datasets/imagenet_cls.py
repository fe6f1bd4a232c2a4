# ImageNet in data/imagenet/{train,val}/WNID/*.JPEG.
data_root = 'data/imagenet'

train_dataloader = dict(
    batch_size=256,  # of one process: for k GPUs set 256 / k, or scale the rate with --auto-scale-lr
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    # A last batch of one image would leave batch norm nothing to normalise over.
    drop_last=True,
    pin_memory=True,
    dataset=dict(
        type='ImageFolderDataset',
        data_root=data_root,
        split='train',
        transforms=[dict(type='RandomResizedCrop', size=224), dict(type='RandomHorizontalFlip')],
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    pin_memory=True,
    dataset=dict(
        type='ImageFolderDataset',
        data_root=data_root,
        split='val',
        transforms=[dict(type='Resize', size=256), dict(type='CenterCrop', size=224)],
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ClsAccuracy', topk=(1, 5))
test_evaluator = val_evaluator
