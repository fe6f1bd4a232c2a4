"""Writes the configs of configs/pretrain from its table of methods and recipes, methods.yml."""

import argparse
import sys
from pathlib import Path

import yaml

PRETRAIN = Path(__file__).resolve().parents[1] / 'configs' / 'pretrain'
HEADER = '# From methods.yml by tools/make_configs.py: change it there.\n'


def file_name(recipe, method):
    """`RECIPE_METHOD.py`, with the recipe's `_short` at the end."""
    short = '_short' if recipe.endswith('_short') else ''
    return f'{recipe.removesuffix("_short")}_{method}{short}.py'


def written(value, given):
    """A value of the table as a config has it; `given` stands in for `$name`, None leaves a key out."""
    if isinstance(value, dict):
        items = {key: written(inner, given) for key, inner in value.items()}
        return f'dict({", ".join(f"{key}={inner}" for key, inner in items.items() if inner is not None)})'
    if isinstance(value, str) and value.startswith('$'):
        value = given.get(value[1:])
    return None if value is None else repr(value)


def configs():
    """The text of every config that the table says, by its file name."""
    path = PRETRAIN / 'methods.yml'
    try:
        table = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        sys.exit(f'{path} cannot be read: {" ".join(str(error).split())}')
    try:
        return texts_of(table)
    except KeyError as error:
        sys.exit(f'{path} lacks {error}: a key of the table, or a method that is named elsewhere in it')
    except (TypeError, AttributeError, ValueError) as error:
        sys.exit(f'{path} is not laid out as a table of recipes and methods: {error}')


def texts_of(table):
    """The text of every config of a table, by its file name."""
    texts = {}
    for recipe, given in table['recipes'].items():
        for method in given.get('methods', table['methods']):
            changes = dict(table['methods'][method])
            base = file_name(recipe, changes.pop('base', 'ce'))
            lines = [f'{key} = {written(value, given)}\n' for key, value in changes.items()]
            texts[file_name(recipe, method)] = ''.join([HEADER, f"_base_ = './{base}'\n\n", *lines])
    return texts


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    texts = configs()
    for name, text in texts.items():
        (PRETRAIN / name).write_text(text)
    print(f'wrote {len(texts)} configs to {PRETRAIN}')


if __name__ == '__main__':
    main()
