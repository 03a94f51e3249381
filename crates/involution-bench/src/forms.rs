//! The forms that runs are written in, and the file of each.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::record::Run;
use super::{findings, page, record};

/// How the rows are given beside the table, or instead of it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Forms {
    /// Write the rows as JSON to a file, beside the table, or to stdout instead of it (-, the default)
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
    /// Write the rows as a table of Markdown, in that way
    #[arg(long, value_name = "FILE")]
    pub md: Option<PathBuf>,
    /// Write a page with drawings of the rows, in one file that needs no other
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Makes a form that rows are written in.
pub type Form = fn(&[Run]) -> Result<String>;

impl Forms {
    /// The files that are asked for, that of JSON first.
    pub fn files(&self) -> Vec<(&Path, Form)> {
        let forms: [(&Option<PathBuf>, Form); 3] = [
            (&self.json, record::json),
            (&self.md, |runs| Ok(findings::markdown(runs))),
            (&self.html, |runs| Ok(page::several(runs))),
        ];
        forms.into_iter().filter_map(|(file, form)| Some((file.as_deref()?, form))).collect()
    }
}
