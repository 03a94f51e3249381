"""The layers and networks of this library in PyTorch, with the same state_dict() names.

    pip install torch
    python scripts/twins.py        # parameter counts and FLOPs of RedNet and LSNet against the published ones

Written from the definitions, for comparisons and for making weights: simple, not fast. A single file that can be
copied and imported on its own. Tested with Python 3.11 and torch 2.15.0.

Tensors are NCHW, or [N, C, L] for one-dimensional layers. `feature_maps(x)` of a network returns a dictionary of "c2"
(stride 4) to "c5" (stride 32), of LSNet "c3" to "c6"; `forward(x)` returns the logits, before softmax.
"""

import functools
import sys

import torch
import torch.nn.functional as F
from torch import nn

# ---------------------------------------------------------------------------------------------
# Involution


def pair(value):
    """3 becomes (3, 3); (3, 5) is returned as it is. Height first."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def out_size(size, kernel, stride, padding, dilation):
    """Output height and width of a sliding window."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation)
    )


def involve(values, kernels, kernel_size, stride, padding, dilation, groups):
    """The involution: the sum over the taps of each window, each times the kernel value of its pixel and group.

    values [N, C, H, W]; kernels [N, groups * Kh * Kw, H', W'], taps innermost, row by row.
    """
    n, channels, *size = values.shape
    height, width = out_size(size, kernel_size, stride, padding, dilation)
    if tuple(kernels.shape[2:]) != (height, width):
        raise ValueError(f"a kernel map of {tuple(kernels.shape[2:])} for an output of {(height, width)}")
    taps = kernel_size[0] * kernel_size[1]
    windows = F.unfold(values, kernel_size, dilation, padding, stride)
    windows = windows.view(n, groups, channels // groups, taps, height * width)
    weights = kernels.reshape(n, groups, 1, taps, height * width)
    return (windows * weights).sum(3).view(n, channels, height, width)


class ConvBn(nn.Module):
    """A convolution `conv` without bias, and its batch normalisation `bn`."""

    def __init__(self, inputs, outputs, kernel_size=1, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.bn(self.conv(x)))


class Bare(nn.Module):
    """A convolution `conv` with a bias."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        return self.conv(x)


class Involution2dDli14(nn.Module):
    """The involution of d-li14/involution, which keeps the number of channels; `group_channels` channels share a kernel."""

    def __init__(self, channels, kernel_size, stride=1, group_channels=16, reduction_ratio=4):
        super().__init__()
        if channels < group_channels or channels % group_channels:
            raise ValueError(f"{channels} channels are no multiple of {group_channels}")
        self.kernel_size, self.stride = pair(kernel_size), pair(stride)
        self.groups = channels // group_channels
        taps = self.kernel_size[0] * self.kernel_size[1]
        self.pool = nn.AvgPool2d(self.stride, self.stride) if self.stride != (1, 1) else nn.Identity()
        self.conv1 = ConvBn(channels, channels // reduction_ratio)
        self.conv2 = Bare(channels // reduction_ratio, taps * self.groups)

    def forward(self, x):
        kernels = self.conv2(self.conv1(self.pool(x)))
        padding = tuple((k - 1) // 2 for k in self.kernel_size)
        return involve(x, kernels, self.kernel_size, self.stride, padding, (1, 1), self.groups)


def sigma(mapping, channels, norm):
    """The part between the two convolutions of a kernel branch."""
    if mapping == "bn_relu":
        return nn.Sequential(norm(channels, momentum=0.3), nn.ReLU())
    return {"sigmoid": nn.Sigmoid}[mapping]()


class Involution2dReich(nn.Module):
    """The involution of ChristophReich1996/Involution, and of shikishima-TasakiLab.

    `force_shape_match` pools the input to as many regions as the output has pixels and makes the kernels from that, for
    any stride. The original then pools by the stride again, so it only works for stride 1, where both agree.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=7,
        stride=1,
        padding=3,
        dilation=1,
        groups=1,
        reduce_ratio=1,
        bias=False,
        sigma_mapping="bn_relu",
        force_shape_match=False,
    ):
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{in_channels} and {out_channels} channels in {groups} groups")
        self.kernel_size, self.stride = pair(kernel_size), pair(stride)
        self.padding, self.dilation = pair(padding), pair(dilation)
        self.groups, self.force_shape_match = groups, force_shape_match
        taps, hidden = self.kernel_size[0] * self.kernel_size[1], out_channels // reduce_ratio
        self.pool = nn.AvgPool2d(self.stride, self.stride)
        self.reduce_mapping = nn.Conv2d(in_channels, hidden, 1, bias=bias)
        self.sigma_mapping = sigma(sigma_mapping, hidden, nn.BatchNorm2d)
        self.span_mapping = nn.Conv2d(hidden, taps * groups, 1, bias=bias)
        self.initial_mapping = nn.Identity()
        if in_channels != out_channels:
            self.initial_mapping = nn.Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x):
        window = self.kernel_size, self.stride, self.padding, self.dilation
        if self.force_shape_match:
            seen = F.adaptive_avg_pool2d(x, out_size(x.shape[2:], *window))
        else:
            seen = self.pool(x)
        kernels = self.span_mapping(self.sigma_mapping(self.reduce_mapping(seen)))
        return involve(self.initial_mapping(x), kernels, *window, self.groups)


