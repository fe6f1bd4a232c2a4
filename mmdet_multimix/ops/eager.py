"""What ``torch.compile`` leaves out of its graphs."""

from __future__ import annotations

import torch

if hasattr(torch, 'compiler'):
    eager = torch.compiler.disable
else:  # torch 2.0
    from torch._dynamo import disable as eager

__all__ = ['eager']
