"""The model zoo as a page, and as the metafiles that OpenMMLab's tools read."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import yaml

from mmdet_multimix.version import __version__

from .model_zoo import METHODS, ROOT, Entry, parts

PAGE, INDEX = ROOT / 'docs' / 'model_zoo.md', ROOT / 'model-index.yml'
PAPER = dict(
    URL='https://arxiv.org/abs/2311.05538',
    Title='Embedding Space Interpolation Beyond Mini-Batch, Beyond Pairs and Beyond Examples',
)

_INTRO = """# Model zoo

`python tools/make_model_zoo.py` writes this page, `model-index.yml` and the metafiles from the configs.
There are no weights to download. What has no figure in the last column has not been run here.

**Time and memory are arithmetic**, for one GPU with the whole batch on it, in float32. A GPU is taken to
sustain 30 TFLOP/s; a training step costs three forward passes; a multiply-add is two operations. Memory is
that of weights, gradients, momentum and what the backward pass needs, without losses and the workspace of
the libraries. Photographs are taken to be 4:3. For other hardware take the seconds of an iteration (`time`
in the log) after the first hundred, and multiply. MultiMix itself is not counted: it is [a small share of a
step](costs.md).

## Pretraining

```bash
python tools/train.py configs/pretrain/NAME.py                       # one GPU, or a CPU
tools/dist_train.sh configs/pretrain/NAME.py 8 --auto-scale-lr       # 8 GPUs
python tools/publish_backbone.py work_dirs/NAME/epoch_N.pth work_dirs/NAME/backbone.pth
```

