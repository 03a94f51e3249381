#!/usr/bin/env python3
"""Compares the detectors and segmenters of the command line with PyTorch, stage by stage.

    pip install torch safetensors numpy
    cargo build --release
    python scripts/against_pytorch_dense.py

Tested with Python 3.11, torch 2.15.0, safetensors 0.8.0 and numpy 2.4.6.

First the parameters and multiply-adds that `involution plan` gives for the eleven published configurations are compared
with the published parameters and with the work of their definition. Then each runs with random weights, through

    involution forward NAME --weights FILE --input x.safetensors --valid HxW --original HxW --output out.safetensors

from checkpoints with the names of mmdetection and mmsegmentation, narrow on two sizes, and some as wide as published.
Weights are tamed: batch normalisation is calibrated to the input, and the last layers are scaled so that scores spread
and boxes stay near their anchors. Every stage of PyTorch, in 64 bits, gets what the command line gave for the stage
before it. Maps, logits and deltas pass if the largest error is at most 1e-4 of the largest value; proposals and
detections are compared as sets (same label, an overlap above 0.99, scores within 1e-3), of which 99 % have to match;
masks need a mean overlap of 0.99 and label maps 99.9 % of their pixels. At last come damaged checkpoints, which have to
be refused in one error that names all that is wrong, with exit status 2.

A case depends only on its name and the seed. The files of failed cases are kept. Exits with 1 if a case fails.
"""

import argparse
import collections
import json
import shlex
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

# Do not leave a __pycache__ in the folder of the scripts.
sys.dont_write_bytecode = True
from dense import PUBLISHED, Conv, RetinaNet, Segmenter, TwoStage, build, named, overlaps, paste
from twins import Involution2dDli14, calibrate, randomise

MAPS, SET, MASKS, LABELS = 1e-4, 0.99, 0.99, 0.999

# ---------------------------------------------------------------------------------------------
# The cases

# Size of the padded input, of the image within it, and of the image before it was resized.
SMALL, LARGE = ((96, 128), (96, 128), (96, 128)), ((224, 320), (200, 301), (333, 512))
NARROW = {"blocks": (1, 2, 1, 1), "widths": (64, 128, 192, 256), "stem_channels": 32, "classes": 7}
FULL = ("mask_rcnn_red50_neck_fpn_head", "faster_rcnn_red50_fpn", "retinanet_red50_neck_fpn", "fpn_red50_neck")

# Name, configuration, options of the PyTorch network, sizes, whether the file is one of torch.save.
Case = collections.namedtuple("Case", "name configuration options sizes checkpoint")


def narrow(configuration):
    if configuration.startswith("upernet"):
        return NARROW | {"hidden": 24}
    if configuration.startswith("fpn"):
        return NARROW | {"channels": 48, "hidden": 20}
    return NARROW | {"channels": 32} | ({} if configuration.startswith("retinanet") else {"hidden": 40})


def cases():
    made = []
    for index, configuration in enumerate(PUBLISHED):
        for size, sizes in (("96x128", SMALL), ("224x320", LARGE)):
            torch_file = (index + len(made)) % 3 != 0
            made.append(Case(f"{configuration}/narrow/{size}", configuration, narrow(configuration), sizes, torch_file))
    for configuration in FULL:
        made.append(Case(f"{configuration}/full/96x128", configuration, {}, SMALL, True))
    return made


# Multiply-adds of convolutions, linear layers and involutions, in units of 1e9: 1000 boxes and 100 masks at 800x1280,
# and 1024x2048 for segmenters; of UPerNet a quarter at 512x1024, because a map of 512 channels at stride 4 is otherwise
# larger than what most adapters bind.
MULTIPLY_ADDS = {
    "faster_rcnn_red50_fpn": 177.4,
    "faster_rcnn_red50_neck_fpn": 134.0,
    "faster_rcnn_red50_neck_fpn_head": 90.5,
    "mask_rcnn_red50_fpn": 230.4,
    "mask_rcnn_red50_neck_fpn": 187.0,
    "mask_rcnn_red50_neck_fpn_head": 103.4,
    "retinanet_red50_fpn": 209.6,
    "retinanet_red50_neck_fpn": 198.9,
    "fpn_red50": 292.9,
    "fpn_red50_neck": 204.0,
    "upernet_red50": 1824.5 / 4,
}

# ---------------------------------------------------------------------------------------------
# Weights


