//! `involution segment`: images in, the class of each pixel out.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use involution::models::segment::{LabelMap, Segmenter};
use involution::models::{CITYSCAPES, Images, Model};
use involution::{Layer, StateDict, reference};
use involution_bench::adapter::{Flags, Runner};
use involution_bench::stats::milliseconds;
use involution_bench::{Outcome, bad_use, output};
use serde::Serialize;
use serde_json::{Value, json};

use crate::coco;
use crate::draw::{self, Colour, percent};
use crate::pictures::{self, Places, Shipped, Source};

const HELP: &str = "\
Without --weights, the small network runs that comes with the command: it knows handwritten digits on textured \
pictures. Without images, too, it looks at one of its own.

The network, its widths and its classes follow from the weights: Semantic FPN or UPerNet by the names of \
mmsegmentation. Classes are called as the file says (CLASSES among its metadata), or as in Cityscapes where there are 19. \
An image that cannot be read is reported, and the rest go on.

The label map is a grey PNG of the image's size whose values are the numbers of the classes, of 8 bits, or of 16 for \
more than 256 classes. With --json, results has a mask for each class of an image, as COCO's tools read it.

With more than one image, OUT and MAP are folders: they get IMAGE_classes.png and IMAGE_labels.png for each. A small \
picture is enlarged by a whole factor before it is drawn on.

Examples:
  involution segment --draw classes.png
  involution segment --weights semantic_fpn.pth street.png --draw classes.png
  involution segment --weights upernet.pth --slide street.png --output map.png
  involution segment --weights semantic_fpn.pth --json --output maps *.png";

/// Height and width of a window that slides, and how far it does.
const WINDOW: [usize; 2] = [512, 1024];
const STRIDE: [usize; 2] = [341, 683];

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Run on windows of 512x1024, two thirds of their size apart, instead of the whole image
    #[arg(long)]
    slide: bool,
    /// PNG to write: the image with its classes in colours, and a legend
    #[arg(long, value_name = "OUT")]
    draw: Option<PathBuf>,
    /// PNG to write: the number of the class of each pixel
    #[arg(long, value_name = "MAP")]
    output: Option<PathBuf>,
}

/// What runs where no weights are given.
const SHIPPED: Shipped = Shipped {
    place: "examples/scenes/semantic_fpn_digits.safetensors",
    bytes: include_bytes!("../../../examples/scenes/semantic_fpn_digits.safetensors"),
};

/// What is said of an image.
#[derive(Debug, Default, Serialize)]
struct Row {
    id: u64,
    image: String,
    height: Option<usize>,
    width: Option<usize>,
    /// The image's share of the time that its batch took, from host tensor to classes.
    ms: Option<f64>,
    /// The classes in it, the largest first.
    classes: Vec<Share>,
    drawn: Option<String>,
    labels: Option<String>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Share {
    index: usize,
    label: String,
    pixels: usize,
    share: f64,
}

/// What was found in an image.
struct Found {
    size: [usize; 2],
    classes: Vec<Share>,
    results: Vec<Value>,
    drawn: Option<String>,
    labels: Option<String>,
}

type Segment = Box<dyn Fn(&Images) -> involution::Result<Vec<LabelMap>>>;

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let source = &args.source;
    let mut call = source.call(&SHIPPED)?;
    let segmenter = Segmenter::from_weights(&call.weights).map_err(|it| call.refused(&it))?;
    segmenter.check_weights(&call.weights).map_err(|it| call.refused(&it))?;
    let classes = segmenter.classes().unwrap_or_default();
    let names = call.names(segmenter.labels(), classes)?;
    let cityscapes = names.iter().map(String::as_str).eq(CITYSCAPES.map(|(name, _)| name));
    let colours: Option<Vec<Colour>> =
        cityscapes.then(|| CITYSCAPES.map(|(_, colour)| colour).to_vec());
    let drawings = Places::new("--draw", args.draw.as_deref(), &call, "classes")?;
    let maps = Places::new("--output", args.output.as_deref(), &call, "labels")?;
    if drawings.stdout().is_some() && maps.stdout().is_some() {
        return Err(bad_use("--draw and --output cannot both be stdout"));
    }
    let runner = flags.open()?;
    let started = Instant::now();
    let segment = load(&runner, &segmenter, std::mem::take(&mut call.weights), args.slide)?;
    let ready_ms = milliseconds(started.elapsed());

