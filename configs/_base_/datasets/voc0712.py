# Pascal VOC in data/VOCdevkit/{VOC2007,VOC2012}: both years' trainval to train, VOC2007's test to test.
# The sampler never ends, for schedules in iterations. The batch is that of the whole run: for k GPUs divide
# it by k.
_base_ = 'mmdet::_base_/datasets/voc0712.py'

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(_delete_=True, type='InfiniteSampler', shuffle=True),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        ignore_keys=['dataset_type'],  # the one thing in which the two years differ
        datasets=[
            dict(
                type='VOCDataset',
                data_root='data/VOCdevkit/',
                ann_file=f'VOC{year}/ImageSets/Main/trainval.txt',
                data_prefix=dict(sub_data_root=f'VOC{year}/'),
                # Leaves out boxes without width or height. mmdet's own config has 32 here, which leaves out
                # VOC's many small objects as well.
                filter_cfg=dict(filter_empty_gt=True, min_size=32, bbox_min_size=1),
                pipeline={{_base_.train_pipeline}},
            )
            for year in (2007, 2012)
        ],
    ),
)
# Two average precisions: over 11 points, as VOC2007 and the papers have it, and the area under the curve.
val_evaluator = [
    dict(type='VOCMetric', metric='mAP', eval_mode='11points'),
    dict(type='VOCMetric', metric='mAP', eval_mode='area', prefix='pascal_voc_area'),
]
test_evaluator = val_evaluator
