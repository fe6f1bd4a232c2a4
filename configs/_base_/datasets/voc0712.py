# Pascal VOC in data/VOCdevkit/{VOC2007,VOC2012}: trained on both years' trainval, tested on VOC2007's test,
# in iterations without end. Batches are those of the whole run: for k GPUs divide them by k.
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
                # mmdet's config ignores boxes below 32 pixels, of which VOC has many; without a least size
                # boxes that have no width or height would be learnt.
                filter_cfg=dict(filter_empty_gt=True, min_size=32, bbox_min_size=1),
                pipeline={{_base_.train_pipeline}},
            )
            for year in (2007, 2012)
        ],
    ),
)
# Two average precisions: over 11 points, as VOC2007 defines it and papers report it, and of the whole area.
val_evaluator = [
    dict(type='VOCMetric', metric='mAP', eval_mode='11points'),
    dict(type='VOCMetric', metric='mAP', eval_mode='area', prefix='pascal_voc_area'),
]
test_evaluator = val_evaluator
