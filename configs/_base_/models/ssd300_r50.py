# SSD300 on a ResNet-50, the detector of the CutMix paper (ICCV 2019, section 4.3). layer2 takes the place of
# VGG's conv4_3, and layer3 that of fc7, whose width and 19x19 positions it has; there is no layer4. The rest
# is SSD300: 38, 19, 10, 5, 3 and 1 positions a side, 8732 anchors.
_base_ = 'mmdet::_base_/models/ssd300.py'
model = dict(
    # As the backbone was pretrained. (mmdet's SSD has a standard deviation of 1, for its VGG.)
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(1, 2),
        # All layers learn, as in SSD. Batch norms keep the statistics of the pretraining, so the result does
        # not depend on how many GPUs share a batch.
        frozen_stages=-1,
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(type='MultiMixPretrained', checkpoint='work_dirs/resnet50_imagenet_ce/backbone.pth'),
    ),
    # The neck keeps SSD's L2 norm: the head sees one scale, whatever scale layer2 has after a pretraining.
)
