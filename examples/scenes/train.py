#!/usr/bin/env python3
"""Trains a small Mask R-CNN or a small Semantic FPN on scenes of digits.

    pip install torch torchvision scikit-learn safetensors numpy pillow pycocotools
    python examples/scenes/train.py detector
    python examples/scenes/train.py segmenter --begin examples/scenes/mask_rcnn_digits.safetensors

`--neck conv` trains the convolution twin of either: neck and heads of convolutions on the same backbone.

Tested with Python 3.11, torch 2.15.0, torchvision 0.29.2, scikit-learn 1.9.1, safetensors 0.8.0 and numpy 2.4.6; takes
about three quarters of an hour on one CPU core. The same seed gives the same weights on the same machine and versions.
"""

import argparse
import ctypes
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
# Do not leave a __pycache__ in the folders of the scripts.
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent.parent / "scripts"))
import scenes  # noqa: E402
import twins  # noqa: E402
from dense import BOX_STD, RpnHead, Segmenter, TwoStage, anchors, bilinear, clip, decode, overlaps, rows  # noqa: E402

BACKBONE = {"blocks": (1, 2, 2, 1), "widths": (64, 128, 192, 256), "stem_channels": 32}
CONFIGS = {
    "detector": BACKBONE | {"channels": 48, "hidden": 96, "classes": 10, "masks": True},
    "segmenter": BACKBONE | {"channels": 48, "hidden": 48, "classes": 11},
}
NAMES = {"detector": "mask_rcnn_digits", "segmenter": "semantic_fpn_digits"}
MEAN = torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1)
STD = torch.tensor([58.395, 57.12, 57.375]).view(1, 3, 1, 1)
SIZE = (scenes.HEIGHT, scenes.WIDTH)


def normalised(pictures):
    """Bytes [n, H, W, 3] to the input of the networks."""
    return (torch.tensor(pictures).permute(0, 3, 1, 2).float() - MEAN) / STD


# ---------------------------------------------------------------------------------------------
# A faster involution


