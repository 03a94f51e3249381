"""Detectors and segmenters on RedNet in PyTorch, with the state_dict() names of mmdetection and mmsegmentation.

    pip install torch numpy
    python scripts/dense.py        # parameters and tensors of the eleven published configurations

Faster R-CNN, Mask R-CNN, RetinaNet, Semantic FPN and UPerNet, with necks and heads of convolutions or involutions, any
number of blocks and any widths. Written from the definitions, for comparisons and for making weights: simple, not fast.
Needs twins.py beside it. Tested with Python 3.11, torch 2.15.0 and numpy 2.4.6.

Each network is a chain of stages (methods), each of which takes the results of the one before it, so that a comparison
can give a stage the values that another program computed. Boxes are x1, y1, x2, y2 in pixels. `valid` is the height and
width of the image within its padded input, `original` the height and width of the image as it was.
"""

import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# Do not leave a __pycache__ in the folder of the scripts.
sys.dont_write_bytecode = True
from twins import Bare, ConvBn, Involution2dDli14, RedNetBackbone  # noqa: E402

# ---------------------------------------------------------------------------------------------
# Boxes


def areas(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def overlaps(a, b):
    """Intersection over union of each box of `a` with each of `b`; 0 where both are empty."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(2)
    union = areas(a)[:, None] + areas(b)[None] - shared
    return torch.where(union > 0, shared / union, 0.0)


def suppress(boxes, scores, groups, threshold, most):
    """Non-maximum suppression within each group: the indices of the `most` best boxes that stay, by falling score."""
    order = scores.sort(descending=True, stable=True).indices
    boxes, groups = boxes[order].numpy(), groups[order].numpy()
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    # The boxes that nothing has suppressed so far, by falling score.
    waiting, kept = np.arange(len(boxes)), []
    while len(waiting) and len(kept) < most:
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[waiting, :2])
        high = np.minimum(boxes[best, 2:], boxes[waiting, 2:])
        shared = (high - low).clip(0).prod(1)
        # Not divided: empty boxes suppress nothing, and nothing suppresses them.
        near = shared > threshold * (area[best] + area[waiting] - shared)
        waiting = waiting[~(near & (groups[waiting] == groups[best]))]
    return order[torch.tensor(np.array(kept, dtype=np.int64))]


def base_anchors(stride, scales, ratios=(0.5, 1.0, 2.0)):
    """The anchors of the cell at the origin: ratio (height by width) slow, scale fast."""
    made = []
    for ratio in ratios:
        for scale in scales:
            width, height = stride * scale / math.sqrt(ratio), stride * scale * math.sqrt(ratio)
            made.append([-width / 2, -height / 2, width / 2, height / 2])
    return torch.tensor(made, dtype=torch.float32).double()


def anchors(height, width, stride, scales):
    """The anchors of a level, [height * width * anchors of a cell, 4]: rows, columns, anchors of the cell."""
    y, x = torch.meshgrid(torch.arange(height) * stride, torch.arange(width) * stride, indexing="ij")
    corners = torch.stack([x, y, x, y], 2).double()
    return (corners[:, :, None] + base_anchors(stride, scales)).reshape(-1, 4)


WIDEST = abs(math.log(16 / 1000))


def decode(boxes, deltas, std=(1.0, 1.0, 1.0, 1.0)):
    """The boxes moved and scaled by the deltas of a network."""
    deltas = deltas * torch.tensor(std, dtype=deltas.dtype)
    size = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + size * deltas[:, :2]
    half = size * deltas[:, 2:].clamp(-WIDEST, WIDEST).exp() / 2
    return torch.cat([centre - half, centre + half], 1)


def clip(boxes, valid):
    height, width = valid
    limits = torch.tensor([width, height, width, height], dtype=boxes.dtype)
    return torch.minimum(boxes.clamp(min=0), limits)


def factors(valid, original):
    """The factors of x, y, x, y from the original to the resized image, in the single precision of mmdetection."""
    scale = [torch.tensor(a, dtype=torch.float32) / b for a, b in zip(valid, original)]
    return torch.stack([scale[1], scale[0], scale[1], scale[0]]).double()


def rows(maps):
    """The channels of a map [1, C, H, W] by pixel: [H * W, C]."""
    return maps[0].permute(1, 2, 0).reshape(-1, maps.shape[1])


# Deltas of the box head are this much smaller.
BOX_STD = (0.1, 0.1, 0.2, 0.2)
CANDIDATES, MOST_BOXES, LEAST_SCORE = 1000, 100, 0.05


def multiclass(boxes, scores):
    """Boxes [n, classes, 4] and scores [n, classes] to the final boxes, scores and labels."""
    row, label = torch.nonzero(scores > LEAST_SCORE, as_tuple=True)
    boxes, scores = boxes[row, label], scores[row, label]
    kept = suppress(boxes, scores, label, 0.5, MOST_BOXES)
    return boxes[kept], scores[kept], label[kept]


# ---------------------------------------------------------------------------------------------
# Regions


def levels(boxes, count=4):
    """The index of the level that each box takes its features from."""
    size = areas(boxes).clamp(min=0).sqrt()
    return torch.floor(torch.log2(size / 56 + 1e-6)).clamp(0, count - 1).long()


def steps(count):
    return torch.arange(count, dtype=torch.float64)


def sampling(start, length, count, size):
    """How much each of `size` cells adds to each of `count` bins of one region along one axis: [count, size]."""
    weights = torch.zeros(count, size, dtype=torch.float64)
    if length <= 0:
        return weights
    width = length / count
    samples = math.ceil(width)
    at = start + steps(count)[:, None] * width + (steps(samples) + 0.5)[None] * width / samples
    inside = (at >= -1) & (at <= size)
    at = at.clamp(min=0)
    low = at.floor().long().clamp(max=size - 1)
    share = torch.where(low >= size - 1, 0.0, at - low)
    bins = torch.arange(count)[:, None].expand_as(low)
    weights.index_put_((bins, low), inside * (1 - share) / samples, accumulate=True)
    weights.index_put_((bins, (low + 1).clamp(max=size - 1)), inside * share / samples, accumulate=True)
    return weights


def roi_align(features, boxes, stride, count):
    """RoIAlign of one level: features [1, C, H, W] to [n, C, count, count]; as many samples as a bin has cells."""
    made = []
    for x1, y1, x2, y2 in (boxes.double() / stride).tolist():
        down = sampling(y1 - 0.5, y2 - y1, count, features.shape[2])
        across = sampling(x1 - 0.5, x2 - x1, count, features.shape[3])
        if x2 <= x1 or y2 <= y1:
            down = down * 0
        made.append(down.to(features) @ features[0] @ across.to(features).T)
    return torch.stack(made) if made else features.new_zeros(0, features.shape[1], count, count)


def regions(pyramid, boxes, count):
    """RoIAlign of each box on its own level of p2, p3, p4, p5."""
    made = pyramid[0].new_zeros(len(boxes), pyramid[0].shape[1], count, count)
    for index, features in enumerate(pyramid[:4]):
        chosen = levels(boxes) == index
        made[chosen] = roi_align(features, boxes[chosen], 4 << index, count)
    return made


def paste(logits, boxes, original):
    """Mask logits [n, m, m] in their boxes on images of the original size: [n, H, W], True inside."""
    height, width = original
    made = torch.zeros(len(boxes), height, width, dtype=torch.bool)
    for index, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        if x2 <= x1 or y2 <= y1:
            continue
        x = (steps(width) + 0.5 - x1) / (x2 - x1) * 2 - 1
        y = (steps(height) + 0.5 - y1) / (y2 - y1) * 2 - 1
        grid = torch.stack([x[None].expand(height, -1), y[:, None].expand(-1, width)], 2)[None].to(logits)
        cells = logits[index].sigmoid()[None, None]
        made[index] = F.grid_sample(cells, grid, padding_mode="zeros", align_corners=False)[0, 0] >= 0.5
    return made


# ---------------------------------------------------------------------------------------------
# Necks and heads


class Conv(Bare):
    """A convolution `conv` with a bias, which keeps the size if its stride is 1."""

    def __init__(self, inputs, outputs, kernel_size, stride=1):
        nn.Module.__init__(self)
        self.conv = nn.Conv2d(inputs, outputs, kernel_size, stride, kernel_size // 2)


def neighbourhood(channels, involution):
    """What looks at the pixels around each: a 3x3 convolution or a 7x7 involution."""
    return Involution2dDli14(channels, 7) if involution else Conv(channels, channels, 3)


class Fpn(nn.Module):
    """A feature pyramid; `extra` more levels are made by convolutions with a stride, the first of the last input."""

    def __init__(self, inputs, channels, involution, extra=0):
        super().__init__()
        self.lateral_convs = nn.ModuleList(Conv(width, channels, 1) for width in inputs)
        outputs = [neighbourhood(channels, involution) for _ in inputs]
        outputs += [Conv(channels if index else inputs[-1], channels, 3, 2) for index in range(extra)]
        self.fpn_convs = nn.ModuleList(outputs)

    def forward(self, maps):
        top = [lateral(x) for lateral, x in zip(self.lateral_convs, maps)]
        for index in range(len(top) - 1, 0, -1):
            top[index - 1] = top[index - 1] + F.interpolate(top[index], size=top[index - 1].shape[2:], mode="nearest")
        made = [conv(x) for conv, x in zip(self.fpn_convs, top)]
        x = maps[-1]
        for conv in self.fpn_convs[len(top) :]:
            x = conv(x)
            made.append(x)
        return made


class RpnHead(nn.Module):
    def __init__(self, channels, involution):
        super().__init__()
        self.rpn_conv = neighbourhood(channels, True) if involution else nn.Conv2d(channels, channels, 3, padding=1)
        self.rpn_cls = nn.Conv2d(channels, 3, 1)
        self.rpn_reg = nn.Conv2d(channels, 12, 1)

    def forward(self, pyramid):
        """Scores (logits) and deltas of each level."""
        hidden = [F.relu(self.rpn_conv(x)) for x in pyramid]
        return [self.rpn_cls(x) for x in hidden], [self.rpn_reg(x) for x in hidden]


class BoxHead(nn.Module):
    def __init__(self, channels, hidden, classes):
        super().__init__()
        self.shared_fcs = nn.ModuleList([nn.Linear(channels * 49, hidden), nn.Linear(hidden, hidden)])
        self.fc_cls = nn.Linear(hidden, classes + 1)
        self.fc_reg = nn.Linear(hidden, classes * 4)

    def forward(self, features):
        x = features.flatten(1)
        for layer in self.shared_fcs:
            x = F.relu(layer(x))
        return self.fc_cls(x), self.fc_reg(x)


class MaskHead(nn.Module):
    def __init__(self, channels, classes, involution):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Sequential(neighbourhood(channels, True), nn.ReLU()) if involution else Conv(channels, channels, 3)
            for _ in range(4)
        )
        self.upsample = nn.ConvTranspose2d(channels, channels, 2, 2)
        self.conv_logits = nn.Conv2d(channels, classes, 1)

    def forward(self, x):
        for conv in self.convs:
            x = F.relu(conv(x))
        return self.conv_logits(F.relu(self.upsample(x)))


class RoiHead(nn.Module):
    def __init__(self, channels, hidden, classes, masks, involution):
        super().__init__()
        self.bbox_head = BoxHead(channels, hidden, classes)
        if masks:
            self.mask_head = MaskHead(channels, classes, involution)


class RetinaHead(nn.Module):
    def __init__(self, channels, classes, involution):
        super().__init__()
        self.cls_convs = nn.ModuleList(neighbourhood(channels, involution) for _ in range(4))
        self.reg_convs = nn.ModuleList(neighbourhood(channels, involution) for _ in range(4))
        self.retina_cls = nn.Conv2d(channels, 9 * classes, 3, padding=1)
        self.retina_reg = nn.Conv2d(channels, 36, 3, padding=1)

    def forward(self, pyramid):
        """Scores (logits) and deltas of each level."""
        scores, deltas = [], []
        for x in pyramid:
            y = z = x
            for of_scores, of_deltas in zip(self.cls_convs, self.reg_convs):
                y, z = F.relu(of_scores(y)), F.relu(of_deltas(z))
            scores.append(self.retina_cls(y))
            deltas.append(self.retina_reg(z))
        return scores, deltas


def bilinear(x, size):
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class Twice(nn.Module):
    """Bilinear upsampling by 2."""

    def forward(self, x):
        return bilinear(x, [2 * n for n in x.shape[2:]])


class FpnHead(nn.Module):
    def __init__(self, inputs, channels, classes):
        super().__init__()
        self.scale_heads = nn.ModuleList()
        for index in range(4):
            made = []
            for step in range(max(index, 1)):
                made.append(ConvBn(channels if step else inputs, channels, 3, 1, 1))
                made += [Twice()] if index else []
            self.scale_heads.append(nn.Sequential(*made))
        self.conv_seg = nn.Conv2d(channels, classes, 1)

    def forward(self, pyramid):
        y = self.scale_heads[0](pyramid[0])
        for head, x in zip(self.scale_heads[1:], pyramid[1:]):
            y = y + bilinear(head(x), y.shape[2:])
        return self.conv_seg(y)


class UperHead(nn.Module):
    def __init__(self, inputs, channels, classes):
        super().__init__()

        def conv(width, kernel_size):
            return ConvBn(width, channels, kernel_size, 1, kernel_size // 2)

        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(bins), conv(inputs[3], 1)) for bins in (1, 2, 3, 6)
        )
        self.bottleneck = conv(inputs[3] + 4 * channels, 3)
        self.lateral_convs = nn.ModuleList(conv(width, 1) for width in inputs[:3])
        self.fpn_convs = nn.ModuleList(conv(channels, 3) for _ in range(3))
        self.fpn_bottleneck = conv(4 * channels, 3)
        self.conv_seg = nn.Conv2d(channels, classes, 1)

    def forward(self, maps):
        pooled = [bilinear(module(maps[3]), maps[3].shape[2:]) for module in self.psp_modules]
        top = [lateral(x) for lateral, x in zip(self.lateral_convs, maps)]
        top.append(self.bottleneck(torch.cat([maps[3], *pooled], 1)))
        for index in (3, 2, 1):
            top[index - 1] = top[index - 1] + bilinear(top[index], top[index - 1].shape[2:])
        made = [conv(x) for conv, x in zip(self.fpn_convs, top)] + [top[3]]
        return self.conv_seg(self.fpn_bottleneck(torch.cat([bilinear(x, made[0].shape[2:]) for x in made], 1)))


class AuxiliaryHead(nn.Module):
    """Of UPerNet's files; only training runs it."""

    def __init__(self, inputs, channels, classes):
        super().__init__()
        self.convs = nn.ModuleList([ConvBn(inputs, channels, 3, 1, 1)])
        self.conv_seg = nn.Conv2d(channels, classes, 1)

    def forward(self, x):
        return self.conv_seg(self.convs[0](x))


# ---------------------------------------------------------------------------------------------
# Networks

BLOCKS, WIDTHS, STEM = (3, 4, 6, 3), (256, 512, 1024, 2048), 64


def named(prefix, first, values):
    return {f"{prefix}{first + index}": value for index, value in enumerate(values)}


class TwoStage(nn.Module):
    """Faster R-CNN, or Mask R-CNN with `masks`. Stages take one image at a time, where they work on boxes."""

    def __init__(
        self,
        blocks=BLOCKS,
        widths=WIDTHS,
        stem_channels=STEM,
        channels=256,
        hidden=1024,
        classes=80,
        masks=False,
        neck=False,
        head=False,
    ):
        super().__init__()
        self.classes = classes
        self.backbone = RedNetBackbone(blocks, widths, stem_channels=stem_channels)
        self.neck = Fpn(widths, channels, neck)
        self.rpn_head = RpnHead(channels, head)
        self.roi_head = RoiHead(channels, hidden, classes, masks, head)
        self.masks = masks

    def pyramid(self, maps):
        """p2 to p6 of c2 to c5."""
        made = self.neck(maps)
        return [*made, made[-1][:, :, ::2, ::2]]

    def proposals(self, scores, deltas, valid):
        """Maps of the RPN, [1, 3, H, W] and [1, 12, H, W] for each level, to [n, 5]: boxes and scores."""
        boxes, likely, groups = [], [], []
        for index, (score, delta) in enumerate(zip(scores, deltas)):
            score = rows(score).reshape(-1).double().sigmoid()
            delta = rows(delta).reshape(-1, 4).double()
            every = anchors(*scores[index].shape[2:], 4 << index, (8,))
            if len(score) > CANDIDATES:
                best = score.sort(descending=True, stable=True).indices[:CANDIDATES]
                score, delta, every = score[best], delta[best], every[best]
            boxes.append(clip(decode(every, delta), valid))
            likely.append(score)
            groups.append(torch.full((len(score),), index))
        boxes, likely = torch.cat(boxes), torch.cat(likely)
        kept = suppress(boxes, likely, torch.cat(groups), 0.7, CANDIDATES)
        return torch.cat([boxes[kept], likely[kept, None]], 1)

    def box_head(self, pyramid, proposals):
        """Scores (logits) and deltas of each proposal."""
        return self.roi_head.bbox_head(regions(pyramid, proposals[:, :4], 7))

    def detections(self, proposals, scores, deltas, valid, original):
        """Boxes in the original image, scores and labels."""
        n, classes = len(scores), self.classes
        scores = scores.double().softmax(1)[:, :classes]
        from_boxes = proposals[:, None, :4].double().expand(n, classes, 4).reshape(-1, 4)
        boxes = clip(decode(from_boxes, deltas.double().reshape(-1, 4), BOX_STD), valid) / factors(valid, original)
        return multiclass(boxes.reshape(n, classes, 4), scores)

    def mask_head(self, pyramid, boxes, labels, valid, original):
        """Logits [n, 28, 28] of the mask of each detection's label."""
        features = regions(pyramid, boxes.double() * factors(valid, original), 14)
        # A few at a time, for the memory that involutions take.
        logits = torch.cat([self.roi_head.mask_head(some) for some in features.split(16)])
        return logits[torch.arange(len(labels)), labels]

    def forward(self, x, valid=None, original=None):
        """Every stage of one image, by the names that `involution forward` gives them."""
        valid = valid or tuple(x.shape[2:])
        original = original or valid
        found = self.backbone(x)
        pyramid = self.pyramid(list(found.values()))
        scores, deltas = self.rpn_head(pyramid)
        found |= named("p", 2, pyramid) | named("rpn_cls_", 2, scores) | named("rpn_reg_", 2, deltas)
        found["proposals"] = self.proposals(scores, deltas, valid)
        found["cls_score"], found["bbox_pred"] = self.box_head(pyramid, found["proposals"])
        boxes, likely, labels = self.detections(
            found["proposals"], found["cls_score"], found["bbox_pred"], valid, original
        )
        found |= {"det_boxes": boxes, "det_scores": likely, "det_labels": labels}
        if self.masks:
            found["mask_logits"] = self.mask_head(pyramid, boxes, labels, valid, original)
            found["masks"] = paste(found["mask_logits"], boxes, original)
        return found


# Three scales in an octave.
RETINA_SCALES = tuple(4 * 2 ** (octave / 3) for octave in range(3))


class RetinaNet(nn.Module):
    def __init__(
        self,
        blocks=BLOCKS,
        widths=WIDTHS,
        stem_channels=STEM,
        channels=256,
        classes=80,
        neck=False,
        head=False,
    ):
        super().__init__()
        self.classes = classes
        self.backbone = RedNetBackbone(blocks, widths, stem_channels=stem_channels)
        self.neck = Fpn(widths[1:], channels, neck, extra=2)
        self.bbox_head = RetinaHead(channels, classes, head)

    def pyramid(self, maps):
        """p3 to p7 of c2 to c5."""
        return self.neck(maps[1:])

    def detections(self, scores, deltas, valid, original):
        """Maps of the head for each level to boxes in the original image, scores and labels."""
        boxes, likely = [], []
        for index, (score, delta) in enumerate(zip(scores, deltas)):
            every = anchors(*score.shape[2:], 8 << index, RETINA_SCALES)
            score = rows(score).reshape(-1, self.classes).double().sigmoid()
            delta = rows(delta).reshape(-1, 4).double()
            if len(score) > CANDIDATES:
                best = score.max(1).values.sort(descending=True, stable=True).indices[:CANDIDATES]
                score, delta, every = score[best], delta[best], every[best]
            boxes.append(clip(decode(every, delta), valid))
            likely.append(score)
        boxes = torch.cat(boxes) / factors(valid, original)
        return multiclass(boxes[:, None].expand(-1, self.classes, 4), torch.cat(likely))

    def forward(self, x, valid=None, original=None):
        """Every stage of one image, by the names that `involution forward` gives them."""
        valid = valid or tuple(x.shape[2:])
        original = original or valid
        found = self.backbone(x)
        pyramid = self.pyramid(list(found.values()))
        scores, deltas = self.bbox_head(pyramid)
        found |= named("p", 3, pyramid) | named("cls_", 3, scores) | named("reg_", 3, deltas)
        boxes, likely, labels = self.detections(scores, deltas, valid, original)
        return found | {"det_boxes": boxes, "det_scores": likely, "det_labels": labels}


class Segmenter(nn.Module):
    """Semantic FPN, or UPerNet with `uper`, which has no neck."""

    def __init__(
        self,
        blocks=BLOCKS,
        widths=WIDTHS,
        stem_channels=STEM,
        channels=256,
        hidden=None,
        classes=19,
        neck=False,
        uper=False,
    ):
        super().__init__()
        self.backbone = RedNetBackbone(blocks, widths, stem_channels=stem_channels)
        if uper:
            hidden = hidden or 512
            self.decode_head = UperHead(widths, hidden, classes)
            self.auxiliary_head = AuxiliaryHead(widths[2], hidden // 2, classes)
        else:
            self.neck = Fpn(widths, channels, neck)
            self.decode_head = FpnHead(channels, hidden or 128, classes)
        self.uper = uper

    def pyramid(self, maps):
        """p2 to p5 of c2 to c5."""
        return self.neck(maps)

    def logits(self, coarse, size, valid, original):
        """Logits at stride 4 to those at the original size: by way of the input's, without its padding."""
        full = bilinear(coarse, size)[:, :, : valid[0], : valid[1]]
        return full if tuple(valid) == tuple(original) else bilinear(full, original)

    def forward(self, x, valid=None, original=None):
        """Every stage of one image, by the names that `involution forward` gives them."""
        valid = valid or tuple(x.shape[2:])
        original = original or valid
        found = self.backbone(x)
        maps = list(found.values())
        if not self.uper:
            maps = self.pyramid(maps)
            found |= named("p", 2, maps)
        found["logits_s4"] = self.decode_head(maps)
        found["seg_logits"] = self.logits(found["logits_s4"], x.shape[2:], valid, original)
        # `argmax` takes the first of equals.
        found["seg_map"] = found["seg_logits"].argmax(1, keepdim=True)
        return found

    def slide(self, x, crop, stride, valid=None, original=None):
        """The label map of windows of the input, whose logits are averaged where they overlap."""
        valid = valid or tuple(x.shape[2:])
        original = original or valid
        starts = []
        for size, window, step in zip(x.shape[2:], crop, stride):
            count = max(size - window + step - 1, 0) // step + 1
            starts.append([max(min(index * step, size - window), 0) for index in range(count)])
        total, cover = 0.0, torch.zeros(1, 1, *x.shape[2:], dtype=x.dtype)
        for top in starts[0]:
            for left in starts[1]:
                window = x[:, :, top : top + crop[0], left : left + crop[1]]
                maps = list(self.backbone(window).values())
                coarse = self.decode_head(maps if self.uper else self.pyramid(maps))
                fine = bilinear(coarse, window.shape[2:])
                border = (left, x.shape[3] - left - fine.shape[3], top, x.shape[2] - top - fine.shape[2])
                total = total + F.pad(fine, border)
                cover += F.pad(torch.ones(1, 1, *fine.shape[2:], dtype=x.dtype), border)
        full = (total / cover)[:, :, : valid[0], : valid[1]]
        full = full if tuple(valid) == tuple(original) else bilinear(full, original)
        return full.argmax(1, keepdim=True)


# The eleven published configurations: the network and its options, parameters, and tensors with the counters of BN.
PUBLISHED = {
    "faster_rcnn_red50_fpn": (TwoStage, {}, 31737550, 479),
    "faster_rcnn_red50_neck_fpn": (TwoStage, {"neck": True}, 29647118, 503),
    "faster_rcnn_red50_neck_fpn_head": (TwoStage, {"neck": True, "head": True}, 29124510, 509),
    "mask_rcnn_red50_fpn": (TwoStage, {"masks": True}, 34380830, 491),
    "mask_rcnn_red50_neck_fpn": (TwoStage, {"masks": True, "neck": True}, 32290398, 515),
    "mask_rcnn_red50_neck_fpn_head": (TwoStage, {"masks": True, "neck": True, "head": True}, 29677358, 545),
    "retinanet_red50_fpn": (RetinaNet, {}, 27953186, 485),
    "retinanet_red50_neck_fpn": (RetinaNet, {"neck": True}, 26385362, 503),
    "fpn_red50": (Segmenter, {}, 18463169, 509),
    "fpn_red50_neck": (Segmenter, {"neck": True}, 16372737, 533),
    "upernet_red50": (Segmenter, {"uper": True}, 56380500, 531),
}


def build(name, **options):
    """A configuration by name; `options` such as narrower widths replace the published ones."""
    network, kind, _, _ = PUBLISHED[name]
    return network(**kind | options)


def main():
    wrong = 0
    print(f"{'configuration':32} {'parameters':>10} {'published':>10} {'tensors':>8} {'published':>10}")
    for name, (_, _, parameters, tensors) in PUBLISHED.items():
        with torch.device("meta"):
            net = build(name)
        counted, held = sum(weight.numel() for weight in net.parameters()), len(net.state_dict())
        good = (counted, held) == (parameters, tensors)
        wrong += not good
        print(f"{name:32} {counted:10} {parameters:10} {held:8} {tensors:10}{'' if good else '  MISS'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
