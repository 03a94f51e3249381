//! Results as the tools of COCO read them: `loadRes` of pycocotools takes the list.

use involution::models::COCO;
use serde_json::{Value, json};

/// Of COCO's ids from 1 to 90, those that none of its 80 classes has.
const LEFT_OUT: [usize; 10] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

/// The id of a class among these: COCO's own for its 80 classes, else one more than its number, as 0 is the background.
pub fn category(class: usize, names: &[String]) -> usize {
    let own = names.iter().map(String::as_str).eq(COCO);
    LEFT_OUT.iter().fold(class + 1, |id, left_out| id + usize::from(own && id >= *left_out))
}

/// The ids of these classes with their names.
pub fn categories(names: &[String]) -> Vec<Value> {
    let of =
        |(class, name): (usize, &String)| json!({ "id": category(class, names), "name": name });
    names.iter().enumerate().map(of).collect()
}

/// The ids of images with these names, without folder and extension: where each has twelve digits, as those of COCO,
/// this number, else their places from 1 on.
pub fn image_ids(stems: &[String]) -> Vec<u64> {
    let number = |stem: &String| (stem.len() == 12).then(|| stem.parse().ok()).flatten();
    let numbers: Option<Vec<u64>> = stems.iter().map(number).collect();
    numbers.unwrap_or_else(|| (1..=stems.len() as u64).collect())
}

/// Left, top, width and height of a box.
pub fn bbox([left, top, right, bottom]: [f32; 4]) -> [f32; 4] {
    [left, top, right - left, bottom - top]
}

/// A mask `[height, width]` as COCO compresses it: the lengths of runs down the columns, the first one outside, each as
/// the difference from the last but one, in signed numbers of five bits a letter, the lowest first.
pub fn rle(mask: impl Fn(usize) -> bool, [height, width]: [usize; 2]) -> Value {
    let mut runs: Vec<i64> = vec![0];
    let mut last = false;
    for x in 0..width {
        for y in 0..height {
            let covered = mask(y * width + x);
            if covered != last {
                runs.push(0);
                last = covered;
            }
            if let Some(run) = runs.last_mut() {
                *run += 1;
            }
        }
    }
    let mut counts = String::new();
    for (index, &run) in runs.iter().enumerate() {
        let mut rest = if index > 2 { run - runs[index - 2] } else { run };
        loop {
            let bits = (rest & 0x1f) as u8;
            rest >>= 5;
            // The highest of the bits is the sign.
            let done = rest == if bits & 0x10 == 0 { 0 } else { -1 };
            counts.push(char::from(48 + bits + if done { 0 } else { 0x20 }));
            if done {
                break;
            }
        }
    }
    json!({ "size": [height, width], "counts": counts })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `tests/masks/make.py` wrote the masks, with the strings that pycocotools makes of them.
    #[test]
    fn masks_are_compressed_as_pycocotools_does() {
        let stored: Value =
            serde_json::from_str(include_str!("../tests/masks/masks.json")).unwrap();
        let cases = stored["masks"].as_array().unwrap();
        assert!(cases.len() >= 12);
        for case in cases {
            let rows: Vec<&[u8]> = case["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row.as_str().unwrap().as_bytes())
                .collect();
            let size = [rows.len(), rows[0].len()];
            let found = rle(|index| rows[index / size[1]][index % size[1]] == b'#', size);
            assert_eq!(found, case["segmentation"], "{}", case["name"]);
        }
    }

    #[test]
    fn classes_have_the_ids_of_coco() {
        let names: Vec<String> = COCO.map(str::to_owned).to_vec();
        let id = |name: &str| category(names.iter().position(|it| it == name).unwrap(), &names);
        let known = [
            ("person", 1),
            ("fire hydrant", 11),
            ("stop sign", 13),
            ("backpack", 27),
            ("handbag", 31),
            ("wine glass", 46),
            ("dining table", 67),
            ("toilet", 70),
            ("tv", 72),
            ("book", 84),
            ("toothbrush", 90),
        ];
        for (name, want) in known {
            assert_eq!(id(name), want, "{name}");
        }
        assert_eq!(category(12, &names[..20]), 13);
        assert_eq!(categories(&names[..1])[0]["id"], 1);
    }

    #[test]
    fn images_have_the_ids_in_their_names_or_count_from_1() {
        let ids = |stems: [&str; 2]| image_ids(&stems.map(str::to_owned));
        assert_eq!(ids(["000000000139", "000000581781"]), [139, 581_781]);
        assert_eq!(ids(["000000000139", "139"]), [1, 2]);
        assert_eq!(ids(["cat", "cat"]), [1, 2]);
    }
}