def compiled():
    """involve.c as a library; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "involve.so"
        command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", str(HERE / "involve.c"), "-o", str(made)]
        return ctypes.CDLL(str(made)) if subprocess.run(command).returncode == 0 else None


def address(tensor, skipped=0):
    return ctypes.c_void_p(tensor.data_ptr() + 4 * skipped)


class Involve(torch.autograd.Function):
    """The involution of involve.c, which has stride 1 and 16 channels a group."""

    code = None

    @staticmethod
    def forward(ctx, x, kernels, k):
        n, channels, height, width = x.shape
        p, tail = k // 2, -width % 16
        # The code reads NCHW, whatever order the tensor has in memory.
        padded = F.pad(x.contiguous(), (p, 32 - p + tail, p, p))
        kernels = F.pad(F.pad(kernels, (0, tail)).reshape(-1), (16, 16))
        y = x.new_empty(n, channels, height, width + tail)
        sizes = [ctypes.c_long(value) for value in (n * channels // 16, height, width + tail, k)]
        Involve.code.forward(address(padded), address(kernels, 16), address(y), *sizes)
        ctx.save_for_backward(padded, kernels)
        ctx.sizes, ctx.shape = sizes, x.shape
        return y[..., :width]

    @staticmethod
    def backward(ctx, grad):
        padded, kernels = ctx.saved_tensors
        n, channels, height, width = ctx.shape
        k = ctx.sizes[3].value
        p, tail = k // 2, -width % 16
        grad = F.pad(grad.contiguous(), (p, 32 - p + tail, p, p))
        to_x = grad.new_empty(n, channels, height, width + tail)
        to_kernels = grad.new_empty(n, channels // 16 * k * k, height, width + tail)
        pointers = [address(padded), address(kernels, 16), address(grad), address(to_x), address(to_kernels)]
        Involve.code.backward(*pointers, *ctx.sizes)
        return to_x[..., :width], to_kernels[..., :width], None


slow_involve = twins.involve


def involve(values, kernels, kernel_size, stride, padding, dilation, groups):
    k = kernel_size[0]
    same = stride == (1, 1) and dilation == (1, 1) and kernel_size == (k, k) and padding == (k // 2, k // 2)
    if Involve.code and same and values.shape[1] == 16 * groups and values.dtype == torch.float32:
        return Involve.apply(values, kernels, k)
    return slow_involve(values, kernels, kernel_size, stride, padding, dilation, groups)


def shared_involution(layer, maps):
    """One involution on the maps of several sizes, normalised together: batch normalisation then sees in training
    what its statistics hold later."""
    n = len(maps[0])
    flat = torch.cat([x.flatten(2) for x in maps], 2).unsqueeze(3)
    kernels = layer.conv2(layer.conv1(flat)).squeeze(3).split([x[0, 0].numel() for x in maps], 2)
    size, padding = layer.kernel_size, tuple(k // 2 for k in layer.kernel_size)
    return [
        involve(x, k.reshape(n, -1, *x.shape[2:]), size, (1, 1), padding, (1, 1), layer.groups)
        for x, k in zip(maps, kernels)
    ]


class TrainedRpn(RpnHead):
    def forward(self, pyramid):
        if isinstance(self.rpn_conv, twins.Involution2dDli14):
            hidden = shared_involution(self.rpn_conv, pyramid)
        else:
            hidden = [self.rpn_conv(x) for x in pyramid]
        hidden = [F.relu(x) for x in hidden]
        return [self.rpn_cls(x) for x in hidden], [self.rpn_reg(x) for x in hidden]


# ---------------------------------------------------------------------------------------------
# Data


class Data:
    """A number of scenes, drawn once; each time one is used, its colours are permuted and perhaps inverted."""

    def __init__(self, part, count, kept=None):
        """`kept` is a file to read the scenes from, or to write them to if there is none."""
        if kept and kept.is_file():
            self.pictures, self.owners, self.labels, self.boxes = torch.load(kept, weights_only=False)
            return
        pool = scenes.digits(part)
        self.pictures = np.empty((count, *SIZE, 3), np.uint8)
        self.owners = np.zeros((count, *SIZE), np.uint8)
        self.labels, self.boxes = [], []
        for number in range(count):
            self.pictures[number], found = scenes.scene(part, number, pool)
            for index, item in enumerate(found, 1):
                self.owners[number][item["mask"]] = index
            self.labels.append(torch.tensor([item["label"] for item in found]))
            self.boxes.append(torch.tensor([item["box"] for item in found], dtype=torch.float32))
        if kept:
            torch.save((self.pictures, self.owners, self.labels, self.boxes), kept)

    def batch(self, chosen, rng):
        pictures = self.pictures[chosen]
        for index in range(len(chosen)):
            picture = pictures[index][..., rng.permutation(3)]
            pictures[index] = 255 - picture if rng.random() < 0.5 else picture
        return normalised(pictures)

    def masks(self, number):
        """Of each digit of a scene, [n, H, W]."""
        ids = torch.arange(1, len(self.labels[number]) + 1, dtype=torch.uint8)
        return (torch.from_numpy(self.owners[number])[None] == ids[:, None, None]).float()

    def label_map(self, number):
        table = torch.cat([torch.zeros(1, dtype=torch.long), self.labels[number] + 1])
        return table[torch.from_numpy(self.owners[number]).long()]


# ---------------------------------------------------------------------------------------------
# Losses


def encode(boxes, targets, std=(1.0, 1.0, 1.0, 1.0)):
    """The deltas that turn the boxes into the targets."""
    size, to = boxes[:, 2:] - boxes[:, :2], targets[:, 2:] - targets[:, :2]
    shift = (targets[:, :2] + targets[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2 / size
    return torch.cat([shift, (to / size).log()], 1) / torch.tensor(std)


def sample(candidates, most):
    return candidates[torch.randperm(len(candidates))[:most]]


def rpn_loss(every, score, delta, boxes):
    """Of one image: every anchor, its logit and its deltas, and the boxes that are there."""
    shared = overlaps(every, boxes)
    best, which = shared.max(1)
    positive = best >= 0.6
    # Each box has at least the anchors that fit it best.
    top = shared.max(0).values
    positive |= ((shared >= top - 1e-4) & (shared > 0.2)).any(1)
    likely = sample(torch.nonzero(positive).flatten(), 96)
    unlikely = sample(torch.nonzero((best < 0.3) & ~positive).flatten(), 256 - len(likely))
    chosen = torch.cat([likely, unlikely])
    logits = F.binary_cross_entropy_with_logits(score[chosen], positive[chosen].float())
    targets = encode(every[likely], boxes[which[likely]])
    return logits, F.smooth_l1_loss(delta[likely], targets, beta=1 / 9, reduction="sum") / 256


# An image's proposals, and the regions that the heads learn from.
PROPOSALS, REGIONS = 400, 120


def propose(every, score, delta):
    """Boxes of one image for training: fewer than for inference."""
    from torchvision.ops import batched_nms

    boxes, likely, groups = [], [], []
    start = 0
    for index, (anchor, count) in enumerate(every):
        part = slice(start, start + count)
        start += count
        chosen = score[part].topk(min(PROPOSALS, count)).indices
        boxes.append(clip(decode(anchor[chosen], delta[part][chosen]), SIZE))
        likely.append(score[part][chosen])
        groups.append(torch.full((len(chosen),), index))
    boxes, likely = torch.cat(boxes), torch.cat(likely)
    full = ((boxes[:, 2:] - boxes[:, :2]) > 2).all(1)
    boxes, likely, groups = boxes[full], likely[full], torch.cat(groups)[full]
    return boxes[batched_nms(boxes, likely, groups, 0.7)[:PROPOSALS]]


def pooled(pyramid, rois, count):
    """`dense.regions` for a batch, by torchvision: rois are [n, 5] with the index of the image first."""
    from dense import levels
    from torchvision.ops import roi_align

    level = levels(rois[:, 1:])
    made = pyramid[0].new_zeros(len(rois), pyramid[0].shape[1], count, count)
    for index in range(4):
        chosen = torch.nonzero(level == index).flatten()
        if len(chosen):
            part = roi_align(pyramid[index], rois[chosen], count, 1 / (4 << index), 0, True)
            made = made.index_copy(0, chosen, part)
    return made


ANCHORS = None


def detector_loss(net, x, data, chosen, _):
    global ANCHORS
    from torchvision.ops import roi_align

    pyramid = net.pyramid(list(net.backbone(x).values()))
    scores, deltas = net.rpn_head(pyramid)
    if ANCHORS is None:
        ANCHORS = [anchors(*s.shape[2:], 4 << index, (8,)).float() for index, s in enumerate(scores)]
    every = torch.cat(ANCHORS)
    counted = [(anchor, len(anchor)) for anchor in ANCHORS]
    losses = torch.zeros(5)
    rois, labels, targets, mask_rois, mask_labels, mask_targets = [], [], [], [], [], []
    for index, number in enumerate(chosen):
        boxes, classes = data.boxes[number], data.labels[number]
        score = torch.cat([rows(s[index : index + 1]).reshape(-1) for s in scores])
        delta = torch.cat([rows(d[index : index + 1]).reshape(-1, 4) for d in deltas])
        first, second = rpn_loss(every, score, delta, boxes)
        losses = losses + torch.stack([first, second, *torch.zeros(3)]) / len(chosen)
        with torch.no_grad():
            found = torch.cat([boxes, propose(counted, score, delta)])
            best, which = overlaps(found, boxes).max(1)
            inside = sample(torch.nonzero(best >= 0.5).flatten(), 24)
            # Boxes with a part of a digit are what is mistaken for one.
            near = sample(torch.nonzero((best < 0.5) & (best > 0.1)).flatten(), (REGIONS - 24) * 3 // 4)
            far = sample(torch.nonzero(best <= 0.1).flatten(), REGIONS - len(inside) - len(near))
            outside = torch.cat([near, far])
            taken = torch.cat([inside, outside])
            image = torch.full((len(taken), 1), float(index))
            rois.append(torch.cat([image, found[taken]], 1))
            labels.append(torch.where(torch.arange(len(taken)) < len(inside), classes[which[taken]], net.classes))
            targets.append(encode(found[taken], boxes[which[taken]], BOX_STD))
            inside = inside[:10]
            mask_rois.append(torch.cat([image[: len(inside)], found[inside]], 1))
            mask_labels.append(classes[which[inside]])
            of = torch.cat([which[inside, None].float(), found[inside]], 1)
            mask_targets.append(roi_align(data.masks(number)[:, None], of, 28, 1.0, 0, True)[:, 0] >= 0.5)
    rois, labels, targets = torch.cat(rois), torch.cat(labels), torch.cat(targets)
    logits, moves = net.roi_head.bbox_head(pooled(pyramid, rois, 7))
    class_loss = F.cross_entropy(logits, labels)
    inside = torch.nonzero(labels < net.classes).flatten()
    moves = moves.view(len(rois), net.classes, 4)[inside, labels[inside]]
    box_loss = 3 * F.smooth_l1_loss(moves, targets[inside], reduction="sum") / len(rois)
    mask_rois, mask_labels, mask_targets = torch.cat(mask_rois), torch.cat(mask_labels), torch.cat(mask_targets)
    masks = net.roi_head.mask_head(pooled(pyramid, mask_rois, 14))[torch.arange(len(mask_rois)), mask_labels]
    mask_loss = F.binary_cross_entropy_with_logits(masks, mask_targets.float())
    return losses + torch.stack([*torch.zeros(2), class_loss, box_loss, mask_loss])


def moved(x, labels):
    """Turns, scales and shifts the pictures and their label maps a little; what lies outside is reflected."""
    n = len(x)
    angle, scale = (torch.rand(n) * 2 - 1) * 0.15, torch.exp((torch.rand(n) * 2 - 1) * 0.2)
    shift = (torch.rand(n, 2) * 2 - 1) / 4
    ratio = SIZE[0] / SIZE[1]
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [torch.stack([cos, -sin * ratio, shift[:, 0]], 1), torch.stack([sin / ratio, cos, shift[:, 1]], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    nearest = {"mode": "nearest", "padding_mode": "reflection", "align_corners": False}
    return x, F.grid_sample(labels[:, None].float(), grid, **nearest)[:, 0].long()


def segmenter_loss(net, x, data, chosen, ground):
    x, target = moved(x, torch.stack([data.label_map(number) for number in chosen]))
    logits = bilinear(net.decode_head(net.pyramid(list(net.backbone(x).values()))), SIZE)
    # Ink is a sixth of the pixels: it may weigh more until its classes are told apart.
    weights = torch.ones(net.decode_head.conv_seg.out_channels)
    weights[0] = ground
    return F.cross_entropy(logits, target, weights)[None]


# ---------------------------------------------------------------------------------------------
# Scores


def average_precision(truth, results, kind="bbox"):
    """AP and AP50 of COCO results."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = truth
        known.createIndex()
        judged = COCOeval(known, known.loadRes(results), kind) if results else None
        if judged is None:
            return 0.0, 0.0
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return judged.stats[0], judged.stats[1]


