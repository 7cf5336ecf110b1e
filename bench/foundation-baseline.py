"""A vision transformer of timm with random weights, for bench/foundation.ts: runs once for every line on standard input
and prints the seconds and the processor seconds it took, and the peak memory of the process in GB."""

import resource
import sys
import time

import timm
import torch

width, depth, heads, hidden = map(int, sys.argv[1:5])
gated, batch, threads = sys.argv[5] == "swiglu", int(sys.argv[6]), int(sys.argv[7])
torch.set_num_threads(threads)
swiglu = dict(mlp_layer=timm.layers.SwiGLUPacked, act_layer=torch.nn.SiLU) if gated else {}
model = timm.models.VisionTransformer(
    img_size=224,
    patch_size=14,
    embed_dim=width,
    depth=depth,
    num_heads=heads,
    mlp_ratio=hidden / width,
    num_classes=0,
    reg_tokens=4,
    no_embed_class=True,
    init_values=1.0,
    **swiglu,
).eval()
images = torch.rand(batch, 3, 224, 224)
with torch.inference_mode():
    for _ in sys.stdin:
        start, processor = time.perf_counter(), time.process_time()
        model.forward_features(images)
        seconds = (time.perf_counter() - start, time.process_time() - processor)
        print(*seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, flush=True)
