//! What the commands on images share: how images are read, what classes are called, where pictures are written, and batches in
//! which a broken image holds up no other.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use involution::image::{self, Pixels};
use involution::models::{Channels, Images, Preprocessing};
use involution::weights::{self, Limits, Loaded, strip_wrappers};
use involution::{Error, StateDict};
use involution_bench::stats::milliseconds;
use involution_bench::{bad_use, files, output, tensors};

/// Bytes that are read of an image or of names in a pipe.
const MOST_BYTES: u64 = 1 << 30;

/// The picture in a file. Decoders go back and forth in it: what comes through a pipe is read as a whole first.
pub fn picture(path: &Path, channels: Channels) -> involution::Result<Pixels> {
    if !files::is_stdin(path) && path.metadata().is_ok_and(|it| it.is_file()) {
        return image::open(path, channels);
    }
    let name = path.display().to_string();
    let bytes = files::read(path, MOST_BYTES)
        .map_err(|error| Error::Image { image: name.clone(), message: error.to_string() })?;
    image::read(&name, Cursor::new(bytes), channels, &image::Limits::default())
}

/// The names of the classes: of the file, or the network's own.
pub fn labels(file: Option<&Path>, own: Vec<String>, classes: usize) -> Result<Vec<String>> {
    let Some(file) = file else { return Ok(own) };
    let place = file.display();
    let wrong = |why: String| bad_use(format!("cannot read {place}: {why}"));
    let bytes = files::read(file, MOST_BYTES).map_err(|error| wrong(error.to_string()))?;
    let labels = names(&bytes).map_err(wrong)?;
    if labels.len() != classes {
        let (names, classes) =
            (output::count(labels.len(), "name"), output::count(classes, "class"));
        return Err(bad_use(format!("{place} has {names} where the network has {classes}")));
    }
    Ok(labels)
}

/// The names in a text, one a line, without its byte order mark and empty lines; or what is wrong with it.
fn names(bytes: &[u8]) -> Result<Vec<String>, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || bytes.contains(&0) {
        return Err("it is UTF-16 or no text at all: save it as UTF-8, a name a line".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        format!("it is not UTF-8 from byte {} on: save it as UTF-8", error.valid_up_to())
    })?;
    let lines = text.trim_start_matches('\u{feff}').split(['\n', '\r']).map(str::trim);
    Ok(lines.filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// What detectors and segmenters are run on, and with.
#[derive(Debug, clap::Args)]
pub struct Source {
    /// Images: PNG, JPEG, WebP or BMP; - for stdin
    #[arg(value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// File of weights: safetensors, or what torch.save wrote
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Names of the classes, one a line, instead of the network's own
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Images that run at once, each with zeros up to the size of the largest
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
}

/// The weights that a command comes with: their place in the repository, and what is there.
pub struct Shipped {
    pub place: &'static str,
    pub bytes: &'static [u8],
}

/// The image that is looked at where neither images nor weights are given.
const SCENE: Shipped = Shipped {
    place: "examples/scenes/test/003.png",
    bytes: include_bytes!("../../../examples/scenes/test/003.png"),
};

/// What a command is to run, with the defaults where nothing was given.
pub struct Call<'a> {
    source: &'a Source,
    pub images: Vec<PathBuf>,
    /// The image that comes with the command, if it is the one.
    example: Option<&'static [u8]>,
    /// The file of weights.
    place: PathBuf,
    pub weights: StateDict,
    /// The names of the classes, as far as the file tells them.
    classes: Option<Vec<String>>,
}

impl Source {
    /// The weights, and the images: without weights those that come with the command, without images, too, its own.
    pub fn call(&self, shipped: &Shipped) -> Result<Call<'_>> {
        if self.batch == 0 {
            return Err(bad_use("--batch must be at least 1"));
        }
        let (images, example) = match (&self.images[..], &self.weights) {
            ([], Some(_)) => {
                return Err(bad_use("IMAGE is missing: --weights alone finds nothing"));
            }
            ([], None) => (vec![PathBuf::from(SCENE.place)], Some(SCENE.bytes)),
            (images, _) => (images.to_vec(), None),
        };
        let (place, loaded) = match &self.weights {
            Some(file) => (file.clone(), tensors::load(file)?),
            None => {
                let read = weights::read(shipped.bytes, &Limits::default())?;
                (PathBuf::from(shipped.place), read)
            }
        };
        let Loaded { tensors, metadata, .. } = loaded;
        let weights = strip_wrappers(tensors).with_context(|| place.display().to_string())?;
        let named = ["CLASSES", "classes"].iter().find_map(|key| metadata.get(*key));
        let classes = named.and_then(|text| serde_json::from_str(text).ok());
        Ok(Call { source: self, images, example, place, weights, classes })
    }
}