def mean_iou(pairs, classes):
    """Of (label map, true label map) of bytes."""
    table = np.zeros((classes, classes), np.int64)
    for found, true in pairs:
        pairs_of = true.ravel().astype(int) * classes + found.ravel()
        table += np.bincount(pairs_of, minlength=classes**2).reshape(classes, -1)
    shared = table.diagonal()
    return float(np.mean(shared / np.maximum(table.sum(0) + table.sum(1) - shared, 1)))


def coco_results(image, found):
    """What a detector found on one image as COCO results, of boxes and masks."""
    from pycocotools import mask as rle

    results = []
    for index, (box, score, label) in enumerate(zip(found["det_boxes"], found["det_scores"], found["det_labels"])):
        x1, y1, x2, y2 = box.tolist()
        results.append(
            {
                "image_id": image,
                "category_id": int(label) + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "score": float(score),
            }
        )
        if "masks" in found:
            code = rle.encode(np.asfortranarray(found["masks"][index].numpy().astype(np.uint8)))
            results[-1]["segmentation"] = {"size": code["size"], "counts": code["counts"].decode()}
    return results


def evaluate(net, part, count):
    """The figures of a network on scenes, as a dictionary."""
    pool, truth, results, pairs = scenes.digits(part), [], [], []
    net.eval()
    dtype = next(net.parameters()).dtype
    with torch.no_grad():
        for number in range(count):
            picture, found = scenes.scene(part, number, pool)
            answer = net(normalised(picture[None]).to(dtype))
            if isinstance(net, Segmenter):
                pairs.append((answer["seg_map"][0, 0].numpy(), scenes.label_map(found)))
            else:
                truth.append((f"{number:03}.png", found))
                results += coco_results(number + 1, answer)
    if pairs:
        return {"mIoU": mean_iou(pairs, len(scenes.CLASSES) + 1)}
    truth = scenes.coco(truth)
    boxes, masks = average_precision(truth, results), average_precision(truth, results, "segm")
    return {"AP50": boxes[1], "AP": boxes[0], "mask_AP50": masks[1], "mask_AP": masks[0]}


