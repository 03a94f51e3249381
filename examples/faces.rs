//! Finds the faces in a photograph with the trained networks of MTCNN.
//!
//! ```text
//! python scripts/fetch_mtcnn.py
//! cargo run --release --example faces --features weights,image -- PHOTO [OUT.png]
//! ```
//!
//! Three small networks look at the photograph one after the other (Zhang et al., "Joint Face Detection and Alignment Using
//! Multitask Cascaded Convolutional Networks", 2016, as in facenet-pytorch): the first at every place of a pyramid of sizes, the
//! second and the third at what the ones before left. All that the library lacks is written here: PReLU, as
//! `a*x + (1 - a)*relu(x)`, and the cascade. Without an adapter the example uses the CPU reference.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use image::{Rgb, RgbImage};
use involution::models::detect::boxes::{Box4, nms};
use involution::ops::{Activate, Activation, Add, Conv2d, Linear, MaxPool2d, Mul};
use involution::plan::{Builder, Constant, Loaded, Value};
use involution::{Gpu, Layer, Result, Shape, StateDict, Tensor, Window, reference, weights};

/// Side of the least face, and how much smaller each image of the pyramid is than the one before.
const LEAST: f64 = 20.0;
const FACTOR: f64 = 0.709;

/// The scores that a face must have for each network.
const SCORES: [f32; 3] = [0.6, 0.7, 0.7];

/// One layer: a convolution of this many output channels and this kernel size, and the kernel size and stride of the pooling
/// after its PReLU.
type Stage = (usize, usize, Option<[usize; 2]>);

/// One of the three networks. Weights by the names of facenet-pytorch.
#[derive(Debug)]
struct Net {
    name: &'static str,
    /// Height and width of what it looks at; nothing for images of any size.
    side: usize,
    stages: &'static [Stage],
    /// Rows of its linear layer, where it has one.
    hidden: Option<usize>,
    /// The names of the layers for the score and for the box.
    heads: [&'static str; 2],
    /// The layer for eyes, nose and mouth.
    marks: Option<&'static str>,
}

const POOL_2: Option<[usize; 2]> = Some([2, 2]);
const POOL_3: Option<[usize; 2]> = Some([3, 2]);
const NETS: [Net; 3] = [
    Net {
        name: "pnet",
        side: 12,
        stages: &[(10, 3, POOL_2), (16, 3, None), (32, 3, None)],
        hidden: None,
        heads: ["conv4_1", "conv4_2"],
        marks: None,
    },
    Net {
        name: "rnet",
        side: 24,
        stages: &[(28, 3, POOL_3), (48, 3, POOL_3), (64, 2, None)],
        hidden: Some(128),
        heads: ["dense5_1", "dense5_2"],
        marks: None,
    },
    Net {
        name: "onet",
        side: 48,
        stages: &[(32, 3, POOL_3), (64, 3, POOL_3), (64, 3, POOL_2), (128, 2, None)],
        hidden: Some(256),
        heads: ["dense6_1", "dense6_2"],
        marks: Some("dense6_3"),
    },
];

impl Net {
    /// Each value times a learnt number where it is below zero.
    fn prelu(plan: &mut Builder, name: &str, x: Value) -> Result<Value> {
        let rank = plan.shape(x).rank();
        let channels = plan.shape(x).dims()[1];
        let mut shape = vec![1; rank];
        shape[1] = channels;
        plan.scope(name, |plan| {
            let slope = plan.weight("weight", [channels]);
            let shape = Shape::new(shape);
            let slope = plan.derive(slope, shape.clone(), |of| Constant::Reshaped {
                of: Box::new(of),
                shape: shape.clone(),
            });
            let rest = plan.derive(slope, shape.clone(), |of| {
                let factor = (-1f32).to_bits();
                let negative = Constant::Scaled { of: Box::new(of), factor };
                let ones = Constant::Ones { shape: shape.clone() };
                Constant::Sum { of: vec![ones, negative], shape: shape.clone() }
            });
            let positive = plan.apply("relu", Activate { activation: Activation::Relu }, &[x])?;
            let positive = plan.apply("positive", Mul::default(), &[positive, rest])?;
            let all = plan.apply("all", Mul::default(), &[x, slope])?;
            plan.apply("sum", Add::default(), &[all, positive])
        })
    }