class Involution3d(nn.Module):
    """The involution of volumes of ChristophReich1996/Involution: as intended, or with `compatible_with_released` as it is.

    As released, it pads the width as far as the depth was to be padded, and takes the windows [N, C, P, T] of P places and T
    taps for [N, C, T, P].
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=7,
        stride=1,
        padding=3,
        dilation=1,
        groups=1,
        reduce_ratio=1,
        bias=False,
        sigma_mapping="bn_relu",
        force_shape_match=False,
        compatible_with_released=False,
    ):
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{in_channels} and {out_channels} channels in {groups} groups")
        sizes = kernel_size, stride, padding, dilation
        self.window = [n if isinstance(n, tuple) else (n, n, n) for n in sizes]
        self.groups, self.released = groups, compatible_with_released
        self.force_shape_match = force_shape_match
        hidden = out_channels // reduce_ratio
        taps = self.window[0][0] * self.window[0][1] * self.window[0][2]
        self.reduce_mapping = nn.Conv3d(in_channels, hidden, 1, bias=bias)
        self.sigma_mapping = sigma(sigma_mapping, hidden, nn.BatchNorm3d)
        self.span_mapping = nn.Conv3d(hidden, taps * groups, 1, bias=bias)
        self.initial_mapping = nn.Identity()
        if in_channels != out_channels:
            self.initial_mapping = nn.Conv3d(in_channels, out_channels, 1, bias=bias)

    def windows(self, values):
        """The values under each tap of each position: [N, C, D', H', W', Kd, Kh, Kw]."""
        kernel, stride, padding, dilation = self.window
        front, top, left = reversed(padding) if self.released else padding
        padded = F.pad(values, (left, left, top, top, front, front))
        for axis, (k, s, d) in enumerate(zip(kernel, stride, dilation)):
            padded = padded.unfold(2 + axis, d * (k - 1) + 1, s)[..., ::d]
        return padded

    def forward(self, x):
        stride = self.window[1]
        values = self.initial_mapping(x)
        if self.force_shape_match:
            seen = F.adaptive_avg_pool3d(x, out_size(x.shape[2:], *self.window))
        else:
            seen = F.avg_pool3d(x, stride, stride)
        kernels = self.span_mapping(self.sigma_mapping(self.reduce_mapping(seen)))
        n, channels, *size = self.windows(values).shape[:5]
        if tuple(kernels.shape[2:]) != tuple(size):
            raise ValueError(f"a kernel map of {tuple(kernels.shape[2:])} for an output of {size}")
        windows = self.windows(values).flatten(5).flatten(2, 4)
        places, taps = windows.shape[2:]
        if self.released:
            windows = windows.reshape(n, channels, taps, places)
        else:
            windows = windows.transpose(2, 3)
        windows = windows.reshape(n, self.groups, channels // self.groups, taps, places)
        weights = kernels.reshape(n, self.groups, 1, taps, places)
        return (windows * weights).sum(3).reshape(n, channels, *size)


class Involution1d(nn.Module):
    """`Involution2dReich` along one dimension: the same names, weights of Conv1d."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=7,
        stride=1,
        padding=3,
        dilation=1,
        groups=1,
        reduce_ratio=1,
        bias=False,
        sigma_mapping="bn_relu",
        force_shape_match=False,
    ):
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{in_channels} and {out_channels} channels in {groups} groups")
        self.window = kernel_size, stride, padding, dilation
        self.groups, self.force_shape_match = groups, force_shape_match
        hidden = out_channels // reduce_ratio
        self.pool = nn.AvgPool1d(stride, stride)
        self.reduce_mapping = nn.Conv1d(in_channels, hidden, 1, bias=bias)
        self.sigma_mapping = sigma(sigma_mapping, hidden, nn.BatchNorm1d)
        self.span_mapping = nn.Conv1d(hidden, kernel_size * groups, 1, bias=bias)
        self.initial_mapping = nn.Identity()
        if in_channels != out_channels:
            self.initial_mapping = nn.Conv1d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x):
        # The row of a picture that is one pixel high.
        window = tuple((idle, n) for idle, n in zip((1, 1, 0, 1), self.window))
        if self.force_shape_match:
            seen = F.adaptive_avg_pool1d(x, out_size((1, x.shape[2]), *window)[1])
        else:
            seen = self.pool(x)
        kernels = self.span_mapping(self.sigma_mapping(self.reduce_mapping(seen)))
        values = self.initial_mapping(x)
        return involve(values.unsqueeze(2), kernels.unsqueeze(2), *window, self.groups).squeeze(2)


# ---------------------------------------------------------------------------------------------
# Other layers


class Attention(nn.Module):
    """The mixing weights of K kernels for each sample: a row that sums to one."""

    def __init__(self, conv, in_planes, ratio, K, temperature):
        super().__init__()
        if temperature % 3 != 1:
            raise ValueError(f"the temperature has to be 3n + 1, not {temperature}")
        hidden = K if in_planes == 3 else int(in_planes * ratio) + 1
        self.fc1 = conv(in_planes, hidden, 1, bias=False)
        # That of volumes has none.
        self.fc2 = conv(hidden, K, 1, bias=conv is not nn.Conv3d)
        self.temperature = temperature

    def forward(self, x):
        mean = x.flatten(2).mean(2).reshape(*x.shape[:2], *[1] * (x.dim() - 2))
        return torch.softmax(self.fc2(torch.relu(self.fc1(mean))).flatten(1) / self.temperature, 1)


class DynamicConv(nn.Module):
    """A convolution whose weight is a mixture of K weights, mixed anew for each sample."""

    conv, function = None, None

    def __init__(
        self,
        in_planes,
        out_planes,
        kernel_size,
        ratio=0.25,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        K=4,
        temperature=34,
    ):
        super().__init__()
        dims = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}[self.conv]
        self.window = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        self.attention = Attention(self.conv, in_planes, ratio, K, temperature)
        self.weight = nn.Parameter(torch.empty(K, out_planes, in_planes // groups, *[kernel_size] * dims))
        self.bias = nn.Parameter(torch.zeros(K, out_planes)) if bias else None
        for weight in self.weight:
            nn.init.kaiming_uniform_(weight)

    def forward(self, x):
        mixed = []
        for sample, share in zip(x, self.attention(x)):
            weight = torch.einsum("k,k...->...", share, self.weight)
            bias = None if self.bias is None else share @ self.bias
            mixed.append(type(self).function(sample[None], weight, bias, **self.window))
        return torch.cat(mixed)


class DynamicConv2d(DynamicConv):
    conv, function = nn.Conv2d, staticmethod(F.conv2d)


class DynamicConv1d(DynamicConv):
    conv, function = nn.Conv1d, staticmethod(F.conv1d)


class DynamicConv3d(DynamicConv):
    conv, function = nn.Conv3d, staticmethod(F.conv3d)


class LocalAttention2d(nn.Module):
    """Attention of each pixel with a window of K x K taps around it, one sum after the other.

    `border` is zero, or shift: then the window is moved into the image, among the pixels of the same residue of the
    dilation, and the weights have the names of NATTEN. `mask` leaves out what lies outside of the image.
    """

    def __init__(
        self, dim, num_heads, kernel_size, dilation=1, border="zero", mask=False, qkv_bias=False, rel_pos_bias=False
    ):
        super().__init__()
        self.heads, self.size, self.dilation = num_heads, pair(kernel_size), pair(dilation)
        self.border, self.mask = border, mask
        if border == "shift":
            self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
            self.proj = nn.Linear(dim, dim, bias=qkv_bias)
        else:
            self.query, self.key, self.value = (nn.Conv2d(dim, dim, 1, bias=qkv_bias) for _ in range(3))
        self.rpb = None
        if rel_pos_bias:
            self.rpb = nn.Parameter(torch.randn(num_heads, *(2 * taps - 1 for taps in self.size)))

    def axis(self, length, taps, step):
        """For each position the places of its taps, and their distances from it in taps, from 0 on."""
        rows = []
        for position in range(length):
            first = position // step - taps // 2
            if self.border == "shift":
                last = len(range(position % step, length, step)) - taps
                first = min(max(first, 0), last)
            rows.append([position % step + step * (first + tap) for tap in range(taps)])
        places = torch.tensor(rows)
        return places, (places - torch.arange(length)[:, None]) // step + taps - 1

    def window(self, x, rows, columns):
        """[N, heads, d, H, W, taps]: zero outside of the image."""
        height, width = x.shape[2:]
        inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[None, :, None]
        found = x[:, :, rows.clamp(0, height - 1)[:, None, :, None], columns.clamp(0, width - 1)[None, :, None]]
        return (found * inside).flatten(-2).unflatten(1, (self.heads, -1)), inside.flatten(-2)

    def forward(self, x):
        if self.border == "shift":
            query, key, value = self.qkv(x.movedim(1, -1)).movedim(-1, 1).chunk(3, 1)
        else:
            query, key, value = self.query(x), self.key(x), self.value(x)
        (rows, down), (columns, across) = map(self.axis, x.shape[2:], self.size, self.dilation)
        keys, inside = self.window(key, rows, columns)
        query = query.unflatten(1, (self.heads, -1))
        logits = torch.einsum("nhdyx,nhdyxt->nhyxt", query * query.shape[2] ** -0.5, keys)
        if self.rpb is not None:
            logits = logits + self.rpb[:, down[:, None, :, None], across[None, :, None]].flatten(-2)
        if self.mask:
            logits = logits.masked_fill(~inside, float("-inf"))
        values, _ = self.window(value, rows, columns)
        y = torch.einsum("nhyxt,nhdyxt->nhdyx", logits.softmax(-1), values).flatten(1, 2)
        return self.proj(y.movedim(1, -1)).movedim(-1, 1) if self.border == "shift" else y


class DepthwiseSeparableConv2d(nn.Module):
    """A depthwise convolution and a 1x1 convolution."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, bias=True):
        super().__init__()
        self.depthwise = nn.Conv2d(
            in_channels, in_channels, kernel_size, stride, padding, dilation, groups=in_channels, bias=bias
        )
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


# ---------------------------------------------------------------------------------------------
# Other members of the family


class Carafe(nn.Module):
    """CARAFE with the branch that makes its kernels, under the names of mmcv's CARAFEPack."""

    def __init__(
        self,
        channels,
        scale_factor,
        up_kernel=5,
        up_group=1,
        encoder_kernel=3,
        encoder_dilation=1,
        compressed_channels=64,
    ):
        super().__init__()
        self.scale, self.kernel, self.groups = scale_factor, up_kernel, up_group
        self.channel_compressor = nn.Conv2d(channels, compressed_channels, 1)
        self.content_encoder = nn.Conv2d(
            compressed_channels,
            up_kernel**2 * up_group * scale_factor**2,
            encoder_kernel,
            padding=(encoder_kernel - 1) * encoder_dilation // 2,
            dilation=encoder_dilation,
        )

    def forward(self, x):
        n, channels, h, w = x.shape
        masks = F.pixel_shuffle(self.content_encoder(self.channel_compressor(x)), self.scale)
        masks = masks.unflatten(1, (self.groups, self.kernel**2)).softmax(2)
        # Every output pixel of a position weighs the same window.
        windows = F.unfold(x, self.kernel, padding=self.kernel // 2)
        windows = windows.view(n, self.groups, channels // self.groups, self.kernel**2, h, w)
        windows = windows.repeat_interleave(self.scale, 4).repeat_interleave(self.scale, 5)
        return (windows * masks.unsqueeze(2)).sum(3).flatten(1, 2)


def over_time(x, weights, padding_l):
    """x [N, H, R, L], weights [N, H, L, K]: sums over windows that begin `padding_l` before each position."""
    taps = weights.shape[-1]
    windows = F.pad(x, (padding_l, taps - 1 - padding_l)).unfold(3, taps, 1)
    return (windows * weights.unsqueeze(2)).sum(-1)


class LightConv1d(nn.Module):
    """A lightweight convolution of [N, C, L]: blocked as fairseq's LightweightConv1dTBC, or interleaved as its
    LightweightConv1d."""

    def __init__(
        self,
        input_size,
        kernel_size,
        num_heads,
        padding_l=None,
        weight_softmax=True,
        bias=False,
        channel_order="blocked",
    ):
        super().__init__()
        self.padding_l = kernel_size - 1 if padding_l is None else padding_l
        self.softmax, self.blocked = weight_softmax, channel_order == "blocked"
        self.weight = nn.Parameter(torch.randn(num_heads, 1, kernel_size))
        self.bias = nn.Parameter(torch.randn(input_size)) if bias else None

    def forward(self, x):
        n, channels, length = x.shape
        heads = len(self.weight)
        weight = self.weight.softmax(-1) if self.softmax else self.weight
        weight = weight.view(1, heads, 1, -1).expand(n, heads, length, -1)
        if self.blocked:
            y = over_time(x.view(n, heads, -1, length), weight, self.padding_l)
        else:
            y = over_time(x.view(n, -1, heads, length).transpose(1, 2), weight, self.padding_l).transpose(1, 2)
        y = y.reshape(n, channels, length)
        return y if self.bias is None else y + self.bias.view(-1, 1)


class DynamicLightConv1d(nn.Module):
    """A dynamic convolution of [N, C, L], under the names of fairseq's DynamicConv1dTBC."""

    def __init__(
        self,
        input_size,
        kernel_size,
        num_heads,
        padding_l=None,
        weight_softmax=True,
        bias=False,
        conv_bias=False,
    ):
        super().__init__()
        self.padding_l = kernel_size - 1 if padding_l is None else padding_l
        self.heads, self.softmax = num_heads, weight_softmax
        self.weight_linear = nn.Linear(input_size, num_heads * kernel_size, bias=bias)
        self.conv_bias = nn.Parameter(torch.randn(input_size)) if conv_bias else None

    def forward(self, x):
        n, channels, length = x.shape
        weights = self.weight_linear(x.transpose(1, 2)).view(n, length, self.heads, -1).transpose(1, 2)
        weights = weights.softmax(-1) if self.softmax else weights
        y = over_time(x.view(n, self.heads, -1, length), weights, self.padding_l).reshape(x.shape)
        return y if self.conv_bias is None else y + self.conv_bias.view(-1, 1)


class San(nn.Module):
    """A self-attention layer of SAN with stride 1, under the names of its module SAM."""

    def __init__(self, in_planes, rel_planes, out_planes, share_planes, kernel_size):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(in_planes, rel_planes, 1) for _ in range(2))
        self.conv3 = nn.Conv2d(in_planes, out_planes, 1)
        self.kernel, self.maps = kernel_size, out_planes // share_planes

    def make(self, relations, middle, rows):
        self.conv_w = nn.Sequential(
            nn.BatchNorm2d(relations),
            nn.ReLU(),
            nn.Conv2d(relations, middle, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, rows, 1),
        )

    def windows(self, x):
        """[N, C, taps, pixels] of the reflected image."""
        padded = F.pad(x, (self.kernel // 2,) * 4, mode="reflect")
        return F.unfold(padded, self.kernel).view(*x.shape[:2], self.kernel**2, -1)

    def aggregate(self, x, weights):
        n, channels, h, w = x.shape
        # Channel c takes the kernel c % maps.
        windows = self.windows(x).view(n, -1, self.maps, self.kernel**2, h * w)
        return (windows * weights.view(n, 1, self.maps, self.kernel**2, h * w)).sum(3).view(n, channels, h, w)


class SanPairwise(San):
    def __init__(self, in_planes, rel_planes, out_planes, share_planes, kernel_size=7):
        super().__init__(in_planes, rel_planes, out_planes, share_planes, kernel_size)
        self.conv_p = nn.Conv2d(2, 2, 1)
        self.make(rel_planes + 2, rel_planes, self.maps)

    def forward(self, x):
        h, w = x.shape[2:]
        columns = torch.linspace(-1, 1, w, dtype=x.dtype).expand(h, w)
        rows = torch.linspace(-1, 1, h, dtype=x.dtype).unsqueeze(1).expand(h, w)
        places = self.conv_p(torch.stack((columns, rows)).unsqueeze(0)).expand(len(x), 2, h, w)
        own = torch.cat((self.conv1(x), places), 1).flatten(2).unsqueeze(2)
        others = self.windows(torch.cat((self.conv2(x), places), 1))
        return self.aggregate(self.conv3(x), self.conv_w(own - others).softmax(2))


class SanPatchwise(San):
    def __init__(self, in_planes, rel_planes, out_planes, share_planes, kernel_size):
        super().__init__(in_planes, rel_planes, out_planes, share_planes, kernel_size)
        taps = kernel_size**2
        self.make(rel_planes * (taps + 1), self.maps, taps * self.maps)

    def forward(self, x):
        own = self.conv1(x).flatten(2).unsqueeze(2)
        others = self.windows(self.conv2(x)).flatten(1, 2).unsqueeze(2)
        return self.aggregate(self.conv3(x), self.conv_w(torch.cat((own, others), 1)))


# The layers, by their names on the command line.
LAYERS = {
    "local_attention2d": LocalAttention2d,
    "involution2d_dli14": Involution2dDli14,
    "involution2d_reich": Involution2dReich,
    "involution1d": Involution1d,
    "involution3d": Involution3d,
    "dynamic_conv2d": DynamicConv2d,
    "dynamic_conv1d": DynamicConv1d,
    "dynamic_conv3d": DynamicConv3d,
    "conv3d": nn.Conv3d,
    "separable_conv2d": DepthwiseSeparableConv2d,
    "carafe": Carafe,
    "light_conv1d": LightConv1d,
    "dynamic_light_conv1d": DynamicLightConv1d,
    "san_pairwise": SanPairwise,
    "san_patchwise": SanPatchwise,
}


def attribute(text):
    """Parses an attribute: "3x5" is (3, 5); "true", "7" and "0.25" are a bool, an int and a float."""
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float, lambda text: tuple(int(side) for side in text.split("x"))):
        try:
            return read(text)
        except ValueError:
            pass
    return text


def layer(name, attrs):
    """The layer of this name on the command line, with attributes as the command line takes them."""
    return LAYERS[name](**{key: attribute(text) for key, text in attrs.items()})


# ---------------------------------------------------------------------------------------------
# RedNet


class RedNetBottleneck(nn.Module):
    """1x1, an involution with the stride, 1x1, and the residual sum."""

    def __init__(self, inputs, outputs, stride, kernel_size, group_channels):
        super().__init__()
        middle = outputs // 4
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = Involution2dDli14(middle, kernel_size, stride, group_channels)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class RedNetBackbone(nn.Module):
    def __init__(
        self,
        blocks,
        widths=(256, 512, 1024, 2048),
        strides=(1, 2, 2, 2),
        in_channels=3,
        stem_channels=64,
        stem_stride=2,
        stem_kernel=7,
        max_pool=True,
        kernel_size=7,
        group_channels=16,
    ):
        super().__init__()
        half = stem_channels // 2
        self.stem = nn.Sequential(
            ConvBn(in_channels, half, 3, stem_stride, 1),
            Involution2dDli14(half, stem_kernel, 1, group_channels),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            ConvBn(half, stem_channels, 3, 1, 1),
        )
        self.max_pool = nn.MaxPool2d(3, 2, 1) if max_pool else nn.Identity()
        self.stages = len(blocks)
        channels = stem_channels
        for stage, (count, width, stride) in enumerate(zip(blocks, widths, strides, strict=True), 1):
            made = []
            for block in range(count):
                step = stride if block == 0 else 1
                made.append(RedNetBottleneck(channels, width, step, kernel_size, group_channels))
                channels = width
            self.add_module(f"layer{stage}", nn.Sequential(*made))

    def forward(self, x):
        x = self.max_pool(self.stem(x))
        found = {}
        for stage in range(1, self.stages + 1):
            x = found[f"c{stage + 1}"] = getattr(self, f"layer{stage}")(x)
        return found


class Head(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        return self.fc(x.mean((2, 3)))


REDNET_BLOCKS = {26: (1, 2, 4, 1), 38: (2, 3, 5, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class RedNet(nn.Module):
    """RedNet with any blocks, widths and strides; `RedNet.of_depth` makes the published ones.

    Two convolutions of `stem_channels / 2` and `stem_channels` enclose the involution of the stem. Stage L
    is called `backbone.layerL`, and its result c(L+1).
    """

    def __init__(self, blocks, widths=(256, 512, 1024, 2048), strides=(1, 2, 2, 2), classes=1000, **backbone):
        super().__init__()
        self.backbone = RedNetBackbone(blocks, widths, strides, **backbone)
        self.head = Head(widths[-1], classes)

    @classmethod
    def of_depth(cls, depth, stem_kernel=7, classes=1000):
        """Depth 26, 38, 50, 101 or 152; a 3x3 stem as in the released classifiers, or 7x7 as elsewhere."""
        return cls(REDNET_BLOCKS[depth], stem_kernel=stem_kernel, classes=classes)

    def feature_maps(self, x):
        return self.backbone(x)

    def forward(self, x):
        return self.head(list(self.feature_maps(x).values())[-1])


# ---------------------------------------------------------------------------------------------
# Networks of convolutions, under torchvision's names


class ResNetBottleneck(nn.Module):
    def __init__(self, inputs, middle, stride):
        super().__init__()
        outputs = middle * 4
        self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """ResNet-50 with the stride in the 3x3 convolution of a block."""

    def __init__(self, classes=1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for stage, count in enumerate((3, 4, 6, 3), 1):
            middle, made = 32 << stage, []
            for block in range(count):
                made.append(ResNetBottleneck(channels, middle, 2 if block == 0 and stage > 1 else 1))
                channels = middle * 4
            self.add_module(f"layer{stage}", nn.Sequential(*made))
        self.fc = nn.Linear(channels, classes)

    def feature_maps(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        found = {}
        for stage in range(1, 5):
            x = found[f"c{stage + 1}"] = getattr(self, f"layer{stage}")(x)
        return found

    def forward(self, x):
        return self.fc(self.feature_maps(x)["c5"].mean((2, 3)))


def conv_bn_relu6(inputs, outputs, kernel_size, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        middle = inputs * expansion
        widen = [conv_bn_relu6(inputs, middle, 1)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *widen,
            conv_bn_relu6(middle, middle, 3, stride, groups=middle),
            nn.Conv2d(middle, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 of width 1.

    c2, c3 and c4 are the results of the last block at stride 4, 8 and 16 (`features.3`, `.6` and `.13`:
    24, 32 and 96 channels); c5 is that of the last 1x1 convolution at stride 32 (`features.18`: 1280).
    """

    # Expansion, channels, blocks, stride of the first.
    STAGES = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    NAMED = {3: "c2", 6: "c3", 13: "c4", 18: "c5"}

    def __init__(self, classes=1000):
        super().__init__()
        made, channels = [conv_bn_relu6(3, 32, 3, 2)], 32
        for expansion, outputs, count, stride in self.STAGES:
            for block in range(count):
                made.append(InvertedResidual(channels, outputs, stride if block == 0 else 1, expansion))
                channels = outputs
        made.append(conv_bn_relu6(channels, 1280, 1))
        self.features = nn.Sequential(*made)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def feature_maps(self, x):
        found = {}
        for index, part in enumerate(self.features):
            x = part(x)
            if index in self.NAMED:
                found[self.NAMED[index]] = x
        return found

    def forward(self, x):
        return self.classifier(self.feature_maps(x)["c5"].mean((2, 3)))


# ---------------------------------------------------------------------------------------------
# LSNet, under the names of jameslahm/lsnet


class ConvNorm(nn.Sequential):
    """A convolution `c` without bias, padded to keep the size at stride 1, and its batch normalisation `bn`."""

    def __init__(self, inputs, outputs, kernel_size=1, stride=1, groups=1):
        super().__init__()
        self.c = nn.Conv2d(inputs, outputs, kernel_size, stride, kernel_size // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)


class NormLinear(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.bn = nn.BatchNorm1d(inputs)
        self.l = nn.Linear(inputs, outputs)  # noqa: E741


class Residual(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.m = inner

    def forward(self, x):
        return x + self.m(x)


class FeedForward(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.pw1 = ConvNorm(channels, 2 * channels)
        self.pw2 = ConvNorm(2 * channels, channels)

    def forward(self, x):
        return self.pw2(F.relu(self.pw1(x)))


class RepVgg(nn.Module):
    """Two depthwise convolutions, 3x3 and 1x1, and the input itself."""

    def __init__(self, channels):
        super().__init__()
        self.conv = ConvNorm(channels, channels, 3, groups=channels)
        self.conv1 = ConvNorm(channels, channels, 1, groups=channels)

    def forward(self, x):
        return self.conv(x) + self.conv1(x) + x


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 4, 1)
        self.fc2 = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class KernelPrediction(nn.Module):
    """Normalised 3x3 kernels for channels / 8 groups, from a 7x7 window."""

    def __init__(self, channels):
        super().__init__()
        half, self.groups = channels // 2, channels // 8
        self.cv1 = ConvNorm(channels, half)
        self.cv2 = ConvNorm(half, half, 7, groups=half)
        self.cv3 = ConvNorm(half, half)
        self.cv4 = nn.Conv2d(half, 9 * self.groups, 1)
        self.norm = nn.GroupNorm(self.groups, 9 * self.groups)

    def forward(self, x):
        return self.norm(self.cv4(F.relu(self.cv3(self.cv2(F.relu(self.cv1(x)))))))


class LSConv(nn.Module):
    """An involution by predicted kernels, in which channel c has kernel c % groups."""

    def __init__(self, channels):
        super().__init__()
        self.lkp = KernelPrediction(channels)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        n, channels, height, width = x.shape
        groups = self.lkp.groups
        kernels = self.lkp(x).view(n, 1, groups, 9, height * width)
        windows = F.unfold(x, 3, padding=1).view(n, channels // groups, groups, 9, height * width)
        return self.bn((windows * kernels).sum(3).view(x.shape)) + x


class BiasedAttention(nn.Module):
    """Attention over `side` x `side` pixels, with a bias for each distance down and along."""

    def __init__(self, channels, side, heads=4, keys=16):
        super().__init__()
        self.heads, self.keys = heads, keys
        self.qkv = ConvNorm(channels, 2 * heads * keys + channels)
        self.dw = ConvNorm(heads * keys, heads * keys, 3, groups=heads * keys)
        self.proj = nn.Sequential(nn.ReLU(), ConvNorm(channels, channels))
        self.attention_biases = nn.Parameter(torch.zeros(heads, side * side))
        rows, columns = (line.flatten() for line in torch.meshgrid(*[torch.arange(side)] * 2, indexing="ij"))
        down, along = ((line[:, None] - line[None]).abs() for line in (rows, columns))
        self.register_buffer("attention_bias_idxs", down * side + along)

    def forward(self, x):
        n, channels, height, width = x.shape
        each = self.heads * self.keys
        query, key, value = self.qkv(x).split([each, each, channels], 1)
        query, key, value = (t.reshape(n, self.heads, -1, height * width) for t in (self.dw(query), key, value))
        logits = query.transpose(2, 3) @ key * self.keys**-0.5
        attention = (logits + self.attention_biases[:, self.attention_bias_idxs]).softmax(-1)
        return self.proj((value @ attention.transpose(2, 3)).reshape(x.shape))


class LSNetBlock(nn.Module):
    def __init__(self, channels, place, side):
        super().__init__()
        if place % 2 == 0:
            self.mixer, self.se = RepVgg(channels), SqueezeExcite(channels)
        else:
            self.mixer = Residual(BiasedAttention(channels, side)) if side else LSConv(channels)
            self.se = nn.Identity()
        self.ffn = Residual(FeedForward(channels))

    def forward(self, x):
        return self.ffn(self.se(self.mixer(x)))


LSNETS = {
    "lsnet_t": ((64, 128, 256, 384), (0, 2, 8, 10)),
    "lsnet_s": ((96, 192, 320, 448), (1, 2, 8, 10)),
    "lsnet_b": ((128, 256, 384, 512), (4, 6, 8, 10)),
}


class LSNet(nn.Module):
    """LSNet for images of `image_size`, which decides the number of attention biases; two heads with `distillation`."""

    def __init__(self, name, image_size=224, distillation=False, classes=1000):
        super().__init__()
        widths, counts = LSNETS[name]
        stem = [3, widths[0] // 4, widths[0] // 2, widths[0]]
        parts = []
        for inputs, outputs in zip(stem, stem[1:]):
            parts += [ConvNorm(inputs, outputs, 3, 2), nn.ReLU()]
        self.patch_embed = nn.Sequential(*parts[:-1])
        for stage, (width, count) in enumerate(zip(widths, counts)):
            made = []
            if stage:
                before = widths[stage - 1]
                made = [ConvNorm(before, before, 3, 2, groups=before), ConvNorm(before, width)]
            side = -(-image_size // 64) if stage == 3 else 0
            made += [LSNetBlock(width, place, side) for place in range(count)]
            self.add_module(f"blocks{stage + 1}", nn.Sequential(*made))
        self.head = NormLinear(widths[-1], classes)
        self.head_dist = NormLinear(widths[-1], classes) if distillation else None

    def feature_maps(self, x):
        x = self.patch_embed(x)
        found = {}
        for stage in range(1, 5):
            x = found[f"c{stage + 2}"] = getattr(self, f"blocks{stage}")(x)
        return found

    def forward(self, x):
        means = self.feature_maps(x)["c6"].mean((2, 3))
        if self.head_dist is None:
            return self.head(means)
        return (self.head(means) + self.head_dist(means)) / 2


# The networks, by their names on the command line, with a 7x7 stem if there is a choice.
NETWORKS = {f"rednet{depth}": functools.partial(RedNet.of_depth, depth) for depth in REDNET_BLOCKS}
NETWORKS |= {name: functools.partial(LSNet, name) for name in LSNETS}
NETWORKS |= {"resnet50": ResNet50, "mobilenet_v2": MobileNetV2}


# ---------------------------------------------------------------------------------------------
# Weights


def randomise(net, seed):
    """Sets every parameter to random values in the range of a trained network."""
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor, std):
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * std)

    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.GroupNorm)):
                # Not zero, even in the last one of a block: zero would hide the block.
                module.weight.copy_(torch.rand(module.weight.shape, generator=generator) * 0.5 + 0.75)
                normal(module.bias, 0.1)
            elif isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
                normal(module.weight, (2 / module.weight[0].numel()) ** 0.5)
                if module.bias is not None:
                    normal(module.bias, 0.2)
            elif isinstance(module, DynamicConv):
                normal(module.weight, (2 / module.weight[0, 0].numel()) ** 0.5)
                if module.bias is not None:
                    normal(module.bias, 0.5)
            elif isinstance(module, BiasedAttention):
                normal(module.attention_biases, 1.0)
        for module in net.modules():
            if isinstance(module, (RedNetBottleneck, ResNetBottleneck, LSConv, FeedForward, BiasedAttention)):
                # Blocks refine their input, as in a trained network, rather than replace it. Deep networks of random
                # blocks are chaotic otherwise and amplify the rounding errors of single precision.
                last = {LSConv: "bn", FeedForward: "pw2.bn", BiasedAttention: "proj.1.bn"}
                module.get_submodule(last.get(type(module), "bn3")).weight.mul_(0.3)
    return net


def calibrate(net, x):
    """Sets the statistics of every batch normalisation to those of this input, and freezes them.

    The kernels of an involution depend on its input and are not normalised. Without this, the activations of a network
    with random weights overflow; with it, they still may for other inputs.
    """
    if len(x) == 1 and isinstance(net, LSNet):
        # The head normalises rows, whose variance takes two.
        x = torch.cat([x, x.flip(3)])
    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    net.train()
    with torch.no_grad():
        net(x)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    return net.eval()


# ---------------------------------------------------------------------------------------------
# The published figures


def flops(net, x):
    """FLOPs as the README of d-li14/involution counts them, for the backbone and the global pooling.

    Multiply-adds of convolutions and involutions, one for each bias addition, two for each element of a batch
    normalisation, one for each element of a ReLU and for each input of a pool.
    """
    total = 0

    def count(module, inputs, output):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output.numel() * (module.weight[0].numel() + (module.bias is not None))
        elif isinstance(module, nn.BatchNorm2d):
            total += 2 * output.numel()
        elif isinstance(module, nn.ReLU):
            total += output.numel()
        elif isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
            total += inputs[0].numel()
        elif isinstance(module, Involution2dDli14):
            total += output.numel() * module.kernel_size[0] * module.kernel_size[1]

    hooks = [module.register_forward_hook(count) for module in net.modules()]
    with torch.no_grad():
        averaged = net.eval().feature_maps(x)["c5"].numel()
    for hook in hooks:
        hook.remove()
    return total + averaged


def main():
    # Parameters with a 3x3 and a 7x7 stem, and the README's FLOPs in billions, by depth.
    published = {
        26: (9233166, 9233886, "1.73"),
        38: (12386986, 12387706, "2.22"),
        50: (15540806, 15541526, "2.71"),
        101: (25652950, 25653670, "4.74"),
        152: (33984582, 33985302, "6.79"),
    }
    print(f"{'depth':>5} {'parameters, 3x3 stem':>21} {'7x7 stem':>10} {'FLOPs, 7x7 stem':>16}")
    same = True
    for depth, expected in published.items():
        nets = [RedNet.of_depth(depth, stem_kernel) for stem_kernel in (3, 7)]
        counts = [sum(weight.numel() for weight in net.parameters()) for net in nets]
        billions = flops(nets[1], torch.zeros(1, 3, 224, 224)) / 1e9
        same &= (*counts, f"{billions:.2f}") == expected
        print(f"{depth:5} {counts[0]:21} {counts[1]:10} {billions:14.3f} G")
    print(f"{'':>5} {'parameters':>10} {'two heads':>10} {'folded':>10}")
    # Parameters with one and with two heads, and in millions with one and every normalisation of a batch folded.
    published = {
        "lsnet_t": (11409832, 11795600, "11.4"),
        "lsnet_s": (16146304, 16596200, "16.1"),
        "lsnet_b": (23313608, 23827632, "23.2"),
    }
    for name, expected in published.items():
        nets = [LSNet(name, distillation=two) for two in (False, True)]
        counts = [sum(weight.numel() for weight in net.parameters()) for net in nets]
        # A convolution without bias gets one, the linear layer has its own, and 1x1 branches become a part of the 3x3 ones.
        folded = counts[0]
        for module in nets[0].modules():
            if isinstance(module, ConvNorm):
                folded -= module.bn.num_features
            elif isinstance(module, NormLinear):
                folded -= 2 * module.bn.num_features
            elif isinstance(module, RepVgg):
                folded -= 2 * module.conv1.c.out_channels
        print(f"{name} {counts[0]:10} {counts[1]:10} {folded:10}")
        same &= (*counts, f"{folded / 1e6:.1f}") == expected
    print("as published" if same else "NOT as published")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