# ---------------------------------------------------------------------------------------------
# Training


def network(config):
    """The Mask R-CNN or the Semantic FPN of a configuration."""
    return (TwoStage if config.get("masks") else Segmenter)(**config)


def configuration(kind, neck):
    parts = {"neck": neck == "involution"} | ({"head": neck == "involution"} if kind == "detector" else {})
    return CONFIGS[kind] | parts


def prepare(net, seed):
    """Random weights; involutions start near the identity, the last layers near zero."""
    twins.randomise(net, seed)
    with torch.no_grad():
        for name, module in net.named_modules():
            last = name.split(".")[-1]
            if last in ("rpn_cls", "rpn_reg", "fc_cls", "fc_reg", "conv_logits", "conv_seg"):
                module.weight.mul_(0.01 / module.weight.std())
                module.bias.zero_()
            elif last == "upsample":
                torch.nn.init.normal_(module.weight, std=(2 / module.weight.shape[0]) ** 0.5)
                module.bias.zero_()
            elif isinstance(module, twins.Involution2dDli14):
                module.conv2.conv.weight.mul_(0.1)
                taps = module.conv2.conv.bias.zero_().view(module.groups, -1)
                taps[:, taps.shape[1] // 2] = 1
            elif last == "conv" and not name.startswith("backbone") and module.bias is not None and "conv2" not in name:
                module.bias.zero_()


def save(net, config, kind, figures, path):
    state = {
        name: tensor.detach().float().contiguous()
        for name, tensor in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    classes = (["background"] if kind == "segmenter" else []) + scenes.CLASSES
    metadata = {
        "model": path.stem,
        "config": json.dumps(config),
        "CLASSES": json.dumps(classes),
        "input": "[n, 3, h, w], RGB, (value - mean) / std of ImageNet, sides multiples of 32",
        "figures": json.dumps({name: round(value, 4) for name, value in figures.items()}),
        "data": "scikit-learn load_digits (UCI optical recognition of handwritten digits), CC BY 4.0",
    }
    save_file(state, path, metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=list(CONFIGS))
    parser.add_argument("--neck", choices=("involution", "conv"), default="involution", help="of neck and heads")
    parser.add_argument("--begin", type=Path, metavar="FILE", help="begin with those of its weights that fit")
    parser.add_argument("--ground", type=float, default=1.0, help="weight of the ground in the loss of the segmenter")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--scenes", type=int, default=2000, help="drawn for training")
    parser.add_argument("--kept", type=Path, help="file that keeps the scenes for the next run")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=int, default=400, help="steps between scores on scenes for validation")
    parser.add_argument("--output", type=Path, default=HERE, help="folder to write to (default: this one)")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    twins.involve, Involve.code = involve, compiled()

    config = configuration(options.kind, options.neck)
    net = network(config)
    prepare(net, options.seed)
    if options.begin:
        own, known = net.state_dict(), load_file(options.begin)
        fitting = {name: known[name] for name in own if name in known and known[name].shape == own[name].shape}
        net.load_state_dict(fitting, strict=False)
    if options.kind == "detector":
        net.rpn_head.__class__ = TrainedRpn
    parameters = sum(weight.numel() for weight in net.parameters())
    path = options.output / f"{NAMES[options.kind]}{'' if options.neck == 'involution' else '_conv'}.safetensors"
    data = Data("train", options.scenes, options.kept)
    print(f"{len(data.labels)} scenes, {parameters} parameters, to {path}", flush=True)

    decayed = [weight for weight in net.parameters() if weight.dim() > 1]
    others = [weight for weight in net.parameters() if weight.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=options.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=options.steps, pct_start=0.1)
    compute = detector_loss if options.kind == "detector" else segmenter_loss
    # In the last part, batch normalisation keeps its statistics, so that the weights settle on what inference uses.
    frozen_from = int(options.steps * 0.85)
    start, total, order = time.monotonic(), 0, []
    for step in range(options.steps):
        net.train()
        if step >= frozen_from:
            for module in net.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.eval()
        if len(order) < options.batch:
            order = rng.permutation(options.scenes).tolist()
        chosen, order = order[: options.batch], order[options.batch :]
        losses = compute(net, data.batch(chosen, rng), data, chosen, options.ground)
        optimiser.zero_grad()
        losses.sum().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        total = total + losses.detach()
        if (step + 1) % 100 == 0:
            each = " ".join(f"{value:.3f}" for value in (total / 100).tolist())
            print(f"step {step + 1:6}  {time.monotonic() - start:6.0f} s  losses {each}", flush=True)
            total = 0
        if (step + 1) % options.every == 0 and step + 1 < options.steps:
            figures = evaluate(net, "validation", 24)
            print("validation", {name: round(float(value), 4) for name, value in figures.items()}, flush=True)
            save(net, config, options.kind, figures, path)

    save(net, config, options.kind, {"parameters": parameters}, path)
    figures = evaluate(net, "test", scenes.TEST_SCENES)
    figures = {name: float(value) for name, value in figures.items()}
    print("test", {name: round(value, 4) for name, value in figures.items()}, flush=True)
    save(net, config, options.kind, figures | {"parameters": parameters}, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
