//! What to time, and how: the flags that every suite reads.

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use involution::Shape;
use involution::ops::NAMES;

/// A set of things to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Suite {
    /// Single calls on the shapes of RedNet-50 and others
    #[default]
    Ops,
    /// Layers from host to host, as they are fused and as they are defined
    Layers,
    /// Networks in the same way
    Nets,
    /// Operators, layers and networks from host to host, under the names that other libraries are timed by
    Peers,
    /// Copies to the device and back, and what a submission and a dispatch cost
    Transfer,
    /// The first use of kernels and networks, with an empty and a filled cache of the driver's
    Compile,
    /// The command of this name
    #[value(skip)]
    Sweep,
}

impl Suite {
    /// As it is named on the command line.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(|| "sweep".to_owned(), |value| value.get_name().to_owned())
    }
}

/// Which rows to time, and how often.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Request {
    /// What to time
    #[arg(long, value_enum, default_value_t)]
    pub suite: Suite,
    /// Rows of these operators
    #[arg(long, value_name = "OPS", value_delimiter = ',', value_parser = PossibleValuesParser::new(NAMES), hide_possible_values = true)]
    pub ops: Vec<String>,
    /// Rows whose first input ends in one of these shapes: 14x14, 64x56x56 or 8x64x56x56
    #[arg(long, value_name = "SHAPES", value_delimiter = ',', value_parser = Ending::parse)]
    pub shapes: Vec<Ending>,
    /// Batches of each row, instead of its own
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = positive)]
    pub batch: Vec<usize>,
    /// Rows whose name contains one of these texts
    #[arg(long, value_name = "TEXTS", value_delimiter = ',')]
    pub filter: Vec<String>,
    /// Some calls of each operator, and fewer samples
    #[arg(long)]
    pub quick: bool,
    /// Time every kernel that fits, not just the preferred one
    #[arg(long)]
    pub candidates: bool,
    /// Samples of each row [default: 15, 5 if --quick, fewer where they take too long]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: Option<u32>,
}

/// The last sizes of a shape: `14x14` of any images that are so large, `64x56x56` of so many channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending(Vec<usize>);

impl Ending {
    /// Sizes with an `x` between them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sizes = text.split('x').map(str::parse).collect::<Result<_, _>>();
        sizes.map(Ending).map_err(|_| "must be sizes such as 14x14 or 64x56x56".to_owned())
    }

    pub fn ends(&self, shape: &Shape) -> bool {
        shape.dims().ends_with(&self.0)
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&text(&self.0))
    }
}

/// Sizes with an `x` between them.
pub fn text(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// A number above 0.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("must be a number above 0".to_owned()),
    }
}
