"""What the tests of the contrastive training share: settings of a tiny one."""

from sixgig.contrastive.settings import Settings

SETTINGS = Settings(
    loss="g_d",
    batch_size=4,
    partitions=2,
    steps=6,
    local_steps=0,
    learning_rate=1e-3,
    warmup_steps=0,
    temperature=0.1,
    crop_fraction=0.75,
    brightness=0.3,
    contrast_low=0.7,
    contrast_high=1.3,
    frozen_blocks=0,
    micro_batch_size=0,
    token="cls",
    patience=0,
    precision="float32",
    reference_batching=False,
    seed=7,
    threads=1,
    evidence_images=16,
    checkpoint_seconds=0.0,
)
