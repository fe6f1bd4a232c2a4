# A small SSD on the digits of faster_rcnn_tiny_digits.py, augmented by random crops.
_base_ = [
    '../_base_/models/ssd_tiny.py',
    '../_base_/datasets/digits_detection.py',
    '../_base_/schedules/digits_600.py',
]
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)

optim_wrapper = dict(clip_grad=dict(max_norm=5))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='MinIoURandomCrop', min_ious=(0.5, 0.7, 0.9), min_crop_size=0.5),
            dict(type='Resize', scale=(96, 96), keep_ratio=False),
            dict(type='PackDetInputs'),
        ]
    )
)
