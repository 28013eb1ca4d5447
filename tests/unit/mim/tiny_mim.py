"""The smallest networks, volumes and settings that still train; also imported by the processes that tests kill."""

import math
from dataclasses import replace

import numpy as np
import torch

from sixgig.mim.batches import micro_batches
from sixgig.mim.crops import ImageRows, VolumeCrops
from sixgig.mim.geometry import Geometry, Shape
from sixgig.mim.network import build_network
from sixgig.mim.optimisation import Optimisation
from sixgig.mim.settings import Settings
from sixgig.mim.training import train
from sixgig.training.checkpoints import CheckpointStore

SHAPE = Shape(
    width=16, depth=1, heads=2, mlp_width=32, decoder_width=16, decoder_depth=1, decoder_heads=2, decoder_mlp_width=32
)
VOLUMES = Geometry((8, 8, 8), (4, 4, 4), 2)
IMAGES = Geometry((8, 8), (4, 4), 3)
SETTINGS = Settings(
    objective="mae",
    mask_ratio=0.5,
    steps=10,
    batch_size=4,
    learning_rate=1e-2,
    minimum_learning_rate=1e-3,
    warmup_steps=2,
    weight_decay=0.05,
    seed=3,
    threads=1,
    checkpoint_seconds=1000,
    evaluation_items=6,
)


def settings(**changes):
    return replace(SETTINGS, **changes)


def network(objective="mae", geometry=VOLUMES, shape=SHAPE, seed=1):
    channels = geometry.channels
    return build_network(objective, geometry, shape, [0.5] * channels, [0.25] * channels, seed)


def volumes(n=6, size=(10, 9, 8), modalities=2, seed=0):
    """Volumes of a fixed pattern, brighter or darker: what is hidden can be told from what is seen."""
    rng = np.random.default_rng(seed)
    pattern = rng.random((1, *size, modalities))
    return (pattern * rng.uniform(0.2, 1.0, (n, 1, 1, 1, 1))).astype(np.float16)


def images(n=6, size=(8, 8), seed=0):
    rng = np.random.default_rng(seed)
    pattern = rng.random((1, *size, 3))
    return (255 * pattern * rng.uniform(0.2, 1.0, (n, 1, 1, 1))).astype(np.uint8)


def sources(geometry=VOLUMES, seed=5, size=(10, 9, 8)):
    """Items of pretraining and of evaluation subjects; ``size`` is that of volumes."""
    if geometry.dimensions == 3:
        array = volumes(size=size)
        return VolumeCrops(array, range(4), geometry.crop, seed=seed), VolumeCrops(array, (4, 5), geometry.crop, seed=9)
    array = images()
    return ImageRows(array, range(4), seed=seed), ImageRows(array, (4, 5), seed=9)


def no_report(event):
    pass


def run(folder, report=no_report, net=None, geometry=VOLUMES, scaler=None, data=None, **changes):
    chosen = settings(**changes)
    net = network(chosen.objective, geometry) if net is None else net
    items = sources(geometry) if data is None else data
    return net, train(net, *items, chosen, "cpu", CheckpointStore(folder), report, scaler)


def batch_of(chosen, step=0):
    parts = [part for part, _ in micro_batches(sources()[0], VOLUMES, chosen, step, pin=False)]
    return parts[: math.ceil(chosen.batch_size / chosen.micro_batch)]


def accumulated(chosen, scaler=None):
    optimisation = Optimisation(network(), chosen, "cpu", scaler)
    for x, visible, masked, share, _ in batch_of(chosen):
        optimisation.accumulate(x, visible, masked, share)
    return optimisation


def gradient(optimisation):
    return torch.cat([p.grad.flatten() for p in optimisation.network.parameters()])


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])