def scale(layer, factor):
    """Scales what a convolution, a linear layer or an involution gives."""
    last = layer.conv2.conv if isinstance(layer, Involution2dDli14) else getattr(layer, "conv", layer)
    last.weight.mul_(factor)
    if last.bias is not None:
        last.bias.mul_(factor)


def spread(layer, values, std, mean=0.0):
    """Scales and shifts the last layer so that these values, which it gave, have this deviation and mean."""
    scale(layer, std / values.std())
    layer.bias.add_(mean - values.mean() * std / values.std())


def tame(net, x):
    """Calibrates batch normalisation to the input and scales the layers that none follows."""
    calibrate(net.backbone, x)
    maps = list(net.backbone(x).values())

    def unit(module, _, output):
        if module not in scaled:
            scaled.add(module)
            scale(module, 1 / output.std())
            return output / output.std()
        return output

    scaled, hooks = set(), []
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    outside = [module for module in net.modules() if module not in set(net.backbone.modules())]
    for module in outside:
        if isinstance(module, (Conv, Involution2dDli14)):
            hooks.append(module.register_forward_hook(unit))
    if isinstance(net, TwoStage) and isinstance(net.rpn_head.rpn_conv, torch.nn.Conv2d):
        hooks.append(net.rpn_head.rpn_conv.register_forward_hook(unit))
    for module in outside:
        if module in norms:
            # Where a network runs more than once, its statistics become the mean over the runs.
            module.momentum = None
            module.reset_running_stats()
            module.train()
    if isinstance(net, Segmenter):
        # A map pooled to one pixel has a variance only over several images.
        coarse = net.decode_head(maps if net.uper else net.pyramid(maps))
        spread(net.decode_head.conv_seg, coarse, 3.0)
    else:
        pyramid = net.pyramid(maps)
        head = net.rpn_head if isinstance(net, TwoStage) else net.bbox_head
        scores, deltas = ([y.flatten() for y in many] for many in head(pyramid))
        last = (head.rpn_cls, head.rpn_reg) if isinstance(net, TwoStage) else (head.retina_cls, head.retina_reg)
        spread(last[0], torch.cat(scores), 1.5, 0.0 if isinstance(net, TwoStage) else -3.0)
        spread(last[1], torch.cat(deltas), 0.15)
    if isinstance(net, TwoStage):
        boxes = torch.rand(64, 4, dtype=x.dtype) * torch.tensor([60.0, 40.0, 60.0, 50.0])
        boxes[:, 2:] += boxes[:, :2] + 4
        first = [level[:1] for level in pyramid]
        scores, deltas = net.box_head(first, boxes)
        spread(net.roi_head.bbox_head.fc_cls, scores, 2.0)
        spread(net.roi_head.bbox_head.fc_reg, deltas, 1.0)
        if net.masks:
            labels = torch.zeros(16, dtype=torch.long)
            logits = net.mask_head(first, boxes[:16], labels, x.shape[2:], x.shape[2:])
            spread(net.roi_head.mask_head.conv_logits, logits, 2.0)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        norm.momentum = 0.1
    return net.eval()


def weighted(name, configuration, options, x, seed):
    """The network with weights that are exact in single precision."""
    net = randomise(build(configuration, **options), zlib.crc32(f"{seed}/{name}".encode())).double()
    with torch.no_grad():
        others = torch.randn(3, *x.shape[1:], generator=torch.Generator().manual_seed(seed)).double()
        tame(net, torch.cat([x.double(), others]))
    return net.float().double()


def save(state, path, checkpoint):
    state = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    if checkpoint:
        meta = {"epoch": 12, "CLASSES": tuple(f"class {index}" for index in range(7)), "time": "now", "config": "x = 1"}
        torch.save({"meta": meta, "state_dict": state, "optimizer": {"lr": 0.02}}, path)
    else:
        save_file({key: tensor.contiguous() for key, tensor in state.items()}, path)


# ---------------------------------------------------------------------------------------------
# Comparing


class Mismatch(Exception):
    pass


