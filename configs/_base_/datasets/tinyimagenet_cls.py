# data/tiny-imagenet-200/{train,val,wnids.txt}, as the archive has it.
data_root = 'data/tiny-imagenet-200'

train_dataloader = dict(
    batch_size=256,  # of one process: for k GPUs set 256 / k, or scale the rate with --auto-scale-lr
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    # The batch norms of a last batch of one image would have nothing to normalise with.
    drop_last=True,
    pin_memory=True,
    dataset=dict(
        type='TinyImageNetDataset',
        data_root=data_root,
        split='train',
        transforms=[dict(type='RandomCrop', size=64, padding=4), dict(type='RandomHorizontalFlip')],
    ),
)
val_dataloader = dict(
    batch_size=500,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    pin_memory=True,
    dataset=dict(type='TinyImageNetDataset', data_root=data_root, split='val'),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ClsAccuracy', topk=(1, 5))
test_evaluator = val_evaluator
