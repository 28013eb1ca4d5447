"""What lives at once during an inference pass, against hand counts."""

import torch
from torch import nn
from torch.nn import functional

from sixgig.weights.live import most_alive


def alive(run, *shape):
    return most_alive(run, torch.empty(*shape, device="meta"))


def test_a_convolution_halves_its_input_and_its_result():
    convolution = nn.Conv2d(3, 8, 1, device="meta")
    assert alive(convolution, 1, 3, 4, 4) == 3 * 16 + 8 * 16  # the copy of the image, and the result


def test_what_is_let_go_counts_no_more():
    layers = nn.Sequential(*(nn.Conv2d(4, 4, 1, device="meta") for _ in range(5)))
    assert alive(layers, 1, 4, 4, 4) == 2 * 64  # a layer's input and its result, however many layers


def test_softmax_and_layer_norm_keep_float32():
    assert alive(lambda x: x.softmax(-1), 2, 10) == 2 * 20
    assert alive(nn.LayerNorm(10, device="meta"), 2, 10) == 2 * 20


def test_batch_norm_keeps_the_type_that_it_gets():
    layers = nn.Sequential(nn.Conv2d(4, 4, 1, device="meta"), nn.BatchNorm2d(4, device="meta")).eval()
    assert alive(layers, 1, 4, 4, 4) == 2 * 64


def test_a_residual_in_float32_widens_the_sum():
    linear = nn.Linear(10, 10, device="meta")
    assert alive(lambda x: x + linear(x), 2, 10) == 20 + 2 * 20  # 16 bits of the branch, 32 of the sum


def test_views_and_constants_take_nothing():
    constant = torch.empty(1000, device="meta")
    assert alive(lambda x: (x.view(20), x.t(), constant * 2), 2, 10) == 0


def test_scores_count_where_attention_is_not_fused():
    def run(x):
        return functional.scaled_dot_product_attention(x, x, x)

    assert alive(run, 1, 1, 6, 2) == 3 * 12 + 12
    assert alive(run, 1, 6, 2) == 3 * 12 + 12 + 4 * 36