impl Call<'_> {
    /// An error that names the file of weights.
    pub fn refused(&self, error: &Error) -> anyhow::Error {
        bad_use(format!("{}: {error}", self.place.display()))
    }

    /// The names of so many classes: of the file that was given, of the weights, the network's own, or numbers.
    pub fn names(&self, own: Option<Vec<&'static str>>, classes: usize) -> Result<Vec<String>> {
        let own = || own.map(|own| own.into_iter().map(str::to_owned).collect::<Vec<_>>());
        let told = self.classes.clone().filter(|told| told.len() == classes);
        let numbers = || (0..classes).map(|class| format!("class {class}")).collect();
        let names = told.or_else(own).unwrap_or_else(numbers);
        labels(self.source.labels.as_deref(), names, classes)
    }

    fn picture(&self, path: &Path, channels: Channels) -> involution::Result<Pixels> {
        match self.example {
            Some(bytes) => {
                let name = path.display().to_string();
                image::read(&name, Cursor::new(bytes), channels, &image::Limits::default())
            }
            None => picture(path, channels),
        }
    }

    /// Runs the images in batches, and gives what becomes of each: its time and its results, or what went wrong.
    pub fn run<A, R>(
        &self,
        recipe: &Preprocessing,
        answer: impl Fn(&Images) -> involution::Result<Vec<A>>,
        finish: impl Fn(usize, &Pixels, A) -> Result<R>,
    ) -> Vec<Result<(f64, R)>> {
        let timed = |pictures: &[Pixels]| -> Result<Vec<(f64, A)>> {
            if pictures.is_empty() {
                return Ok(Vec::new());
            }
            let images = image::fit(pictures, recipe)?;
            let started = Instant::now();
            let answers = answer(&images)?;
            let ms = milliseconds(started.elapsed()) / pictures.len() as f64;
            Ok(answers.into_iter().map(|answer| (ms, answer)).collect())
        };
        let each = |pictures: &[Pixels]| -> Vec<Result<(f64, A)>> {
            match timed(pictures) {
                Ok(answers) => answers.into_iter().map(Ok).collect(),
                // It may be one of them alone that cannot run.
                Err(_) if pictures.len() > 1 => {
                    let alone = pictures.iter().map(std::slice::from_ref).map(timed);
                    alone.map(|one| one?.pop().context("the network gave no answer")).collect()
                }
                Err(error) => vec![Err(error)],
            }
        };
        let bar = output::progress("images", self.images.len());
        let mut rows = Vec::new();
        for paths in self.images.chunks(self.source.batch) {
            let (mut pictures, mut unread) = (Vec::new(), Vec::new());
            for path in paths {
                let read =
                    self.picture(path, recipe.channels).map(|picture| pictures.push(picture));
                unread.push(read.err());
            }
            let mut answers = pictures.iter().zip(each(&pictures));
            for error in unread {
                let index = rows.len();
                rows.push(match error.map_or_else(|| Ok(answers.next()), Err) {
                    Ok(Some((picture, Ok((ms, answer))))) => {
                        finish(index, picture, answer).map(|result| (ms, result))
                    }
                    Ok(Some((_, Err(error)))) => Err(error),
                    Ok(None) => Err(anyhow!("the network gave no answer")),
                    Err(error) => Err(error.into()),
                });
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        rows
    }

    /// The names of the images without folder and extension.
    pub fn stems(&self) -> Vec<String> {
        let stem = |path: &PathBuf| match path.file_stem() {
            Some(stem) if !files::is_stdin(path) => stem.to_string_lossy().into_owned(),
            _ => "stdin".to_owned(),
        };
        self.images.iter().map(stem).collect()
    }
}

/// Where a picture is written for each image: a file for one, a folder for several.
pub struct Places {
    places: Vec<PathBuf>,
}

impl Places {
    /// The places of this flag: the file that it names, or files in the folder that it names, which are called after their
    /// images and end in this. Whatever cannot be written is an error here.
    pub fn new(flag: &str, to: Option<&Path>, call: &Call, ending: &str) -> Result<Self> {
        let Some(to) = to else { return Ok(Places { places: Vec::new() }) };
        let several = call.images.len() > 1;
        let slash = to.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
        if !several && !slash && !to.is_dir() {
            let same = |image: &&PathBuf| match (image.canonicalize(), to.canonicalize()) {
                (Ok(image), Ok(to)) => image == to && to.is_file(),
                _ => false,
            };
            if call.images.iter().any(|image| same(&image)) {
                return Err(bad_use(format!("{flag} {} is the image itself", to.display())));
            }
            output::check(to)?;
            return Ok(Places { places: vec![to.to_owned()] });
        }
        if files::is_stdout(to) || to.is_file() {
            let place = to.display();
            return Err(bad_use(format!("{flag} {place}: several images need a folder")));
        }
        std::fs::create_dir_all(to)
            .with_context(|| format!("cannot make the folder {}", to.display()))?;
        let mut places: Vec<PathBuf> = Vec::new();
        for stem in call.stems() {
            let name = |number: usize| match number {
                1 => to.join(format!("{stem}_{ending}.png")),
                _ => to.join(format!("{stem}_{number}_{ending}.png")),
            };
            places.push((1..).map(name).find(|it| !places.contains(it)).unwrap_or_default());
        }
        if let Some(first) = places.first() {
            output::check(first)?;
        }
        Ok(Places { places })
    }

    /// Writes the picture of this image, where one is wanted, and says where.
    pub fn write(
        &self,
        index: usize,
        picture: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<Option<String>> {
        let Some(place) = self.places.get(index) else { return Ok(None) };
        output::write(place, &picture()?)?;
        Ok(Some(place.display().to_string()))
    }

    /// The place that is stdout, if there is one.
    pub fn stdout(&self) -> Option<&Path> {
        self.places.iter().map(PathBuf::as_path).find(|place| files::is_stdout(place))
    }
}

/// Prints a report: to stderr where a picture goes to stdout.
pub fn report(
    places: &[&Places],
    json: bool,
    value: &serde_json::Value,
    text: impl FnOnce() -> String,
) -> Result<()> {
    match places.iter().find_map(|it| it.stdout()) {
        Some(stdout) => output::report(stdout, json, value, text),
        None => output::result(json, value, text),
    }
}
