"""Exports the backbone of a training checkpoint, under its own names, for any mmdet detector."""

from mmdet_multimix.commands.publish_backbone import main

if __name__ == '__main__':
    main()
