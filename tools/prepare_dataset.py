"""Makes photographs with boxes a data set that trains: VOC, YOLO or COCO, in whatever layout they come."""

from mmdet_multimix.commands.prepare_dataset import main

if __name__ == '__main__':
    main()