    fn linear(plan: &mut Builder, name: &str, x: Value, rows: usize) -> Result<Value> {
        let features = plan.shape(x).dims()[1];
        plan.scope(name, |plan| {
            let inputs = [x, plan.weight("weight", [rows, features]), plan.weight("bias", [rows])];
            plan.apply("", Linear { bias: true, ..Default::default() }, &inputs)
        })
    }

    fn conv(plan: &mut Builder, name: &str, x: Value, [rows, side]: [usize; 2]) -> Result<Value> {
        let channels = plan.shape(x).dims()[1];
        plan.scope(name, |plan| {
            let weight = plan.weight("weight", [rows, channels, side, side]);
            let bias = plan.weight("bias", [rows]);
            plan.apply("", Conv2d { bias: true, ..Default::default() }, &[x, weight, bias])
        })
    }
}

impl Layer for Net {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", Shape::from([1, 3, self.side, self.side]))]
    }

    fn outputs(&self) -> Vec<&'static str> {
        ["scores", "boxes"].into_iter().chain(self.marks.map(|_| "marks")).collect()
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [mut x] = plan.take(inputs, ["x"])?;
        let mut last = 0;
        for (index, &(rows, side, pool)) in (1..).zip(self.stages) {
            x = Net::conv(plan, &format!("conv{index}"), x, [rows, side])?;
            x = Net::prelu(plan, &format!("prelu{index}"), x)?;
            if let Some([side, stride]) = pool {
                let window = Window::new([side; 2]).stride([stride; 2]);
                let op = MaxPool2d { window, ceil_mode: true };
                x = plan.apply(&format!("pool{index}"), op, &[x])?;
            }
            last = index;
        }
        let Some(rows) = self.hidden else {
            let [scores, boxes] = self.heads;
            return Ok(vec![
                Net::conv(plan, scores, x, [2, 1])?,
                Net::conv(plan, boxes, x, [4, 1])?,
            ]);
        };
        let dims = plan.shape(x).dims();
        let [batch, features] = [dims[0], dims[1] * dims[2] * dims[3]];
        let x = plan.reshape(x, [batch, features])?;
        let x = Net::linear(plan, &format!("dense{}", last + 1), x, rows)?;
        let x = Net::prelu(plan, &format!("prelu{}", last + 1), x)?;
        let heads = self.heads.into_iter().zip([2, 4]).chain(self.marks.map(|name| (name, 10)));
        heads.map(|(name, rows)| Net::linear(plan, name, x, rows)).collect()
    }
}

/// The weights of a network. Its linear layer reads the columns of a map, then its rows, then its channels: here they are put
/// into the order of the library, channels first.
fn read(net: &Net, folder: &Path) -> std::result::Result<StateDict, Box<dyn Error>> {
    let mut state = weights::load(&folder.join(format!("{}.pt", net.name)))?.tensors;
    let (Some(rows), Some(&(channels, ..))) = (net.hidden, net.stages.last()) else {
        return Ok(state);
    };
    let name = format!("dense{}.weight", net.stages.len() + 1);
    let weight = state.get(&name).ok_or_else(|| format!("{} has no {name}", net.name))?;
    let side = (weight.data().len() / rows / channels).isqrt();
    let order = (0..channels).flat_map(|channel| {
        (0..side).flat_map(move |row| {
            (0..side).map(move |column| (column * side + row) * channels + channel)
        })
    });
    let order: Vec<usize> = order.collect();
    let row = |row: &[f32]| order.iter().map(|&at| row[at]).collect::<Vec<f32>>();
    let data = weight.data().chunks(order.len()).flat_map(row).collect();
    state.insert(name, Tensor::new(weight.shape().clone(), data)?);
    Ok(state)
}

/// The part of a photograph within these rows and columns as the input of a network of this height and width: each value the
/// mean of the pixels that it covers, from about -1 to 1.
fn resized(photo: &RgbImage, [left, top, right, bottom]: [usize; 4], size: [usize; 2]) -> Vec<f32> {
    let bins = |from: usize, to: usize, count: usize| {
        let length = to - from;
        let bin =
            move |at: usize| from + at * length / count..from + ((at + 1) * length).div_ceil(count);
        (0..count).map(bin).collect::<Vec<_>>()
    };
    let (rows, columns) = (bins(top, bottom, size[0]), bins(left, right, size[1]));
    let mut values = Vec::with_capacity(3 * size[0] * size[1]);
    for channel in 0..3 {
        for rows in &rows {
            for columns in &columns {
                let pixels = rows.clone().flat_map(|y| columns.clone().map(move |x| (x, y)));
                let sum: f64 =
                    pixels.map(|(x, y)| f64::from(photo[(x as u32, y as u32)][channel])).sum();
                let mean = sum / (rows.len() * columns.len()) as f64;
                values.push(((mean - 127.5) * 0.007_812_5) as f32);
            }
        }
    }
    values
}

