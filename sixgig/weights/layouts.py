"""Whose names a checkpoint uses: one table of regular expressions for each publisher's layout.

A rule is a pattern that has to match the whole of a published name and what that tensor is called in timm. ``name#1``
is part 1 of a tensor that timm keeps fused (query, key and value; both halves of a gated layer). ``a@0:1|b@1:3`` cuts a
tensor into thirds of its rows. The names are facts out of the public model files and of the libraries that build these
networks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from sixgig.weights.layout_names import LAYOUT_NAMES

Target = str | Callable[[re.Match[str]], str]
Rule = tuple[str, Target]

_PARTS = {"query": 0, "key": 1, "value": 2, "q_proj": 0, "k_proj": 1, "v_proj": 2}
_QKV = "(query|key|value|q_proj|k_proj|v_proj)"


def _qkv(match: re.Match[str]) -> str:
    """Return timm's name of query, key or value: groups are the block, the part, and weight or bias."""
    return f"blocks.{match[1]}.attn.qkv.{match[3]}#{_PARTS[match[2]]}"


def _stage(text: str, first: int = 1) -> Callable[[re.Match[str]], str]:
    """Count stages as timm does: torchvision has stem, stage, merging, stage, merging and so on in one row."""
    return lambda match: match.expand(text).replace("STAGE", str((int(match[1]) - first) // 2))


#: Children of torchvision's networks in an ``nn.Sequential``, as RadImageNet's PyTorch files have them.
_RESNET_CHILDREN = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}

LAYOUTS: Mapping[str, Sequence[Rule]] = {
    "timm": (),
    # Meta's DINOv2, and what is trained with its code: blocks may stand in chunks.
    "dinov2": (
        (r"register_tokens", "reg_token"),
        (r"blocks\.(?:\d+\.)?(\d+)\.mlp\.w12\.(.+)", r"blocks.\1.mlp.fc1.\2"),
        (r"blocks\.(?:\d+\.)?(\d+)\.mlp\.w3\.(.+)", r"blocks.\1.mlp.fc2.\2"),
        (r"blocks\.\d+\.(\d+)\.(.+)", r"blocks.\1.\2"),
    ),
    # ViT, DINOv2 and DINOv2 with registers of Hugging Face, whose version 5 calls some of it otherwise.
    "huggingface_vit": (
        (r"embeddings\.cls_token", "cls_token"),
        (r"embeddings\.position_embeddings", "pos_embed"),
        (r"embeddings\.register_tokens", "reg_token"),
        (r"embeddings\.mask_token", "mask_token"),
        (r"embeddings\.patch_embeddings\.projection\.(.+)", r"patch_embed.proj.\1"),
        (rf"(?:encoder\.)?layers?\.(\d+)\.attention\.(?:attention\.)?{_QKV}\.(.+)", _qkv),
        (r"(?:encoder\.)?layers?\.(\d+)\.attention\.(?:output\.dense|o_proj)\.(.+)", r"blocks.\1.attn.proj.\2"),
        (r"(?:encoder\.)?layers?\.(\d+)\.(?:layernorm_before|norm1)\.(.+)", r"blocks.\1.norm1.\2"),
        (r"(?:encoder\.)?layers?\.(\d+)\.(?:layernorm_after|norm2)\.(.+)", r"blocks.\1.norm2.\2"),
        (r"(?:encoder\.)?layers?\.(\d+)\.layer_scale([12])\.lambda1", r"blocks.\1.ls\2.gamma"),
        (r"(?:encoder\.)?layers?\.(\d+)\.(?:intermediate\.dense|mlp\.fc1|mlp\.weights_in)\.(.+)",
         r"blocks.\1.mlp.fc1.\2"),
        (r"(?:encoder\.)?layers?\.(\d+)\.(?:output\.dense|mlp\.fc2|mlp\.weights_out)\.(.+)", r"blocks.\1.mlp.fc2.\2"),
        (r"(?:encoder\.)?layers?\.(\d+)\.mlp\.gate_proj\.(.+)", r"blocks.\1.mlp.fc1.\2#0"),
        (r"(?:encoder\.)?layers?\.(\d+)\.mlp\.up_proj\.(.+)", r"blocks.\1.mlp.fc1.\2#1"),
        (r"(?:encoder\.)?layers?\.(\d+)\.mlp\.down_proj\.(.+)", r"blocks.\1.mlp.fc2.\2"),
        (r"layernorm\.(.+)", r"norm.\1"),
    ),
    # Vision towers of CLIP and SigLIP of Hugging Face; `pre_layrnorm` is spelt so there.
    "huggingface_clip": (
        (r"embeddings\.class_embedding", "cls_token"),
        (r"embeddings\.position_embedding\.weight", "pos_embed"),
        (r"embeddings\.patch_embedding\.(.+)", r"patch_embed.proj.\1"),
        (r"pre_layrnorm\.(.+)", r"norm_pre.\1"),
        (rf"encoder\.layers\.(\d+)\.self_attn\.{_QKV}\.(.+)", _qkv),
        (r"encoder\.layers\.(\d+)\.self_attn\.out_proj\.(.+)", r"blocks.\1.attn.proj.\2"),
        (r"encoder\.layers\.(\d+)\.layer_norm([12])\.(.+)", r"blocks.\1.norm\2.\3"),
        (r"encoder\.layers\.(\d+)\.mlp\.(.+)", r"blocks.\1.mlp.\2"),
        (r"post_layernorm\.(.+)", r"norm.\1"),
        (r"head\.probe", "attn_pool.latent"),
        (r"head\.attention\.in_proj_(weight|bias)", r"attn_pool.q.\1@0:1|attn_pool.kv.\1@1:3"),
        (r"head\.attention\.out_proj\.(.+)", r"attn_pool.proj.\1"),
        (r"head\.layernorm\.(.+)", r"attn_pool.norm.\1"),
        (r"head\.mlp\.(.+)", r"attn_pool.mlp.\1"),
    ),
    # open_clip's own vision transformer, which is also OpenAI's.
    "open_clip": (
        (r"class_embedding", "cls_token"),
        (r"positional_embedding", "pos_embed"),
        (r"conv1\.(.+)", r"patch_embed.proj.\1"),
        (r"ln_pre\.(.+)", r"norm_pre.\1"),
        (r"ln_post\.(.+)", r"norm.\1"),
        (r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)", r"blocks.\1.attn.qkv.\2"),
        (r"transformer\.resblocks\.(\d+)\.attn\.out_proj\.(.+)", r"blocks.\1.attn.proj.\2"),
        (r"transformer\.resblocks\.(\d+)\.ln_([12])\.(.+)", r"blocks.\1.norm\2.\3"),
        (r"transformer\.resblocks\.(\d+)\.ls_([12])\.gamma", r"blocks.\1.ls\2.gamma"),
        (r"transformer\.resblocks\.(\d+)\.mlp\.c_fc\.(.+)", r"blocks.\1.mlp.fc1.\2"),
        (r"transformer\.resblocks\.(\d+)\.mlp\.c_proj\.(.+)", r"blocks.\1.mlp.fc2.\2"),
    ),
    "torchvision_vit": (
        (r"class_token", "cls_token"),
        (r"conv_proj\.(.+)", r"patch_embed.proj.\1"),
        (r"encoder\.pos_embedding", "pos_embed"),
        (r"encoder\.layers\.encoder_layer_(\d+)\.ln_([12])\.(.+)", r"blocks.\1.norm\2.\3"),
        (r"encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_(weight|bias)", r"blocks.\1.attn.qkv.\2"),
        (r"encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\.(.+)", r"blocks.\1.attn.proj.\2"),
        (r"encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:0|linear_1)\.(.+)", r"blocks.\1.mlp.fc1.\2"),
        (r"encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:3|linear_2)\.(.+)", r"blocks.\1.mlp.fc2.\2"),
        (r"encoder\.ln\.(.+)", r"norm.\1"),
    ),
    "torchvision_swin": (
        (r"features\.0\.0\.(.+)", r"patch_embed.proj.\1"),
        (r"features\.0\.2\.(.+)", r"patch_embed.norm.\1"),
        (r"features\.([1357])\.(\d+)\.mlp\.0\.(.+)", _stage(r"layers.STAGE.blocks.\2.mlp.fc1.\3")),
        (r"features\.([1357])\.(\d+)\.mlp\.3\.(.+)", _stage(r"layers.STAGE.blocks.\2.mlp.fc2.\3")),
        (r"features\.([1357])\.(\d+)\.(.+)", _stage(r"layers.STAGE.blocks.\2.\3")),
        (r"features\.([246])\.(reduction|norm)\.(.+)", _stage(r"layers.STAGE.downsample.\2.\3", first=0)),
    ),
    "torchvision_convnext": (
        (r"features\.0\.([01])\.(.+)", r"stem.\1.\2"),
        (r"features\.([1357])\.(\d+)\.block\.0\.(.+)", _stage(r"stages.STAGE.blocks.\2.conv_dw.\3")),
        (r"features\.([1357])\.(\d+)\.block\.2\.(.+)", _stage(r"stages.STAGE.blocks.\2.norm.\3")),
        (r"features\.([1357])\.(\d+)\.block\.3\.(.+)", _stage(r"stages.STAGE.blocks.\2.mlp.fc1.\3")),
        (r"features\.([1357])\.(\d+)\.block\.5\.(.+)", _stage(r"stages.STAGE.blocks.\2.mlp.fc2.\3")),
        (r"features\.([1357])\.(\d+)\.layer_scale", _stage(r"stages.STAGE.blocks.\2.gamma")),
        (r"features\.([246])\.([01])\.(.+)", _stage(r"stages.STAGE.downsample.\2.\3", first=0)),
        (r"classifier\.0\.(.+)", r"head.norm.\1"),
        (r"classifier\.2\.(.+)", r"head.fc.\1"),
    ),
    "sequential": (
        (r"0\.((?:conv0|norm0|norm5|denseblock\d|transition\d)\..+)", r"features.\1"),
        (r"([014567])\.(.+)", lambda match: f"{_RESNET_CHILDREN[match[1]]}.{match[2]}"),
    ),
}  # fmt: skip
assert tuple(LAYOUTS) == LAYOUT_NAMES

_COMPILED = {layout: [(re.compile(pattern), target) for pattern, target in rules] for layout, rules in LAYOUTS.items()}


def rename(name: str, layout: str) -> str:
    """Return what a layout's tensor is called in timm; a name that no rule knows stays."""
    for pattern, target in _COMPILED[layout]:
        match = pattern.fullmatch(name)
        if match:
            return target(match) if callable(target) else match.expand(target)
    return name