class Judge:
    """What is found against what is expected, stage by stage."""

    def __init__(self, found):
        self.found, self.figures, self.wrong = found, collections.Counter(), []

    def take(self, name):
        """A result of the command line, in 64 bits."""
        if name not in self.found:
            raise Mismatch(f"no {name}")
        if self.found[name].dtype != torch.float32:
            raise Mismatch(f"{name} is {self.found[name].dtype}")
        return self.found[name].double()

    def series(self, prefix, first, count):
        return [self.take(f"{prefix}{first + index}") for index in range(count)]

    def note(self, kind, name, figure, good):
        """Keeps the worst figure of a kind; NaN counts as the worst."""
        lowest = kind in ("sets", "masks", "labels")
        known = self.figures.get(kind)
        if known is None or not (figure >= known if lowest else figure <= known):
            self.figures[kind] = figure
        if not good:
            self.wrong.append(f"{name} {figure:.3g}")

    def maps(self, expected):
        for name, wanted in expected.items():
            ours = self.take(name)
            if ours.shape != wanted.shape:
                raise Mismatch(f"{name} is {list(ours.shape)} instead of {list(wanted.shape)}")
            if not wanted.numel():
                continue
            error = ((ours - wanted).abs().max() / wanted.abs().max()).item()
            self.note("maps", name, error, error <= MAPS)

    def sets(self, name, ours, wanted):
        """Each a triple of boxes, scores and labels: the share that has a partner."""
        most = max(len(ours[0]), len(wanted[0]))
        if not most:
            return
        close = overlaps(ours[0], wanted[0]) > 0.99
        # Boxes without area overlap nothing: they have to be the same.
        close |= (ours[0][:, None] - wanted[0][None]).abs().amax(2) < 1e-3
        close &= (ours[1][:, None] - wanted[1][None]).abs() < 1e-3
        close &= ours[2][:, None] == wanted[2][None]
        taken = torch.zeros(len(wanted[0]), dtype=torch.bool)
        partners = 0
        for row in close:
            free = torch.nonzero(row & ~taken).flatten()
            if len(free):
                taken[free[0]] = True
                partners += 1
        self.note("sets", name, partners / most, partners / most >= SET)

    def masks(self, ours, wanted):
        if ours.shape != wanted.shape:
            raise Mismatch(f"masks are {list(ours.shape)} instead of {list(wanted.shape)}")
        if len(ours):
            ours, wanted = ours.flatten(1) != 0, wanted.flatten(1)
            union = (ours | wanted).sum(1)
            mean = torch.where(union > 0, (ours & wanted).sum(1) / union.clamp(min=1), 1.0).mean().item()
            self.note("masks", "masks", mean, mean >= MASKS)

    def detections(self, wanted):
        ours = [self.take(name) for name in ("det_boxes", "det_scores", "det_labels")]
        if not len(wanted[0]):
            raise Mismatch("the case finds nothing: it shows nothing")
        self.sets("detections", ours, wanted)
        return ours[0], ours[2].long()


def compare(net, x, valid, original, found):
    """The judge of all stages of a network."""
    judge = Judge(found)
    judge.maps(net.backbone(x.double()))
    maps = judge.series("c", 2, 4)
    if isinstance(net, Segmenter):
        if not net.uper:
            judge.maps(named("p", 2, net.pyramid(maps)))
            maps = judge.series("p", 2, 4)
        judge.maps({"logits_s4": net.decode_head(maps)})
        judge.maps({"seg_logits": net.logits(judge.take("logits_s4"), x.shape[2:], valid, original)})
        labels = judge.take("seg_map")
        wanted = judge.take("seg_logits").argmax(1, keepdim=True)
        if labels.shape != wanted.shape:
            raise Mismatch(f"seg_map is {list(labels.shape)} instead of {list(wanted.shape)}")
        share = (labels == wanted).double().mean().item()
        judge.note("labels", "seg_map", share, share >= LABELS)
        return judge
    first = 3 if isinstance(net, RetinaNet) else 2
    judge.maps(named("p", first, net.pyramid(maps)))
    pyramid = judge.series("p", first, 5)
    if isinstance(net, RetinaNet):
        scores, deltas = net.bbox_head(pyramid)
        judge.maps(named("cls_", 3, scores) | named("reg_", 3, deltas))
        scores, deltas = judge.series("cls_", 3, 5), judge.series("reg_", 3, 5)
        judge.detections(net.detections(scores, deltas, valid, original))
        return judge
    scores, deltas = net.rpn_head(pyramid)
    judge.maps(named("rpn_cls_", 2, scores) | named("rpn_reg_", 2, deltas))
    scores, deltas = judge.series("rpn_cls_", 2, 5), judge.series("rpn_reg_", 2, 5)
    wanted, proposals = net.proposals(scores, deltas, valid), judge.take("proposals")
    triple = lambda rows: (rows[:, :4], rows[:, 4], torch.zeros(len(rows)))  # noqa: E731
    judge.sets("proposals", triple(proposals), triple(wanted))
    scores, deltas = net.box_head(pyramid, proposals)
    judge.maps({"cls_score": scores, "bbox_pred": deltas})
    scores, deltas = judge.take("cls_score"), judge.take("bbox_pred")
    boxes, labels = judge.detections(net.detections(proposals, scores, deltas, valid, original))
    if net.masks:
        judge.maps({"mask_logits": net.mask_head(pyramid, boxes, labels, valid, original)})
        judge.masks(judge.take("masks"), paste(judge.take("mask_logits"), boxes, original))
    return judge


