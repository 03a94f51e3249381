//! Arrays that the lanes of a workgroup share: what one lane writes, no other may touch until all have met at a barrier.
//! Software adapters run lanes one after another, so that no result there says whether a barrier is missing.
//!
//! The rule knows of touches only what their texts say: an index, and the conditions and loops around. What it cannot
//! prove apart, it takes for a race.

use super::{code_of, shaders};

/// An element of a shared array is read or written.
#[derive(Clone, Debug)]
struct Touch {
    array: String,
    index: String,
    /// Which of the two sides of an array that are read and filled in turn, where the index is that of a side.
    side: Option<bool>,
    writes: bool,
    /// The heads of the conditions and loops around it.
    within: Vec<String>,
}

impl Touch {
    fn is_within(&self, head: &str) -> bool {
        self.within.iter().any(|other| other == head)
    }

    /// Whether each lane touches an element of its own.
    fn is_own(&self) -> bool {
        self.index == "local_index" || (self.index == "0" && self.is_within("if local_index == 0u"))
    }

    /// Whether both are done by the first few lanes alone, of which one touches its own element, and the other what lies
    /// so many elements further, or a multiple of it.
    fn is_before(&self, other: &Touch) -> bool {
        self.within.iter().filter(|head| other.is_within(head)).any(|head| {
            let Some(lanes) = head.strip_prefix("if local_index < ") else { return false };
            let multiple = other.index == format!("local_index + {lanes} * i")
                && other.within.iter().any(|head| head.starts_with("for (var i = 1u;"));
            self.index == "local_index"
                && (multiple || other.index == format!("local_index + {lanes}"))
        })
    }

    /// Whether two lanes may touch one element, which one of them writes.
    fn races(&self, other: &Touch) -> bool {
        let other_side = self.side.is_some() && self.side == other.side.map(|side| !side);
        let number = |touch: &Touch| touch.index.parse::<u32>().ok();
        let other_number = number(self).zip(number(other)).is_some_and(|(own, other)| own != other);
        let apart = other_side
            || other_number
            || (self.is_own() && other.is_own())
            || self.is_before(other)
            || other.is_before(self);
        self.array == other.array && (self.writes || other.writes) && !apart
    }
}

/// What lanes do in turn.
#[derive(Clone, Debug)]
enum Step {
    Touch(Touch),
    /// The side that was filled is the one that is read from here on.
    Turn,
    Barrier,
}

type Course = Vec<Step>;

/// The text up to the bracket that closes the one before it.
fn up_to_closing(text: &str, [opens, closes]: [char; 2]) -> &str {
    let mut depth = 1;
    let end = text.find(|c| {
        depth += i32::from(c == opens) - i32::from(c == closes);
        depth == 0
    });
    &text[..end.unwrap()]
}

/// The text after `head`, up to the brace that closes what it opens.
fn block<'a>(code: &'a str, head: &str) -> Option<&'a str> {
    let (_, rest) = code.split_once(head)?;
    Some(up_to_closing(rest.split_once('{')?.1, ['{', '}']))
}

