//! Bars below their names: how near each row comes to its floor, what fusing brings, and which kernels the time of a
//! network is.

use super::super::limits;
use super::super::record::Run;
use super::super::row::Row;
use super::svg::{Anchor, Svg, WIDTH};

const STEP: f64 = 32.0;

/// Characters of a name that there is room for beside a number.
const NAME: usize = 46;

/// Networks whose kernels are drawn, and kernels of each.
const NETWORKS: usize = 4;
const KERNELS: usize = 10;

/// What a bar says.
struct Bar {
    name: String,
    value: String,
    /// From 0 to 1.
    part: f64,
    class: &'static str,
    title: String,
}

/// The part of its floor that each row reaches, a drawing for each group of rows.
pub fn floors(run: &Run) -> Option<String> {
    let groups = run.rows.chunk_by(|a, b| a.group == b.group).enumerate();
    let figures = groups.filter_map(|(place, rows)| {
        let bars: Vec<Bar> = rows.iter().filter_map(floor).collect();
        let title = match rows.first()?.group.as_str() {
            "" => "Part of the floor".to_owned(),
            group => format!("Part of the floor: {group}"),
        };
        let caption = "The least time that the limits allow as a part of the median: a full bar cannot be made \
                       faster. Blue rows are bound by memory, orange ones by arithmetic.";
        // Said once.
        figure(&title, if place == 0 { caption } else { "" }, &bars)
    });
    let figures: String = figures.collect();
    (!figures.is_empty()).then_some(figures)
}

fn floor(row: &Row) -> Option<Bar> {
    let (part, times) = (row.of_floor?, row.device()?);
    let bound = row.bound.as_deref().unwrap_or_default();
    Some(Bar {
        name: row.case.clone(),
        value: limits::percent(Some(part)),
        part: part.min(1.0),
        class: if bound == "arithmetic" { "arithmetic" } else { "memory" },
        title: format!(
            "{}: {:.3} ms, floor {:.3} ms, by {bound}",
            row.kernel(),
            times.median,
            row.floor_ms?
        ),
    })
}

/// What each layer or network takes when it is fused, as a part of what it takes as it is defined.
pub fn fusing(run: &Run) -> Option<String> {
    let bars = run.rows.iter().filter(|row| row.fused == Some(false)).filter_map(|unfused| {
        let name = unfused.case.strip_suffix("_unfused")?;
        let fused = run.rows.iter().find(|row| row.case == name)?;
        let [before, after] = [unfused.device()?.median, fused.device()?.median];
        let steps = [unfused, fused].map(|row| row.dispatches);
        Some(Bar {
            name: name.to_owned(),
            value: format!("{before:.2} to {after:.2} ms"),
            part: after / before,
            class: if after > before { "arithmetic" } else { "memory" },
            title: format!("{} dispatches, fused {}", steps[0], steps[1]),
        })
    });
    let caption = "The whole width is the time of a plan as it is defined, the bar that of the same plan fused. \
                   Orange: fused takes longer.";
    figure("Fused against unfused", caption, &bars.collect::<Vec<_>>())
}

/// The kernels of the networks whose dispatches were timed, by their share of the time.
pub fn shares(run: &Run) -> Option<String> {
    let networks = run.rows.iter().filter(|row| row.steps.len() > 1).take(NETWORKS);
    let figures: String = networks.filter_map(share).collect();
    (!figures.is_empty()).then_some(figures)
}

fn share(row: &Row) -> Option<String> {
    let mut kernels: Vec<(&str, usize, f64)> = Vec::new();
    for step in &row.steps {
        match kernels.iter_mut().find(|(kernel, ..)| *kernel == step.kernel) {
            Some((_, count, ms)) => (*count, *ms) = (*count + 1, *ms + step.ms),
            None => kernels.push((&step.kernel, 1, step.ms)),
        }
    }
    kernels.sort_by(|a, b| b.2.total_cmp(&a.2));
    let whole: f64 = kernels.iter().map(|(.., ms)| ms).sum();
    if kernels.len() > KERNELS {
        let rest = kernels.split_off(KERNELS - 1);
        let (count, ms) =
            rest.iter().fold((0, 0.0), |(count, sum), (_, of, ms)| (count + of, sum + ms));
        kernels.push(("all others", count, ms));
    }
    let bars = kernels.iter().map(|(kernel, count, ms)| Bar {
        name: format!("{kernel}, {count} of {}", row.steps.len()),
        value: format!("{:.0} %", 100.0 * ms / whole),
        part: ms / whole,
        class: "memory",
        title: format!("{ms:.3} ms"),
    });
    let title = format!("Where the time of {} goes", row.case);
    let caption = format!(
        "{whole:.2} ms in {} dispatches, each timed by the device, by kernel.",
        row.steps.len()
    );
    if whole > 0.0 { figure(&title, &caption, &bars.collect::<Vec<_>>()) } else { None }
}

fn figure(title: &str, caption: &str, bars: &[Bar]) -> Option<String> {
    if bars.is_empty() {
        return None;
    }
    let mut svg = Svg::default();
    for (index, bar) in bars.iter().enumerate() {
        let top = STEP * index as f64;
        svg.text("", (0.0, top + 13.0), Anchor::Start, &shortened(&bar.name));
        svg.text("", (WIDTH, top + 13.0), Anchor::End, &bar.value);
        svg.bar("track", (0.0, top + 18.0), (WIDTH, 8.0), &bar.title);
        let width = WIDTH * bar.part.clamp(0.0, 1.0);
        svg.bar(bar.class, (0.0, top + 18.0), (width, 8.0), &bar.title);
    }
    Some(svg.figure(title, caption, STEP * bars.len() as f64))
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}