# ---------------------------------------------------------------------------------------------
# Running


class Report:
    def __init__(self):
        self.ran, self.missed = 0, []

    def row(self, name, problem, detail, command=None):
        self.ran += 1
        print(f"{'MISS' if problem else 'ok':4} {name:46} {detail}", flush=True)
        if problem:
            self.missed.append(name)
            print(f"     {problem}")
            if command:
                print(f"     {shlex.join(command)}", flush=True)
        return not problem


def execute(options, words):
    command = [str(options.binary), *words]
    command += ["--adapter", options.adapter] if options.adapter else []
    start = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout)
        status, out, said = done.returncode, done.stdout, done.stderr.strip()
    except subprocess.TimeoutExpired:
        status, out, said = -1, "", f"no end after {options.timeout} s"
    return command, status, out, said, time.monotonic() - start


def forward_words(configuration, folder, weights, sizes):
    _, valid, original = sizes
    words = ["forward", configuration, "--weights", str(weights), "--input", str(folder / "x.safetensors")]
    words += ["--valid", "{}x{}".format(*valid), "--original", "{}x{}".format(*original)]
    return words + ["--output", str(folder / "out.safetensors")]


def emptied(folder, passed):
    """Removes the files of a case that passed."""
    if passed:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def run_case(options, report, case, root):
    folder = root / case.name.replace("/", "-")
    folder.mkdir()
    size, valid, original = case.sizes
    torch.manual_seed(zlib.crc32(f"{options.seed}/{case.name}".encode()))
    x = torch.zeros(1, 3, *size)
    x[:, :, : valid[0], : valid[1]] = torch.randn(1, 3, *valid)
    net = weighted(case.name, case.configuration, case.options, x, options.seed)
    weights = folder / ("weights.pth" if case.checkpoint else "weights.safetensors")
    save(net.state_dict(), weights, case.checkpoint)
    save_file({"x": x}, folder / "x.safetensors")
    words = forward_words(case.configuration, folder, weights, case.sizes)
    command, status, _, said, seconds = execute(options, words)
    problem, detail = None, ""
    if status != 0:
        problem = f"exit status {status}: {said}"
    else:
        try:
            with torch.no_grad():
                judge = compare(net, x, valid, original, load_file(folder / "out.safetensors"))
            problem = ", ".join(judge.wrong)
            figures = judge.figures.items()
            detail = "  ".join(f"{kind} {value:{'.1e' if kind == 'maps' else '.4f'}}" for kind, value in figures)
        except Mismatch as mismatch:
            problem = str(mismatch)
    emptied(folder, report.row(case.name, problem, f"{detail}  {seconds:.1f} s", command))


# ---------------------------------------------------------------------------------------------
# Damaged checkpoints


def dropped(*names):
    return lambda state: [state.pop(name) for name in names] and None, names


def added(*names):
    def damage(state):
        for name in names:
            state[name] = torch.zeros(3)

    return damage, names


def shaped(**shapes):
    def damage(state):
        for name, shape in shapes.items():
            state[name] = torch.zeros(shape)

    return damage, tuple(shapes)


def together(*parts):
    def damage(state):
        for part, _ in parts:
            part(state)

    return damage, tuple(name for _, names in parts for name in names)


