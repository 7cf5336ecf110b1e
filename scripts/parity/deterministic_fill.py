"""The deterministic fill that the TypeScript side makes from the same names (src/common/deterministic-fill.ts)."""

import numpy as np
import torch


def uniform(name, shape, low, high):
    """float32(low + (high - low) * draw), draws from mulberry32 seeded with FNV-1a of the name."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        state = np.uint32(seed) + np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x6D2B79F5)
        mixed = (state ^ state >> np.uint32(15)) * (state | np.uint32(1))
        mixed ^= mixed + (mixed ^ mixed >> np.uint32(7)) * (mixed | np.uint32(61))
        draws = (mixed ^ mixed >> np.uint32(14)).astype(np.float64) / 4294967296.0
    return torch.from_numpy((low + (high - low) * draws).astype(np.float32).reshape(shape))
