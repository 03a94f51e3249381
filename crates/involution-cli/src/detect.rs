//! `involution detect`: images in, objects out.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use involution::models::detect::{Detection, Detector};
use involution::models::{Images, Model};
use involution::{Layer, StateDict, reference};
use involution_bench::adapter::{Flags, Runner};
use involution_bench::stats::milliseconds;
use involution_bench::{Outcome, bad_use, output};
use serde::Serialize;
use serde_json::{Value, json};

use crate::coco;
use crate::draw::{self, Object};
use crate::pictures::{self, Places, Shipped, Source};

const HELP: &str = "\
Without --weights, the small network runs that comes with the command: it finds handwritten digits on textured \
pictures. Without images, too, it looks at one of its own.

The network, its widths and its classes follow from the weights: Faster R-CNN, Mask R-CNN or RetinaNet by the names of \
mmdetection. Classes are called as the file says (CLASSES among its metadata), or as in COCO where there are 80. An \
image that cannot be read is reported, and the rest go on.

With --json, results is the list that pycocotools' loadRes takes, with masks as compressed run lengths. The ids of \
images are the numbers in their names where all have twelve digits, as those of COCO, else their places from 1 on.

With more than one image, OUT is a folder: it gets IMAGE_objects.png for each. A small picture is enlarged by a \
whole factor before it is drawn on.

