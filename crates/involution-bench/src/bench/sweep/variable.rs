//! What varies in a sweep, as it is written: `batch=1..64` or `size=56,224`.

/// What can vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    Batch,
    Size,
}

/// One that varies, and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    name: Name,
    values: Vec<usize>,
}

impl Variable {
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = match text.split_once('=') {
            Some(("batch", _)) => Name::Batch,
            Some(("size", _)) => Name::Size,
            _ => return Err("must be batch=1..64 or size=56..512".to_owned()),
        };
        let values = text.split_once('=').map_or("", |(_, values)| values);
        Ok(Variable { name, values: parse_values(values)? })
    }

    /// The values of what has this name; none where it does not vary.
    pub fn values_of(variables: &[Variable], name: Name) -> Vec<usize> {
        let of = variables.iter().filter(|variable| variable.name == name);
        of.flat_map(|variable| variable.values.iter().copied()).collect()
    }
}

/// Numbers one by one, or doubled from the first to the last, which is always among them.
fn parse_values(text: &str) -> Result<Vec<usize>, String> {
    let number = |text: &str| match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("'{text}' must be a number above 0, as in 1..64 or 1,3,5")),
    };
    let Some((first, last)) = text.split_once("..") else {
        return text.split(',').map(number).collect();
    };
    let (first, last): (usize, usize) = (number(first)?, number(last)?);
    if first > last {
        return Err(format!("the range runs backwards: write {last}..{first}"));
    }
    let doubled = std::iter::successors(Some(first), |value| value.checked_mul(2));
    Ok(doubled.take_while(|&value| value < last).chain([last]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_a_list_or_are_doubled_up_to_the_last() {
        let values = |text: &str| Variable::parse(text).map(|variable| variable.values);
        assert_eq!(values("batch=1..8"), Ok(vec![1, 2, 4, 8]));
        assert_eq!(values("size=56..512"), Ok(vec![56, 112, 224, 448, 512]));
        assert_eq!(values("size=7..7"), Ok(vec![7]));
        assert_eq!(values("batch=3,1"), Ok(vec![3, 1]));
        for wrong in
            ["batch", "batch=", "batch=0", "batch=0..4", "batch=8..1", "depth=1..2", "size=a"]
        {
            assert!(Variable::parse(wrong).is_err(), "{wrong}");
        }
    }
}