    let ids = coco::image_ids(&call.stems());
    let rows = call.run(&segmenter.preprocessing(), segment, |index, pixels, map| {
        let drawn = drawings
            .write(index, || draw::classes(pixels, &map.labels, &names, colours.as_deref()))?;
        let labels = maps.write(index, || draw::label_map(&map.labels, map.size, classes))?;
        let classes = shares(&map, &names);
        let told = classes.iter().filter(|_| json);
        let results = told.map(|it| result(it.index, &map, ids[index], &names)).collect();
        Ok(Found { size: map.size, classes, results, drawn, labels })
    });

    let (mut images, mut results, mut text) = (Vec::new(), Vec::new(), String::new());
    for ((path, &id), row) in call.images.iter().zip(&ids).zip(rows) {
        let image = path.display().to_string();
        let row = match row {
            Ok((ms, found)) => {
                results.extend(found.results);
                let [height, width] = found.size.map(Some);
                let Found { classes, drawn, labels, .. } = found;
                let ms = Some(ms);
                Row { id, image, height, width, ms, classes, drawn, labels, error: None }
            }
            Err(error) => Row { id, image, error: Some(format!("{error:#}")), ..Row::default() },
        };
        text += &row.text();
        images.push(row);
    }
    let name = segmenter.name();
    let report = json!({
        "network": name,
        "adapter": runner.name(),
        "ready_ms": ready_ms,
        "images": images,
        "categories": coco::categories(&names),
        "results": results,
    });
    pictures::report(&[&drawings, &maps], json, &report, || {
        format!("{name} on {}, ready in {ready_ms:.0} ms\n{text}", runner.name())
    })?;
    Ok(Outcome::of(images.iter().all(|row| row.error.is_none())))
}

/// The segmenter with its weights where it runs.
fn load(
    runner: &Runner,
    segmenter: &Segmenter,
    weights: StateDict,
    slide: bool,
) -> Result<Segment> {
    Ok(match runner {
        Runner::Gpu(gpu) => {
            let load = |layer, weights| gpu.load_shared(layer, weights);
            let segmenting = segmenter.load(weights, load)?;
            Box::new(move |images| match slide {
                true => segmenting.slide(images, WINDOW, STRIDE),
                false => segmenting.segment(images),
            })
        }
        Runner::Reference => {
            let segmenting = segmenter.load(weights, reference::Network::new)?;
            Box::new(move |images| match slide {
                true => segmenting.slide(images, WINDOW, STRIDE),
                false => segmenting.segment(images),
            })
        }
    })
}

/// The classes of a map, the largest first.
fn shares(map: &LabelMap, names: &[String]) -> Vec<Share> {
    let mut pixels = vec![0_usize; names.len()];
    for &label in &map.labels {
        if let Some(pixels) = pixels.get_mut(usize::from(label)) {
            *pixels += 1;
        }
    }
    let total = map.labels.len().max(1) as f64;
    let of = |(index, (&pixels, label)): (usize, (&usize, &String))| Share {
        index,
        label: label.clone(),
        pixels,
        share: pixels as f64 / total,
    };
    let mut shares: Vec<Share> = pixels.iter().zip(names).enumerate().map(of).collect();
    shares.retain(|it| it.pixels > 0);
    shares.sort_by_key(|it| std::cmp::Reverse(it.pixels));
    shares
}

/// The pixels of a class as COCO's tools read them.
fn result(class: usize, map: &LabelMap, image: u64, names: &[String]) -> Value {
    json!({
        "image_id": image,
        "category_id": coco::category(class, names),
        "segmentation": coco::rle(|index| usize::from(map.labels[index]) == class, map.size),
    })
}

impl Row {
    fn text(&self) -> String {
        let Row { image, classes, error, .. } = self;
        if let Some(error) = error {
            return format!("\n{image}\n  error: {error}\n");
        }
        let [height, width] = [self.height, self.width].map(Option::unwrap_or_default);
        let (ms, number) = (self.ms.unwrap_or_default(), output::count(classes.len(), "class"));
        let mut text = format!("\n{image}  {width}x{height}, {ms:.1} ms: {number}\n");
        for Share { label, share, .. } in classes {
            let bar = "#".repeat((share * 30.0).round() as usize);
            text += format!("  {:>8}  {label:<28} {bar}", percent(*share)).trim_end();
            text += "\n";
        }
        for (what, place) in [("drawn", &self.drawn), ("labels", &self.labels)] {
            if let Some(place) = place {
                text += &format!("  {what}: {place}\n");
            }
        }
        text
    }
}
