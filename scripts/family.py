"""The operators of the involution's family under the names of other libraries, in PyTorch, each from its own definition.

A single file that can be imported on its own; scripts/against_pytorch.py draws calls from it. Each entry of `FAMILY` is a
function of a random generator that gives the attributes for `involution op involution`, the tensors for it, and a function
that computes the result from the same tensors in 64 bits. Layouts, borders and groups are written out here as the source of
the name has them, and do not go through the attributes.
"""

import torch
import torch.nn.functional as F


def size_text(sizes):
    height, width = sizes
    return str(height) if height == width else f"{height}x{width}"


def attributes(**given):
    return {name: str(value) for name, value in given.items()}


def blocked(channels, groups):
    """The group of each channel: neighbours share one."""
    return torch.arange(channels) // (channels // groups)


def interleaved(channels, groups):
    """The group of each channel: every so many share one."""
    return torch.arange(channels) % groups


def images(rng, channels, least=(1, 1), most=13):
    return (rng.randint(1, 3), channels, *(rng.randint(low, max(low, most)) for low in least))


def channels_of(rng, groups):
    return groups * rng.choice((1, 2, 3, 4, 8, 9, 17))


# ---------------------------------------------------------------------------------------------
# d-li14/involution


def draw_involution(rng):
    groups = rng.randint(1, 4)
    channels = channels_of(rng, groups)
    kernel, stride = rng.choice((3, 5, 7)), rng.choice((1, 1, 2))
    shape = images(rng, channels, (2, 2), 16)
    shape = (*shape[:2], *(side - side % stride for side in shape[2:]))
    down, across = (side // stride for side in shape[2:])
    tensors = {"x": torch.randn(shape), "kernel": torch.randn(shape[0], groups * kernel**2, down, across)}

    def result(x, kernel_maps):
        # As the paper's pseudocode has it: unfold, view by groups, multiply, sum over the taps.
        unfolded = F.unfold(x, kernel, 1, (kernel - 1) // 2, stride)
        unfolded = unfolded.view(shape[0], groups, channels // groups, kernel**2, down, across)
        weight = kernel_maps.view(shape[0], groups, kernel**2, down, across).unsqueeze(2)
        return (weight * unfolded).sum(3).view(shape[0], channels, down, across)

    attrs = attributes(kernel_size=kernel, stride=stride, padding=(kernel - 1) // 2, groups=groups)
    return attrs, tensors, result


# ---------------------------------------------------------------------------------------------
# SKA of LSNet; aggregation of SAN and CoTNet


def draw_ska(rng):
    groups, kernel = rng.choice((1, 2, 3, 8)), rng.choice((3, 5, 7))
    channels = channels_of(rng, groups)
    n, _, h, w = images(rng, channels)
    tensors = {"x": torch.randn(n, channels, h, w), "kernel": torch.randn(n, groups, kernel**2, h, w)}

    def result(x, weight):
        # A thread for each output value: channel c takes the weight c % groups.
        y = torch.zeros_like(x)
        reach = kernel // 2
        padded = F.pad(x, (reach,) * 4)
        for tap in range(kernel**2):
            row, column = divmod(tap, kernel)
            value = padded[:, :, row : row + h, column : column + w]
            y += value * weight[:, interleaved(channels, groups), tap]
        return y

    attrs = attributes(kernel_size=kernel, padding="same", groups=groups, channel_order="interleaved")
    return attrs, tensors, result


def draw_aggregation(rng, border):
    groups, kernel = rng.choice((1, 2, 4)), (rng.choice((1, 3, 5, 7)), rng.choice((3, 5, 7)))
    dilation, stride = rng.choice((1, 1, 2)), rng.choice((1, 1, 2))
    channels = channels_of(rng, groups)
    padding = [(dilation * (k - 1) + 1) // 2 for k in kernel]
    n, _, h, w = images(rng, channels, [p + 1 for p in padding])
    down, across = (
        (side + 2 * p - dilation * (k - 1) - 1) // stride + 1
        for side, p, k in zip((h, w), padding, kernel)
    )
    tensors = {
        "x": torch.randn(n, channels, h, w),
        "kernel": torch.randn(n, groups, kernel[0] * kernel[1], down, across),
    }

    def result(x, weight):
        around = (padding[1], padding[1], padding[0], padding[0])
        padded = F.pad(x, around, mode="reflect") if border == "reflect" else F.pad(x, around)
        unfolded = F.unfold(padded, kernel, dilation, 0, stride).view(n, channels // groups, groups, -1, down * across)
        weight = weight.view(n, 1, groups, -1, down * across)
        return (weight * unfolded).sum(-2).view(n, channels, down, across)

    attrs = attributes(
        kernel_size=size_text(kernel),
        stride=stride,
        padding=size_text(padding),
        dilation=dilation,
        groups=groups,
        channel_order="interleaved",
        border=border,
    )
    return attrs, tensors, result


def draw_aggregation_zeropad(rng):
    return draw_aggregation(rng, "zero")


def draw_aggregation_refpad(rng):
    return draw_aggregation(rng, "reflect")


# ---------------------------------------------------------------------------------------------
# NATTEN


def neighbours(length, taps, dilation):
    """For each query of an axis its keys, by brute force: of the runs of `taps` keys of its own residue, the one whose
    middle is nearest to it."""
    found = []
    for query in range(length):
        own = [key for key in range(length) if (key - query) % dilation == 0]
        runs = [own[start : start + taps] for start in range(len(own) - taps + 1)]
        found.append(min(runs, key=lambda run: abs(run[taps // 2] - query)))
    return found


def draw_attention(rng, axes):
    heads, depth = rng.randint(1, 4), rng.choice((1, 2, 4, 8, 9))
    kernel = [rng.choice((3, 5, 7, 13)) for _ in range(axes)]
    dilation = [rng.choice((1, 1, 2, 3)) for _ in range(axes)]
    size = [k * d + rng.choice((0, 1, 2, 5)) for k, d in zip(kernel, dilation)]
    n = rng.randint(1, 2)
    values = torch.randn(n, heads, *size, depth)
    taps = 1
    for k in kernel:
        taps *= k
    attention = torch.randn(n, heads, *size, taps).softmax(-1)
    taps_last = rng.random() < 0.6
    image = [1] * (2 - axes) + size
    kernel2, dilation2 = [1] * (2 - axes) + kernel, [1] * (2 - axes) + dilation
    weights = attention.view(n, heads, *image, taps)
    if not taps_last:
        weights = weights.permute(0, 1, 4, 2, 3)
        weights = weights.flatten(1, 2) if rng.random() < 0.5 else weights
    x = values.view(n, heads, *image, depth).permute(0, 1, 4, 2, 3).flatten(1, 2)
    tensors = {"x": x.contiguous(), "kernel": weights.contiguous()}

    def result(x, _):
        value = x.view(n, heads, depth, *image).permute(0, 1, 3, 4, 2)
        rows, columns = (neighbours(*axis) for axis in zip(image, kernel2, dilation2))
        share = attention.double().view(n, heads, *image, taps)
        y = torch.zeros_like(value)
        for i in range(image[0]):
            for j in range(image[1]):
                keys = value[:, :, rows[i]][:, :, :, columns[j]].flatten(2, 3)
                y[:, :, i, j] = (share[:, :, i, j, :, None] * keys).sum(2)
        return y.permute(0, 1, 4, 2, 3).flatten(1, 2)

    attrs = attributes(
        kernel_size=size_text(kernel2),
        dilation=size_text(dilation2),
        padding="same",
        groups=heads,
        border="shift",
        kernel_layout="taps_last" if taps_last else "taps_first",
    )
    return attrs, tensors, result


def draw_na1d_av(rng):
    return draw_attention(rng, 1)


def draw_na2d_av(rng):
    return draw_attention(rng, 2)


# ---------------------------------------------------------------------------------------------
# CARAFE, RAFT


def reassemble(x, masks, kernel, groups, scale):
    """Every output pixel by itself: what lies around the position that it belongs to, weighed by its mask."""
    n, channels, h, w = x.shape
    reach = kernel // 2
    padded = F.pad(x, (reach,) * 4)
    y = x.new_zeros(n, channels, h * scale, w * scale)
    group = blocked(channels, groups)
    masks = masks.unflatten(1, (groups, kernel**2))
    for i in range(h * scale):
        for j in range(w * scale):
            top, left = i // scale, j // scale
            around = padded[:, :, top : top + kernel, left : left + kernel].flatten(2)
            y[:, :, i, j] = (around * masks[:, group, :, i, j]).sum(-1)
    return y


def draw_carafe(rng, normalised=False):
    kernel, groups, scale = rng.choice((3, 5, 7)), rng.choice((1, 1, 2, 4)), rng.choice((1, 2, 2, 3, 4))
    channels = channels_of(rng, groups)
    n, _, h, w = images(rng, channels, most=7)
    maps = groups * kernel**2
    if normalised:
        masks = torch.randn(n, maps * scale**2, h, w)
    else:
        masks = torch.rand(n, maps, h * scale, w * scale)
    tensors = {"x": torch.randn(n, channels, h, w), "kernel": masks}

    def result(x, masks):
        if normalised:
            # The kernel normaliser of mmcv's module.
            masks = F.pixel_shuffle(masks, scale)
            masks = masks.view(n, groups, kernel**2, -1).softmax(2).view(n, maps, h * scale, w * scale)
        return reassemble(x, masks, kernel, groups, scale)

    attrs = attributes(kernel_size=kernel, padding=kernel // 2, groups=groups, upsample=scale)
    if normalised:
        attrs |= attributes(softmax="true", kernel_layout="before_pixel_shuffle")
    return attrs, tensors, result


def draw_carafe_normalised(rng):
    return draw_carafe(rng, normalised=True)


def draw_convex_upsample(rng):
    factor = rng.choice((8, 8, 4, 2))
    n, _, h, w = images(rng, 2, most=7)
    tensors = {"x": factor * torch.randn(n, 2, h, w), "kernel": torch.randn(n, 9 * factor**2, h, w)}

    def result(flow, mask):
        # mask [N, 9, factor, factor, H, W]: convex combinations of the nine positions around each.
        mask = mask.view(n, 9, factor, factor, h, w).softmax(1)
        around = F.unfold(flow, 3, padding=1).view(n, 2, 9, h, w)
        return torch.einsum("ntabij,nctij->nciajb", mask, around).reshape(n, 2, h * factor, w * factor)

    attrs = attributes(
        kernel_size=3, padding=1, upsample=factor, softmax="true", kernel_layout="before_pixel_shuffle"
    )
    return attrs, tensors, result


# ---------------------------------------------------------------------------------------------
# fairseq; kernel prediction


def draw_dynamic_conv1d(rng):
    heads, taps = rng.choice((1, 2, 4, 8)), rng.choice((1, 3, 4, 7, 15, 31))
    channels = channels_of(rng, heads)
    n, length = rng.randint(1, 3), rng.randint(1, 40)
    left = taps - 1 if rng.random() < 0.5 else taps // 2
    logits = torch.randn(length, n, heads * taps)
    tensors = {
        "x": torch.randn(n, channels, 1, length),
        "kernel": logits.permute(1, 2, 0).unsqueeze(2).contiguous(),
    }

    def result(x, _):
        # [T, B, C] as fairseq has it: unfold over time, softmax over the taps of a head, a product for each position.
        sequence = x.squeeze(2).permute(2, 0, 1)
        padded = F.pad(sequence, (0, 0, 0, 0, left, taps - 1 - left))
        windows = padded.unfold(0, taps, 1).reshape(length * n * heads, channels // heads, taps)
        weight = logits.double().view(length * n * heads, taps).softmax(1)
        y = torch.bmm(windows, weight.unsqueeze(2)).view(length, n, channels)
        return y.permute(1, 2, 0).unsqueeze(2)

    attrs = attributes(
        kernel_size=f"1x{taps}", padding=f"0,{left},0,{taps - 1 - left}", groups=heads, softmax="true"
    )
    return attrs, tensors, result


def draw_kernel_prediction(rng):
    kernel, channels = rng.choice((3, 5, 11, 21, 51)), rng.choice((1, 3, 4))
    n, _, h, w = images(rng, channels)
    tensors = {"x": torch.randn(n, channels, h, w), "kernel": torch.rand(n, kernel**2, h, w) / kernel}

    def result(x, filters):
        reach = kernel // 2
        padded = F.pad(x, (reach,) * 4)
        y = torch.zeros_like(x)
        for row in range(kernel):
            for column in range(kernel):
                tap = filters[:, row * kernel + column].unsqueeze(1)
                y += tap * padded[:, :, row : row + h, column : column + w]
        return y

    return attributes(kernel_size=kernel, padding="same"), tensors, result


FAMILY = {
    name.removeprefix("draw_"): draw
    for name, draw in list(globals().items())
    if name.startswith("draw_") and name not in ("draw_aggregation", "draw_attention")
}
