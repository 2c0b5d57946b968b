"""The algorithm that conv chooses for well-known layers, so that a change of the costs is seen.

A choice is not a promise: whoever changes the costs measures, and writes the new choices down here.
`pytest -s` shows the table.
"""

from forcing import layer_of

from cnnops_cli.ops.convolution.costs import BANDS, COLUMNS, FOURIER, estimate_costs
from cnnops_cli.ops.convolution.plan import plan_convolution


def depthwise(channels, side, size, stride=1, items=1):
    options = {"stride": stride, "padding": size // 2, "groups": channels}
    return (items, channels, side, side), (channels, 1, size, size), options


def square(channels, side, size=3, items=1, **options):
    shape, weight = (items, channels, side, side), (channels, channels, size, size)
    return shape, weight, {"padding": size // 2} | options


def photograph(colours, size):
    return (1, colours, 768, 1024), (colours, colours, size, size), {"padding": size // 2}


LAYERS = {
    "ResNet-50 first, 7x7/2": ((1, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
    "ResNet-50 first, 7x7/2, 8 items": (
        *((8, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
    ),
    "ResNet-50 3x3, 64 channels": square(64, 56),
    "ResNet-50 3x3, 128 channels": square(128, 28),
    "ResNet-50 3x3, 256 channels": square(256, 14),
    "ResNet-50 3x3, 512 channels": square(512, 7),
    "ResNet-50 3x3, 64 channels, 16 items": square(64, 56, items=16),
    "ResNet-50 3x3, 512 channels, 8 items": square(512, 7, items=8),
    "ResNet-50 3x3/2, 128 channels": square(128, 56, stride=2),
    "ResNet-50 1x1, 64 to 256 channels": ((1, 64, 56, 56), (256, 64, 1, 1), {}),
    "ResNet-50 1x1, 512 to 2048 channels": ((1, 512, 7, 7), (2048, 512, 1, 1), {}),
    "ResNet-50 1x1/2, 256 to 512 channels": ((1, 256, 56, 56), (512, 256, 1, 1), {"stride": 2}),
    "MobileNet first, 3x3/2": ((1, 3, 224, 224), (32, 3, 3, 3), {"stride": 2, "padding": 1}),
    "MobileNet depthwise 3x3, 32": depthwise(32, 112, 3),
    "MobileNet depthwise 3x3/2, 144": depthwise(144, 56, 3, stride=2),
    "MobileNet depthwise 3x3, 384": depthwise(384, 14, 3),
    "MobileNet depthwise 3x3, 960": depthwise(960, 7, 3),
    "MobileNet depthwise 3x3, 192, 8 items": depthwise(192, 28, 3, items=8),
    "MobileNet depthwise 5x5, 120": depthwise(120, 28, 5),
    "MobileNet depthwise 5x5, 240, 8 items": depthwise(240, 14, 5, items=8),
    "ConvNeXt depthwise 7x7, 96": depthwise(96, 56, 7),
    "ResNeXt 32 groups of 4": ((1, 128, 56, 56), (128, 4, 3, 3), {"padding": 1, "groups": 32}),
    "ResNeXt 32 groups of 8": ((8, 256, 28, 28), (256, 8, 3, 3), {"padding": 1, "groups": 32}),
    "DeepLab dilation 2, 64 channels": square(64, 56, dilation=2, padding=2),
    "DeepLab dilation 12, 256 channels": square(256, 33, dilation=12, padding=12),
    "15x15, 16 channels": square(16, 64, 15),
    "photograph 3x3, grey": photograph(1, 3),
    "photograph 5x5, grey": photograph(1, 5),
    "photograph 11x11, grey": photograph(1, 11),
    "photograph 31x31, grey": photograph(1, 31),
    "photograph 3x3, RGB": photograph(3, 3),
    "photograph 5x5, RGB": photograph(3, 5),
    "photograph 11x11, RGB": photograph(3, 11),
    "photograph 31x31, RGB": photograph(3, 31),
    "audio 3, 64 channels": ((1, 64, 16000), (64, 64, 3), {"padding": 1}),
    "audio 400/160, 257 filters": ((1, 1, 160000), (257, 1, 400), {"stride": 160}),
    "audio 400": ((1, 1, 160000), (1, 1, 400), {}),
    "photograph 63x63, grey": photograph(1, 63),
    "audio 4097": ((1, 1, 160000), (1, 1, 4097), {}),
    "audio 1025": ((1, 1, 160000), (1, 1, 1025), {}),
    "video 3x3x3, 3 to 64 channels": ((1, 3, 16, 112, 112), (64, 3, 3, 3, 3), {"padding": 1}),
    "video 3x3x3, 64 channels": ((1, 64, 8, 28, 28), (64, 64, 3, 3, 3), {"padding": 1}),
    "scan 3x3x3, one channel": ((1, 1, 64, 128, 128), (1, 1, 3, 3, 3), {"padding": 1}),
}
EXPECTED = {
    "ResNet-50 first, 7x7/2": COLUMNS,
    "ResNet-50 first, 7x7/2, 8 items": COLUMNS,
    "ResNet-50 3x3, 64 channels": BANDS,
    "ResNet-50 3x3, 128 channels": COLUMNS,
    "ResNet-50 3x3, 256 channels": COLUMNS,
    "ResNet-50 3x3, 512 channels": COLUMNS,
    "ResNet-50 3x3, 64 channels, 16 items": BANDS,
    "ResNet-50 3x3, 512 channels, 8 items": COLUMNS,
    "ResNet-50 3x3/2, 128 channels": COLUMNS,
    "ResNet-50 1x1, 64 to 256 channels": COLUMNS,
    "ResNet-50 1x1, 512 to 2048 channels": COLUMNS,
    "ResNet-50 1x1/2, 256 to 512 channels": COLUMNS,
    "MobileNet first, 3x3/2": COLUMNS,
    "MobileNet depthwise 3x3, 32": BANDS,
    "MobileNet depthwise 3x3/2, 144": BANDS,
    "MobileNet depthwise 3x3, 384": BANDS,
    "MobileNet depthwise 3x3, 960": BANDS,
    "MobileNet depthwise 3x3, 192, 8 items": BANDS,
    "MobileNet depthwise 5x5, 120": BANDS,
    "MobileNet depthwise 5x5, 240, 8 items": BANDS,
    "ConvNeXt depthwise 7x7, 96": BANDS,
    "ResNeXt 32 groups of 4": BANDS,
    "ResNeXt 32 groups of 8": BANDS,
    "DeepLab dilation 2, 64 channels": BANDS,
    "DeepLab dilation 12, 256 channels": COLUMNS,
    "15x15, 16 channels": BANDS,
    "photograph 3x3, grey": BANDS,
    "photograph 5x5, grey": BANDS,
    "photograph 11x11, grey": BANDS,
    "photograph 31x31, grey": FOURIER,
    "photograph 3x3, RGB": BANDS,
    "photograph 5x5, RGB": BANDS,
    "photograph 11x11, RGB": BANDS,
    "photograph 31x31, RGB": FOURIER,
    "audio 3, 64 channels": BANDS,
    "audio 400/160, 257 filters": COLUMNS,
    "audio 400": BANDS,
    "photograph 63x63, grey": FOURIER,
    "audio 4097": FOURIER,
    "audio 1025": FOURIER,
    "video 3x3x3, 3 to 64 channels": COLUMNS,
    "video 3x3x3, 64 channels": BANDS,
    "scan 3x3x3, one channel": BANDS,
}


def test_the_choices_for_known_layers():
    chosen = {}
    print(f"\n{'layer':40}{'chosen':26}{'sizes':>14}{'tiles':>6}  estimates in milliseconds")
    for name, (shape, weight, options) in LAYERS.items():
        layer = layer_of(shape, weight, **options)
        plan = plan_convolution(layer)
        least: dict[str, float] = {}
        for (algorithm, _), cost in estimate_costs(layer).items():
            least[algorithm] = min(cost, least.get(algorithm, cost))
        estimates = ", ".join(f"{cost / 1e6:.2f} {each}" for each, cost in least.items())
        chosen[name] = plan.algorithm
        mark = "" if plan.algorithm == EXPECTED[name] else f"  WAS {EXPECTED[name]}"
        print(
            f"{name:40}{plan.algorithm:26}{plan.sizes!s:>14}{len(plan.tiles):6}  {estimates}{mark}"
        )
    assert chosen == EXPECTED
