//! What to time, and how: the flags that every suite reads.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use involution::ops::NAMES;

use crate::bad_use;

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
    /// The operators of the involution's family under the names of other libraries, at the sizes of their papers
    Family,
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
        format!("{self:?}").to_lowercase()
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

impl Request {
    /// Keeps what `--filter` selects by name. A text that selects nothing is an error that lists what there is.
    pub fn selected<T>(&self, all: Vec<T>, name: impl Fn(&T) -> String) -> Result<Vec<T>> {
        let is = |item: &T, text: &String| name(item).contains(text);
        if let Some(text) = self.filter.iter().find(|text| !all.iter().any(|item| is(item, text))) {
            let known = all.iter().map(&name).collect::<Vec<_>>().join("\n  ");
            return Err(bad_use(format!("--filter {text} selects nothing; there are:\n  {known}")));
        }
        let wanted = |item: &T| self.filter.is_empty() || self.filter.iter().any(|it| is(item, it));
        Ok(all.into_iter().filter(wanted).collect())
    }
}

/// How the rows are given beside the table, or instead of it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Forms {
    /// Write the rows as JSON to a file, beside the table, or to stdout instead of it (-, the default)
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
    /// Write a page with drawings of the rows, in one file that needs no other
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// A number above 0.
pub fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("'{text}' must be a number above 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_selected_by_parts_of_their_names() {
        let names = |filter: &[&str]| {
            let filter = filter.iter().map(|text| (*text).to_owned()).collect();
            let args = Request { filter, ..Request::default() };
            args.selected(vec!["one", "two", "three"], |name| (*name).to_owned())
        };
        assert_eq!(names(&[]).ok(), Some(vec!["one", "two", "three"]));
        assert_eq!(names(&["o"]).ok(), Some(vec!["one", "two"]));
        assert_eq!(names(&["thr", "tw"]).ok(), Some(vec!["two", "three"]));
        // One that selects something does not hide one that does not.
        let refused = names(&["one", "four"]).map_err(|error| error.to_string());
        let message = "--filter four selects nothing; there are:\n  one\n  two";
        assert!(refused.is_err_and(|error| error.starts_with(message)));
    }
}
