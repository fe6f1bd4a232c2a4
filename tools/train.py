"""Trains a classifier or a detector from a config."""

from mmdet_multimix.commands.train import main

if __name__ == '__main__':
    main()
