"""Evaluates a checkpoint of a classifier or a detector."""

from mmdet_multimix.commands.test import main

if __name__ == '__main__':
    main()