Examples:
  involution detect --draw found.png
  involution detect --weights mask_rcnn.pth street.jpg --draw found.png
  involution detect --weights retinanet.safetensors --batch 4 --draw found *.jpg
  involution detect --weights mask_rcnn.pth --score 0.05 --json val2017/*.jpg \\
      | jq .results > results.json";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Least score of the objects that are told, from 0 to 1
    #[arg(long, value_name = "S", default_value_t = 0.3)]
    score: f32,
    /// PNG to write: the image with boxes, masks, names and a legend
    #[arg(long, value_name = "OUT")]
    draw: Option<PathBuf>,
}

/// What runs where no weights are given.
const SHIPPED: Shipped = Shipped {
    place: "examples/scenes/mask_rcnn_digits.safetensors",
    bytes: include_bytes!("../../../examples/scenes/mask_rcnn_digits.safetensors"),
};

/// What is said of an image.
#[derive(Debug, Default, Serialize)]
struct Row {
    id: u64,
    image: String,
    height: Option<usize>,
    width: Option<usize>,
    /// The image's share of the time that its batch took, from host tensor to objects.
    ms: Option<f64>,
    objects: Option<usize>,
    drawn: Option<String>,
    error: Option<String>,
}

/// What was found in an image.
struct Found {
    size: [usize; 2],
    /// Without their masks: those of many images would take all memory.
    objects: Vec<Detection>,
    results: Vec<Value>,
    drawn: Option<String>,
}

type Detect = Box<dyn Fn(&Images) -> involution::Result<Vec<Vec<Detection>>>>;

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let Args { source, score, draw } = args;
    if !(0.0..=1.0).contains(score) {
        return Err(bad_use(format!("--score {score} is not between 0 and 1")));
    }
    let mut call = source.call(&SHIPPED)?;
    let detector = Detector::from_weights(&call.weights).map_err(|it| call.refused(&it))?;
    detector.check_weights(&call.weights).map_err(|it| call.refused(&it))?;
    let classes = detector.classes().unwrap_or_default();
    let names = call.names(detector.labels(), classes)?;
    let places = Places::new("--draw", draw.as_deref(), &call, "objects")?;
    let runner = flags.open()?;
    let started = Instant::now();
    let detect = load(&runner, &detector, std::mem::take(&mut call.weights))?;
    let ready_ms = milliseconds(started.elapsed());

    let ids = coco::image_ids(&call.stems());
    let rows = call.run(&detector.preprocessing(), detect, |index, pixels, found| {
        let mut objects: Vec<Detection> =
            found.into_iter().filter(|it| it.score >= *score).collect();
        let drawn = places.write(index, || {
            let objects = objects.iter().map(|object| Object {
                corners: object.corners,
                score: object.score,
                class: object.label,
                mask: object.mask.as_deref(),
            });
            draw::objects(pixels, &objects.collect::<Vec<_>>(), &names)
        })?;
        let size = pixels.size;
        let results = objects.iter().map(|it| result(it, ids[index], size, &names)).collect();
        objects.iter_mut().for_each(|object| object.mask = None);
        Ok(Found { size, objects, results, drawn })
    });

    let (mut images, mut results, mut text) = (Vec::new(), Vec::new(), String::new());
    for ((path, &id), row) in call.images.iter().zip(&ids).zip(rows) {
        let image = path.display().to_string();
        match row {
            Ok((ms, found)) => {
                text += &found.text(&image, ms, *score, &names);
                results.extend(found.results);
                let [height, width] = found.size.map(Some);
                let objects = Some(found.objects.len());
                let ms = Some(ms);
                let drawn = found.drawn;
                images.push(Row { id, image, height, width, ms, objects, drawn, error: None });
            }
            Err(error) => {
                text += &format!("\n{image}\n  error: {error:#}\n");
                let error = Some(format!("{error:#}"));
                images.push(Row { id, image, error, ..Row::default() });
            }
        }
    }
    let name = detector.name();
    let report = json!({
        "network": name,
        "adapter": runner.name(),
        "ready_ms": ready_ms,
        "score": score,
        "images": images,
        "categories": coco::categories(&names),
        "results": results,
    });
    pictures::report(&[&places], json, &report, || {
        format!("{name} on {}, ready in {ready_ms:.0} ms\n{text}", runner.name())
    })?;
    Ok(Outcome::of(images.iter().all(|row| row.error.is_none())))
}

/// The detector with its weights where it runs.
fn load(runner: &Runner, detector: &Detector, weights: StateDict) -> Result<Detect> {
    Ok(match runner {
        Runner::Gpu(gpu) => {
            let load = |layer, weights| gpu.load_shared(layer, weights);
            let detecting = detector.load(weights, load)?;
            Box::new(move |images| detecting.detect(images))
        }
        Runner::Reference => {
            let detecting = detector.load(weights, reference::Network::new)?;
            Box::new(move |images| detecting.detect(images))
        }
    })
}

/// An object as COCO's tools read it.
fn result(object: &Detection, image: u64, size: [usize; 2], names: &[String]) -> Value {
    let mut value = json!({
        "image_id": image,
        "category_id": coco::category(object.label, names),
        "bbox": coco::bbox(object.corners),
        "score": object.score,
    });
    if let Some(mask) = &object.mask {
        value["segmentation"] = coco::rle(|index| mask[index], size);
    }
    value
}

impl Found {
    fn text(&self, image: &str, ms: f64, least: f32, names: &[String]) -> String {
        let [height, width] = self.size;
        let number = output::count(self.objects.len(), "object");
        let mut text = format!("\n{image}  {width}x{height}, {ms:.1} ms: {number}");
        if self.objects.is_empty() {
            text += &format!(" with a score of at least {least}");
        }
        text += "\n";
        let name = |object: &Detection| names.get(object.label).map_or("", String::as_str);
        let longest = self.objects.iter().map(|it| name(it).chars().count()).max().unwrap_or(0);
        let longest = longest.max("object".len());
        if !self.objects.is_empty() {
            text += &format!("  score  {:<longest$}  left   top  width  height\n", "object");
        }
        for object in &self.objects {
            let [left, top, width, height] = coco::bbox(object.corners);
            let (score, name) = (object.score, name(object));
            text += &format!(
                "  {score:5.2}  {name:<longest$} {left:5.0} {top:5.0} {width:6.0} {height:7.0}\n"
            );
        }
        if let Some(drawn) = &self.drawn {
            text += &format!("  drawn: {drawn}\n");
        }
        text
    }
}
