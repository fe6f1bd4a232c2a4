"""The fifteen corruptions of ImageNet-C and COCO-C, the same for an image whenever and wherever it is made.

Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, ICLR
2019; on detection sets Michaelis et al., Benchmarking Robustness in Object Detection: Autonomous Driving when
Winter is Coming, 2019. The pixels are changed by the package ``imagecorruptions``, which is an extra.
"""

from __future__ import annotations

import importlib.util
import inspect
import zlib
from collections.abc import Sequence

import numpy as np

CORRUPTIONS: tuple[str, ...] = (
    'gaussian_noise',
    'shot_noise',
    'impulse_noise',
    'defocus_blur',
    'glass_blur',
    'motion_blur',
    'zoom_blur',
    'snow',
    'frost',
    'fog',
    'brightness',
    'contrast',
    'elastic_transform',
    'pixelate',
    'jpeg_compression',
)
SEVERITIES = (1, 2, 3, 4, 5)
SMALLEST = 32  # pixels of a side


def check_corruptions(names: Sequence[str], severities: Sequence[int]) -> None:
    """Refuse corruptions that cannot be made.

    Raises:
        ValueError: Unknown or no names or severities, or the package is not installed.
    """
    for what, given, known in (('corruptions', names, CORRUPTIONS), ('severities', severities, SEVERITIES)):
        unknown = [value for value in given if value not in known]
        if unknown or not given:
            raise ValueError(f'unknown {what} {unknown}: choose among {", ".join(map(str, known))}')
    if importlib.util.find_spec('imagecorruptions') is None:
        raise ValueError(
            'corruptions need the package imagecorruptions: pip install imagecorruptions-imaug '
            '(or leave corruptions out of --measures)'
        )


def corrupt(image: np.ndarray, name: str, severity: int, seed: int, key: object) -> np.ndarray:
    """Corrupt one image.

    Args:
        image: RGB, uint8 ``(h, w, 3)``, at least 32 pixels high and wide.
        name: One of :data:`CORRUPTIONS`.
        severity: One of :data:`SEVERITIES`.
        seed: Of all images together.
        key: What names the image. With the others it alone decides what is drawn, so that neither the order
            nor the number of images matters. NumPy's global generator is left as it was.

    Returns:
        As the image.

    Raises:
        ValueError: Another type or shape, or the image is too small.
    """
    import imagecorruptions

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < SMALLEST:
        raise ValueError(
            f'corruptions are defined for uint8 images (h, w, 3) of at least {SMALLEST} pixels a side, image '
            f'{key} is {image.dtype} {image.shape}; leave corruptions out of --measures'
        )
    drawn = zlib.crc32(f'{seed} {name} {severity} {key}'.encode())
    function = imagecorruptions.corruption_dict[name]
    # Two of them have generators of their own, which take a seed.
    own = {'seed': drawn} if 'seed' in inspect.signature(function).parameters else {}
    state = np.random.get_state()
    try:
        np.random.seed(drawn)
        return imagecorruptions.corrupt(image, severity, corruption_name=name, **own)
    finally:
        np.random.set_state(state)


class CorruptImage:
    """A transform of mmdet's pipelines, right behind the one that loads the image.

    mmdet's own ``Corrupt`` draws from NumPy's global generator, and gives the blue channel for the red.

    Args:
        name: One of :data:`CORRUPTIONS`.
        severity: One of :data:`SEVERITIES`.
        seed: Of all images together.
    """

    def __init__(self, name: str, severity: int, seed: int) -> None:
        self.name, self.severity, self.seed = name, severity, seed

    def __call__(self, results: dict) -> dict:
        """Corrupts ``results['img']``, which is BGR."""
        image = results['img']
        key = results.get('img_id', results.get('img_path'))
        pixels = np.ascontiguousarray(image[..., ::-1]).astype(np.uint8)
        pixels = corrupt(pixels, self.name, self.severity, self.seed, key)
        results['img'] = np.ascontiguousarray(pixels[..., ::-1]).astype(image.dtype)
        return results

    def __repr__(self) -> str:
        return f'CorruptImage({self.name}, {self.severity}, seed={self.seed})'
