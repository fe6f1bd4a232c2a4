train_dataloader = dict(
    batch_size=50,
    num_workers=0,  # 900 images in memory: a worker would cost more than it saves
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    # A last batch of one image would leave batch norm nothing to normalise over.
    drop_last=True,
    dataset=dict(
        type='DigitsDataset',
        split='pretrain_train',
        # 64 pixels leave 2x2 positions behind a ResNet, so that Dense MultiMix has positions to mix at.
        transforms=[
            dict(type='Resize', size=64, interpolation='bilinear'),
            dict(
                type='RandomAffine',
                degrees=10,
                translate=(0.15, 0.15),
                scale=(0.5, 1.1),
                interpolation='bilinear',
            ),
        ],
    ),
)
val_dataloader = dict(
    batch_size=140,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='DigitsDataset',
        split='pretrain_val',
        transforms=[dict(type='Resize', size=64, interpolation='bilinear')],
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ClsAccuracy', topk=(1, 5))
test_evaluator = val_evaluator
