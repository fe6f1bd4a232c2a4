"""Measures a trained classifier or detector on the test set of its config."""

from mmdet_multimix.commands.evaluate import main

if __name__ == '__main__':
    main()