Top-1 is in percent, at the last epoch, mean and standard deviation of three seeds, from the transfers
of [digits](transfer.md#digits) and [CIFAR-10 to BCCD](transfer.md#bccd). Methods with K = 5 pass every image
five times where they mix the input; where they mix later they cost less than the table says. A method with
a teacher passes every image through it once more. The two cores of the machine had other work as well.
"""

_DETECTION = """## Detectors

```bash
python tools/train.py CONFIG --cfg-options train_dataloader.batch_size=16    # one GPU, a batch of 16
tools/dist_train.sh CONFIG 8 --cfg-options train_dataloader.batch_size=2     # 8 GPUs, the same batch
python tools/test.py CONFIG work_dirs/NAME/CHECKPOINT.pth
```

The batch of the table is that of the whole run, and the rate of a config is for it.
`train_dataloader.batch_size` is that of one process: give each its share, as above.

AP is that of the last iteration, from a backbone pretrained with
cross-entropy, over three seeds: [digits](transfer.md#digits) (IoU 0.50:0.95) and [BCCD](transfer.md#bccd)
(IoU 0.5). The digits are written by `python -m mmdet_multimix.datasets.digits_detection
data/digits_detection`.
"""


def page(zoo: list[Entry]) -> str:
    """The page docs/model_zoo.md."""
    return '\n'.join([_INTRO, _pretraining(zoo), _DETECTION, _detectors(zoo)]).rstrip() + '\n'


def metafiles(zoo: list[Entry]) -> dict[Path, str]:
    """What OpenMMLab's tools read: the text of `model-index.yml` and of each `metafile.yml`."""
    texts: dict[Path, list[dict]] = {}
    for entry in zoo:
        texts.setdefault((ROOT / entry.path).parent / 'metafile.yml', []).append(_model(entry))
    head = '# From the configs by tools/make_model_zoo.py: do not change it here.\n'
    files = {
        path: head + _yaml(dict(Collections=[_collection(path.parent.name)], Models=models))
        for path, models in texts.items()
    }
    files[INDEX] = head + _yaml(dict(Import=[str(path.relative_to(ROOT)) for path in texts]))
    return files


def _pretraining(zoo: list[Entry]) -> str:
    lines = []
    recipes = dict.fromkeys(parts(entry.name)[0] for entry in zoo if entry.is_classifier)
    for recipe in recipes:
        mine = [entry for entry in zoo if entry.is_classifier and parts(entry.name)[0] == recipe]
        first = mine[0]
        run = any(entry.result for entry in mine)
        lengths = ' or '.join(dict.fromkeys(_length(entry) for entry in mine))
        lines += [
            f'### `{recipe}`',
            '',
            f'{first.model}, {first.data}, {first.size[0]} px, batch {first.batch}; {lengths}. '
            f'{first.cost.macs / 1e9:.3g} GMAC an image, forward; '
            f'{first.cost.parameters / 1e6:.3g} M parameters.',
            '',
            '| method | configs | hours, GPU | memory, GB |'
            + (' top-1; a run took, on a core |' if run else ''),
            '|---|---|---|---|' + ('---|' if run else ''),
        ]
        for method in METHODS:
            both = [entry for entry in mine if parts(entry.name)[1] == method]
            if both:
                links = ', '.join(_link(entry, entry.name.removeprefix(f'{recipe}_')) for entry in both)
                hours = ', '.join(map(_hours, both))
                result = f' {_shown(both[0])} |' if run else ''
                lines.append(f'| {METHODS[method]} | {links} | {hours} | {_memory(both[0])} |{result}')
        lines.append('')
    return '\n'.join(lines)


def _length(entry: Entry) -> str:
    return entry.length + (' (`_short`)' if entry.name.endswith('_short') else '')


def _detectors(zoo: list[Entry]) -> str:
    lines = []
    mine = [entry for entry in zoo if not entry.is_classifier]
    for data in dict.fromkeys(entry.data for entry in mine):
        of_data = [entry for entry in mine if entry.data == data]
        run = any(entry.result for entry in of_data)
        lines += [
            f'### {data}',
            '',
            '| config | detector | mixed | schedule, batch | GMAC | hours, GPU | memory, GB |'
            + (' AP; a run took, on a core |' if run else ''),
            '|---|---|---|---|---|---|---|' + ('---|' if run else ''),
        ]
        for entry in of_data:
            lines.append(
                f'| {_link(entry, entry.name)} | {entry.model} | {entry.mixed} | '
                f'{entry.length}, {entry.batch} | '
                f'{entry.cost.macs / 1e9:.3g} | {_hours(entry)} | {_memory(entry)} |'
                + (f' {_shown(entry)} |' if run else '')
            )
        lines.append('')
    return '\n'.join(lines)


def _link(entry: Entry, name: str) -> str:
    return f'[`{name}`](../{entry.path})'


def _shown(entry: Entry) -> str:
    return f'{entry.result}; {entry.result.seconds / 60:.1f} min' if entry.result else ''


def _hours(entry: Entry) -> str:
    if entry.hours < 0.01:
        return '< 0.01'
    return f'{entry.hours:.2g}' if entry.hours < 10 else f'{entry.hours:.0f}'


def _memory(entry: Entry) -> str:
    size = entry.memory / 1e9
    return f'{size:.2g}' if size < 10 else f'{size:.0f}'


def _collection(folder: str) -> dict[str, Any]:
    return dict(
        Name=f'MultiMix {folder}',
        Metadata={'Training Techniques': ['SGD with Momentum', 'MultiMix'], 'Architecture': ['ResNet']},
        Paper=PAPER,
        README='docs/model_zoo.md',
        Code=dict(Version=f'v{__version__}'),
    )


def _model(entry: Entry) -> dict[str, Any]:
    iterations, epochs = ('iterations' in entry.length), entry.length.split()[0].replace(',', '')
    metadata: dict[str, Any] = {
        'Training Data': entry.data,
        ('Iterations' if iterations else 'Epochs'): int(epochs),
        'Batch Size': entry.batch,
        'Parameters': entry.cost.parameters,
        'FLOPs': round(2 * entry.cost.macs),
        'Training Memory (GB)': float(_memory(entry)),
    }
    task = 'Image Classification' if entry.is_classifier else 'Object Detection'
    result: dict[str, Any] = dict(Task=task, Dataset=entry.data)
    if entry.result:
        mean = statistics.mean(entry.result.values) * entry.result.percent
        result['Metrics'] = {entry.result.metric: round(mean, 1)}
    return {
        'Name': entry.name,
        'In Collection': f'MultiMix {Path(entry.path).parent.name}',
        'Config': entry.path,
        'Metadata': metadata,
        **({'Results': [result]} if entry.result else {}),
    }


def _yaml(content: dict[str, Any]) -> str:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(content, Dumper=Plain, sort_keys=False, allow_unicode=True, width=110)
