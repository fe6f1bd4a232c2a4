# Faster R-CNN C4 on a ResNet-50 from configs/pretrain: torchvision's kind, with the stride in the 3x3
# convolution, RGB, ImageNet's mean and standard deviation. layer4, the head of the RoIs, is pretrained too.
_base_ = 'mmdet::_base_/models/faster-rcnn_r50-caffe-c4.py'
_backbone = dict(type='MultiMixPretrained', checkpoint='work_dirs/resnet50_imagenet_ce/backbone.pth')
model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True, pad_size_divisor=32
    ),
    backbone=dict(style='pytorch', init_cfg=dict(_delete_=True, **_backbone)),
    roi_head=dict(shared_head=dict(style='pytorch', init_cfg=dict(_delete_=True, **_backbone))),
)