# Configuration, and a damage with the names of the tensors that the error has to list.
MASK, RETINA, FPN, UPER = "mask_rcnn_red50_neck_fpn_head", "retinanet_red50_neck_fpn", "fpn_red50_neck", "upernet_red50"
DAMAGED = [
    (MASK, dropped("rpn_head.rpn_cls.bias")),
    (MASK, dropped("neck.fpn_convs.2.conv2.conv.weight", "backbone.layer3.0.bn3.running_var")),
    (MASK, added("roi_head.mask_head.convs.4.0.conv1.conv.weight", "neck.lateral_convs.7.conv.weight")),
    (MASK, shaped(**{"roi_head.bbox_head.fc_reg.weight": (4, 4), "rpn_head.rpn_reg.weight": (12, 32, 3, 3)})),
    (
        "faster_rcnn_red50_fpn",
        together(
            dropped("roi_head.bbox_head.shared_fcs.1.bias"),
            added("roi_head.bbox_head.fc_extra.weight"),
            shaped(**{"neck.fpn_convs.1.conv.weight": (32, 32, 5, 5)}),
        ),
    ),
    (RETINA, dropped("bbox_head.retina_reg.weight", "neck.fpn_convs.4.conv.bias")),
    (RETINA, together(added("bbox_head.reg_convs.9.conv.weight"), shaped(**{"bbox_head.retina_reg.bias": (35,)}))),
    (FPN, dropped("decode_head.scale_heads.3.2.bn.weight", "decode_head.scale_heads.3.2.conv.weight")),
    (FPN, shaped(**{"decode_head.conv_seg.bias": (9,), "neck.lateral_convs.0.conv.weight": (48, 65, 1, 1)})),
    (
        UPER,
        together(
            dropped("decode_head.psp_modules.2.1.conv.weight"),
            added("decode_head.psp_modules.5.1.conv.weight"),
            shaped(**{"decode_head.fpn_bottleneck.conv.weight": (24, 72, 3, 3)}),
        ),
    ),
]


def run_damaged(options, report, index, configuration, damage, names, root):
    folder = root / f"damaged-{index}"
    folder.mkdir()
    net = randomise(build(configuration, **narrow(configuration)), index)
    state = dict(net.state_dict())
    damage(state)
    weights = folder / ("weights.pth" if index % 2 else "weights.safetensors")
    save(state, weights, index % 2)
    save_file({"x": torch.zeros(1, 3, 96, 128)}, folder / "x.safetensors")
    command, status, _, said, _ = execute(options, forward_words(configuration, folder, weights, SMALL))
    wrong = []
    if status != 2:
        wrong.append(f"exit status {status} instead of 2")
    if (folder / "out.safetensors").exists():
        wrong.append("there is an output")
    if said.count("error:") > 1 or "panicked" in said or not said:
        wrong.append("not one error")
    # The library leaves `backbone.` away.
    missing = [name for name in names if name.removeprefix("backbone.") not in said]
    if missing:
        wrong.append(f"does not name {', '.join(missing)}")
    problem = "; ".join(wrong) + f": {said}" if wrong else None
    name = f"damaged-{index} {configuration}"
    emptied(folder, report.row(name, problem, f"refused, {len(names)} named", command))


def run_counts(options, report, name):
    size = "1024x2048" if PUBLISHED[name][0] is Segmenter else "800x1280"
    size = "512x1024" if PUBLISHED[name][1].get("uper") else size
    command, status, out, said, _ = execute(options, ["plan", name, "--size", size, "--json"])
    problem, detail = None, ""
    if status != 0:
        problem = f"exit status {status}: {said}"
    else:
        plan = json.loads(out)
        wanted = PUBLISHED[name][2]
        parameters, work = plan["parameters"], plan["macs"] / 1e9
        apart = work / MULTIPLY_ADDS[name] - 1
        detail = f"{parameters} parameters, {work:.1f} G multiply-adds ({apart:+.2%})"
        if parameters != wanted or abs(apart) > 0.005:
            problem = f"{wanted} parameters and {MULTIPLY_ADDS[name]:.1f} G expected"
    report.row(f"counts {name}", problem, detail, command)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=Path("target/release/involution"))
    parser.add_argument("--only", action="append", metavar="TEXT", help="cases with this in their names; may repeat")
    parser.add_argument("--seed", type=int, default=0, help="which weights and inputs (default 0)")
    parser.add_argument("--adapter", help="passed on to the command line")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for a case (default 900)")
    parser.add_argument("--threads", type=int, help="threads of PyTorch")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    if not options.binary.is_file():
        parser.error(f"no binary at {options.binary}")
    if options.threads:
        torch.set_num_threads(options.threads)

    def wanted(name):
        return not options.only or any(text in name for text in options.only)

    report = Report()
    root = Path(tempfile.mkdtemp(prefix="involution-"))
    for name in PUBLISHED:
        if wanted(f"counts {name}"):
            run_counts(options, report, name)
    for case in cases():
        if wanted(case.name):
            run_case(options, report, case, root)
    for index, (configuration, (damage, names)) in enumerate(DAMAGED):
        if wanted(f"damaged-{index} {configuration}"):
            run_damaged(options, report, index, configuration, damage, names, root)
    print(f"{report.ran} cases, {len(report.missed)} misses")
    if report.missed:
        print(f"files of the misses: {root}")
    else:
        root.rmdir()
    return 1 if report.missed or not report.ran else 0


if __name__ == "__main__":
    sys.exit(main())