/// A face, or what may be one.
#[derive(Debug, Clone, Copy)]
struct Face {
    corners: Box4,
    score: f32,
    /// How its corners move, in parts of its size.
    delta: [f32; 4],
}

impl Face {
    fn moved(self, more: f32) -> Face {
        let [x1, y1, x2, y2] = self.corners;
        let ([w, h], [a, b, c, d]) = ([x2 - x1 + more, y2 - y1 + more], self.delta);
        Face { corners: [x1 + a * w, y1 + b * h, x2 + c * w, y2 + d * h], ..self }
    }

    /// The square around its middle.
    fn squared(self) -> Face {
        let [x1, y1, x2, y2] = self.corners;
        let side = (x2 - x1).max(y2 - y1);
        let [x, y] = [(x1 + x2 - side) / 2.0, (y1 + y2 - side) / 2.0];
        Face { corners: [x, y, x + side, y + side], ..self }
    }
}

/// What is left of faces that cover each other.
fn suppressed(faces: &[Face], threshold: f64) -> Vec<Face> {
    let corners: Vec<Box4> = faces.iter().map(|face| face.corners).collect();
    let scores: Vec<f32> = faces.iter().map(|face| face.score).collect();
    let kept = nms(&corners, &scores, &vec![0; faces.len()], threshold, faces.len());
    kept.into_iter().map(|at| faces[at]).collect()
}

/// Drops each face that shares more than a part of the smaller of the two with one of a higher score.
fn apart(faces: &[Face], threshold: f32) -> Vec<Face> {
    let mut order = faces.to_vec();
    order.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in order {
        let covered = kept.iter().any(|other| {
            let (a, b) = (face.corners, other.corners);
            let side =
                |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis]) + 1.0).max(0.0);
            let area = |of: Box4| (of[2] - of[0] + 1.0) * (of[3] - of[1] + 1.0);
            side(0) * side(1) / area(a).min(area(b)) > threshold
        });
        if !covered {
            kept.push(face);
        }
    }
    kept
}

/// The probability of the second of two logits.
fn second(logits: [f32; 2]) -> f32 {
    1.0 / (1.0 + (logits[0] - logits[1]).exp())
}

/// The faces that the first network proposes.
fn proposed(net: &impl Loaded, photo: &RgbImage) -> Result<Vec<Face>> {
    let [width, height] = [photo.width() as usize, photo.height() as usize];
    let (mut scale, mut faces) = (12.0 / LEAST, Vec::new());
    while height.min(width) as f64 * scale >= 12.0 {
        let size = [height, width].map(|side| (side as f64 * scale + 1.0) as usize);
        let data = resized(photo, [0, 0, width, height], size);
        let x = Tensor::new([1, 3, size[0], size[1]], data);
        let x = net.place(&x.map_err(involution::Error::at("faces"))?)?;
        let results = net.run_placed(&[&x], &["scores", "boxes"])?;
        let [scores, boxes] = [net.fetch(&results[0])?, net.fetch(&results[1])?];
        let [rows, columns] = [scores.shape().dims()[2], scores.shape().dims()[3]];
        let cells = rows * columns;
        let mut found = Vec::new();
        for at in 0..cells {
            let score = second([0, 1].map(|class| scores.data()[class * cells + at]));
            if score >= SCORES[0] {
                let [x, y] = [at % columns, at / columns].map(|place| 2.0 * place as f64);
                let corner = |place: f64| ((place / scale).floor()) as f32;
                let corners = [x + 1.0, y + 1.0, x + 12.0, y + 12.0].map(corner);
                let delta = [0, 1, 2, 3].map(|which| boxes.data()[which * cells + at]);
                found.push(Face { corners, score, delta });
            }
        }
        faces.extend(suppressed(&found, 0.5));
        scale *= FACTOR;
    }
    Ok(suppressed(&faces, 0.7).into_iter().map(|face| face.moved(0.0).squared()).collect())
}

