//! Which rows of a suite are measured: those of some names, and those of some shapes.

use anyhow::Result;
use involution::Shape;

use super::request::{Request, text};
use crate::bad_use;

/// Keeps what the arguments select by shape and by name. What selects nothing is an error that lists what there is.
pub fn selected<T>(
    all: Vec<T>,
    args: &Request,
    name: impl Fn(&T) -> &str,
    shape: impl Fn(&T) -> &Shape,
) -> Result<Vec<T>> {
    let shapes = |all: &[T]| all.iter().map(|item| text(shape(item).dims())).collect();
    let all = kept(all, "--shapes", &args.shapes, |text, item| text.ends(shape(item)), shapes)?;
    named(all, args, |item| name(item).to_owned())
}

/// Keeps what the arguments select by name alone.
pub fn named<T>(all: Vec<T>, args: &Request, name: impl Fn(&T) -> String) -> Result<Vec<T>> {
    let names = |all: &[T]| all.iter().map(&name).collect();
    kept(all, "--filter", &args.filter, |text, item| name(item).contains(text.as_str()), names)
}

/// Keeps what one of these texts matches, all where there are none.
fn kept<T, S: std::fmt::Display>(
    all: Vec<T>,
    flag: &str,
    texts: &[S],
    matches: impl Fn(&S, &T) -> bool,
    known: impl Fn(&[T]) -> Vec<String>,
) -> Result<Vec<T>> {
    if let Some(text) = texts.iter().find(|text| !all.iter().any(|item| matches(text, item))) {
        let mut known = known(&all);
        known.dedup();
        let known = known.join("\n  ");
        return Err(bad_use(format!("{flag} {text} selects nothing; there are:\n  {known}")));
    }
    let wanted = |item: &T| texts.is_empty() || texts.iter().any(|text| matches(text, item));
    Ok(all.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::super::request::Ending;
    use super::*;

    #[test]
    fn an_ending_is_that_of_a_shape_and_selects_with_a_name() {
        let rows = || {
            vec![
                ("one", Shape::from([1, 64, 56, 56])),
                ("two", Shape::from([1, 64, 14, 14])),
                ("three", Shape::from([8, 64, 14, 14])),
            ]
        };
        let names = |shapes: &[&str], filter: &[&str]| {
            let shapes = shapes.iter().filter_map(|text| Ending::parse(text).ok()).collect();
            let filter = filter.iter().map(|text| (*text).to_owned()).collect();
            let args = Request { shapes, filter, ..Request::default() };
            let rows = selected(rows(), &args, |row| row.0, |row| &row.1);
            rows.map(|rows| rows.into_iter().map(|row| row.0).collect::<Vec<_>>())
        };
        let all = ["one", "two", "three"];
        assert_eq!(names(&[], &[]).ok(), Some(all.to_vec()));
        assert_eq!(names(&["14x14"], &[]).ok(), Some(all[1..].to_vec()));
        assert_eq!(names(&["64x14x14", "56"], &["o"]).ok(), Some(all[..2].to_vec()));
        assert_eq!(names(&["8x64x14x14"], &[]).ok(), Some(all[2..].to_vec()));
        // One that selects something does not hide one that does not.
        let refused = names(&["14x14", "7x7"], &[]).map_err(|error| error.to_string());
        let message = "--shapes 7x7 selects nothing; there are:\n  1x64x56x56";
        assert!(refused.is_err_and(|error| error.starts_with(message)));
        assert!(names(&["14x14"], &["one"]).is_err());
        for wrong in ["", "14x", "ax14", "-1"] {
            assert!(Ending::parse(wrong).is_err(), "{wrong}");
        }
    }
}
