# SSD300 on a ResNet-50, the detector of the CutMix paper (ICCV 2019, section 4.3): layer2's output takes the
# place of VGG's conv4_3. layer3's, 19x19 like fc7's and as wide, takes that one's; layer4 is left out. From
# there on it is SSD300: 38, 19, 10, 5, 3 and 1 positions a side, 8732 anchors.
_base_ = 'mmdet::_base_/models/ssd300.py'
model = dict(
    # That of the backbone's pretraining, where SSD's own VGG wants a standard deviation of 1.
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(1, 2),
        # All layers learn, as in SSD. The statistics stay those of the pretraining: so it does not matter how
        # many GPUs share a batch.
        frozen_stages=-1,
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(type='MultiMixPretrained', checkpoint='work_dirs/resnet50_imagenet_ce/backbone.pth'),
    ),
    # The neck keeps its L2 norm: whatever scale a pretraining gives layer2, its head meets the same.
)