/// Those of the faces that another network takes for faces, as it sees them.
fn looked_at(
    net: &impl Loaded,
    side: usize,
    score: f32,
    photo: &RgbImage,
    faces: &[Face],
) -> Result<Vec<Face>> {
    let size = [photo.width() as f32, photo.height() as f32];
    let crops = faces.iter().filter_map(|&face| {
        let [x1, y1, x2, y2] = face.corners.map(f32::trunc);
        let [left, top] = [x1, y1].map(|from| from.max(1.0) as usize - 1);
        let [right, bottom] = [x2.min(size[0]), y2.min(size[1])].map(|to| to as usize);
        (right > left && bottom > top).then_some((face, [left, top, right, bottom]))
    });
    let crops: Vec<(Face, [usize; 4])> = crops.collect();
    if crops.is_empty() {
        return Ok(Vec::new());
    }
    let data = crops.iter().flat_map(|(_, place)| resized(photo, *place, [side; 2])).collect();
    let x = Tensor::new([crops.len(), 3, side, side], data);
    let x = net.place(&x.map_err(involution::Error::at("faces"))?)?;
    let results = net.run_placed(&[&x], &["scores", "boxes"])?;
    let [scores, boxes] = [net.fetch(&results[0])?, net.fetch(&results[1])?];
    let rows = crops.iter().zip(scores.data().as_chunks::<2>().0).zip(boxes.data().as_chunks().0);
    let seen =
        rows.map(|(((face, _), &logits), &delta)| Face { score: second(logits), delta, ..*face });
    Ok(seen.filter(|face| face.score > score).collect())
}

fn faces(nets: &[impl Loaded], photo: &RgbImage) -> Result<Vec<Face>> {
    let [first, second, third] = nets else { return Ok(Vec::new()) };
    let found = proposed(first, photo)?;
    let found = looked_at(second, NETS[1].side, SCORES[1], photo, &found)?;
    let found: Vec<Face> = suppressed(&found, 0.7);
    let found: Vec<Face> = found.into_iter().map(|face| face.moved(1.0).squared()).collect();
    let found = looked_at(third, NETS[2].side, SCORES[2], photo, &found)?;
    let found: Vec<Face> = found.into_iter().map(|face| face.moved(1.0)).collect();
    Ok(apart(&found, 0.7))
}

fn run() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let input = arguments.next().ok_or("give the photograph: faces PHOTO [OUT.png]")?;
    let output = arguments.next().unwrap_or_else(|| PathBuf::from("target/faces.png"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/mtcnn");
    if !folder.is_dir() {
        return Err("the weights are missing: python scripts/fetch_mtcnn.py".into());
    }
    let mut photo =
        image::open(&input).map_err(|error| format!("{}: {error}", input.display()))?.to_rgb8();
    let states = NETS.iter().map(|net| read(net, &folder));
    let states = states.collect::<std::result::Result<Vec<StateDict>, _>>()?;
    let layers = NETS.into_iter().map(|net| Arc::new(net) as Arc<dyn Layer>).zip(states);
    let found = match Gpu::new() {
        Ok(gpu) => {
            println!("running on {}", gpu.adapter());
            let nets = layers.map(|(layer, state)| gpu.load_shared(layer, state));
            faces(&nets.collect::<Result<Vec<_>>>()?, &photo)?
        }
        Err(involution::Error::NoAdapter { backends }) => {
            println!("no {backends} adapter: the CPU reference runs instead");
            let nets = layers.map(|(layer, state)| reference::Network::new(layer, state));
            faces(&nets.collect::<Result<Vec<_>>>()?, &photo)?
        }
        Err(error) => return Err(error.into()),
    };
    for Face { corners: [x1, y1, x2, y2], score, .. } in &found {
        println!(
            "a face from ({x1:.1}, {y1:.1}) to ({x2:.1}, {y2:.1}), {:.1} % sure",
            100.0 * score
        );
    }
    if found.is_empty() {
        println!("no face");
    }
    let width = (photo.width().max(photo.height()) / 200).max(2) as i64;
    for face in &found {
        let [x1, y1, x2, y2] = face.corners.map(|side| side.round() as i64);
        for y in y1 - width..y2 + width {
            for x in x1 - width..x2 + width {
                let inside = x >= x1 && x < x2 && y >= y1 && y < y2;
                let place = u32::try_from(x).ok().zip(u32::try_from(y).ok()).filter(|_| !inside);
                if let Some(pixel) = place.and_then(|(x, y)| photo.get_pixel_mut_checked(x, y)) {
                    *pixel = Rgb([255, 176, 0]);
                }
            }
        }
    }
    photo.save(&output).map_err(|error| format!("{}: {error}", output.display()))?;
    println!("{}", output.display());
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