/// The courses that lanes may take through a text. A loop that holds a barrier is left out, or gone through twice: then its
/// end has met its beginning.
fn courses(code: &str, text: &str, within: &[String]) -> Result<Vec<Course>, String> {
    let mut found = vec![Course::new()];
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_alphabetic()) {
        let after_member = rest[..start].ends_with('.');
        // `coopStoreT(matrix, &array[…], …)` writes.
        let before = &text[..text.len() - rest.len() + start];
        let statement = &before[before.rfind([';', '{', '}']).map_or(0, |at| at + 1)..];
        let stored = statement.ends_with('&') && statement.trim_start().starts_with("coopStore");
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word;
        (word, rest) = rest.split_at(end);
        let add = |found: &mut Vec<Course>, step: Step| {
            found.iter_mut().for_each(|course| course.push(step.clone()));
        };
        let follow = |found: &[Course], next: &[Course]| -> Vec<Course> {
            let each = |course| next.iter().map(move |next: &Course| [course, &next[..]].concat());
            found.iter().flat_map(|course| each(&course[..])).collect()
        };
        if word == "if" || word == "for" {
            let (head, _) = rest.split_once(" {").unwrap();
            let body = up_to_closing(&rest[head.len() + 2..], ['{', '}']);
            let within = [within, &[format!("{word}{head}")]].concat();
            let inner = courses(code, body, &within)?;
            let meets = inner.iter().flatten().any(|step| !matches!(step, Step::Touch(_)));
            if meets && word == "if" {
                return Err(format!("a barrier under a condition:{head}"));
            }
            let twice = if meets { follow(&inner, &inner) } else { inner };
            let around = follow(&courses(code, head, &within)?, &twice);
            let skipped = if meets { found.clone() } else { Vec::new() };
            found = [follow(&found, &around), skipped].concat();
            rest = &rest[head.len() + 2 + body.len()..];
        } else if word == "workgroupBarrier" {
            add(&mut found, Step::Barrier);
        } else if word == "side" && rest.starts_with(" = 1u - side;") {
            add(&mut found, Step::Turn);
        } else if code.contains(&format!("fn {word}(")) && rest.starts_with('(') {
            let body = block(code, &format!("fn {word}(")).unwrap();
            found = follow(&found, &courses(code, body, within)?);
        } else if code.contains(&format!("var<workgroup> {word}:")) && !after_member {
            let Some(open) = rest.strip_prefix('[') else {
                return Err(format!("{word} as a whole"));
            };
            let index = up_to_closing(open, ['[', ']']);
            let mut after = &rest[index.len() + 2..];
            while let Some(inner) = after.strip_prefix('[') {
                after = &inner[up_to_closing(inner, ['[', ']']).len() + 1..];
            }
            let sign = after.trim_start().split(' ').next().unwrap();
            let assigned = sign.ends_with('=') && !["==", "!=", "<=", ">="].contains(&sign);
            let writes = stored || assigned;
            let [array, index] = [word, index].map(str::to_owned);
            let side = ["side", "other"].iter().position(|side| index == *side).map(|at| at == 1);
            let within = within.to_vec();
            add(&mut found, Step::Touch(Touch { array, index, side, writes, within }));
        }
    }
    Ok(found)
}

/// Two touches between which a barrier is missing, if there are any.
fn race(code: &str) -> Result<(), String> {
    for course in courses(code, block(code, "fn main(").unwrap(), &[])? {
        let mut turned = false;
        let mut touches: Vec<Touch> = Vec::new();
        for step in course {
            match step {
                Step::Barrier => touches.clear(),
                Step::Turn => turned = !turned,
                Step::Touch(mut touch) => {
                    touch.side = touch.side.map(|side| side != turned);
                    if let Some(other) = touches.iter().find(|other| touch.races(other)) {
                        return Err(format!("{other:?}\n{touch:?}"));
                    }
                    touches.push(touch);
                }
            }
        }
    }
    Ok(())
}

/// The kernels whose lanes share arrays: name and code.
fn sharing() -> Vec<(&'static str, String)> {
    let all = shaders().map(|((kernel, _), shader)| (kernel.name, code_of(&shader.text.wgsl)));
    let sharing: Vec<_> = all.filter(|(_, code)| code.contains("var<workgroup>")).collect();
    assert!(sharing.len() >= 3, "{}", sharing.len());
    sharing
}

#[test]
fn lanes_meet_before_they_touch_what_others_write() {
    for (name, code) in sharing() {
        race(&code).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

/// Without any one of the barriers, or with one lane too many, there is a race, and the rule finds it.
#[test]
fn a_barrier_that_is_missing_is_found() {
    for (name, code) in sharing() {
        let mut planted = 0;
        for (from, to) in
            [("workgroupBarrier();", ""), ("if local_index < 8u {", "if local_index < 9u {")]
        {
            for (place, _) in code.match_indices(from) {
                let faulty = [&code[..place], to, &code[place + from.len()..]].concat();
                assert!(race(&faulty).is_err(), "{name}: {from} at {place}");
                planted += 1;
            }
        }
        assert!(planted >= 2, "{name}");
    }
}
