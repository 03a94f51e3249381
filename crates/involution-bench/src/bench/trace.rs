//! A run as a trace that browsers and Perfetto draw: each row a process, in it its dispatches one after the other, each
//! as long as the median of its times. What lies between two dispatches is not known and left out.

use serde_json::{Value, json};

use super::record::{Row, Run};

/// The rows of all runs, in the order in which they were measured.
pub fn several(runs: &[Run]) -> String {
    let rows = runs.iter().flat_map(|run| run.rows.iter().map(move |row| (run, row)));
    let name = |run: &Run, row: &Row| match runs {
        [_] => row.case.clone(),
        _ => format!("{}: {}", run.adapter, row.case),
    };
    let events: Vec<Value> =
        rows.zip(1..).flat_map(|((run, row), id)| events(row, &name(run, row), id)).collect();
    let about: Vec<Value> = runs
        .iter()
        .map(
            |run| json!({"adapter": run.adapter, "suite": run.suite, "involution": run.involution}),
        )
        .collect();
    json!({"displayTimeUnit": "ms", "otherData": {"runs": about}, "traceEvents": events})
        .to_string()
        + "\n"
}

/// The name of a row and its dispatches; a row whose dispatches were not timed is one of them.
fn events(row: &Row, process: &str, id: usize) -> Vec<Value> {
    let Some(times) = row.device() else { return Vec::new() };
    let name = json!({"name": "process_name", "ph": "M", "pid": id, "args": {"name": process}});
    let mut start = 0.0;
    let mut event = |name: &str, kernel: &str, shape: &[usize], ms: f64| {
        let (from, length) = (1e3 * start, 1e3 * ms);
        start += ms;
        let about = json!({"kernel": kernel, "output": shape});
        json!({"name": name, "cat": kernel, "ph": "X", "pid": id, "tid": 1, "ts": from, "dur": length, "args": about})
    };
    let mut events = vec![name];
    match row.steps.as_slice() {
        [] => events.push(event(&row.case, &row.kernel(), &[], times.median)),
        steps => {
            events.extend(
                steps.iter().map(|step| event(&step.step, &step.kernel, &step.shape, step.ms)),
            );
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::super::record::sample::run;
    use super::*;

    #[test]
    fn dispatches_follow_each_other_and_a_row_that_failed_has_none() -> serde_json::Result<()> {
        let trace: Value = serde_json::from_str(&several(&[run(), run()]))?;
        let events = trace["traceEvents"].as_array().cloned().unwrap_or_default();
        let of =
            |id: u64| events.iter().filter(move |event| event["pid"] == id && event["ph"] == "X");
        let first: Vec<(&Value, &Value)> =
            of(1).map(|event| (&event["ts"], &event["dur"])).collect();
        assert_eq!(first, [(&json!(0.0), &json!(500.0)), (&json!(500.0), &json!(1500.0))]);
        assert_eq!(
            of(1).next().map(|event| &event["args"]),
            Some(&json!({"kernel": "conv2d", "output": [1, 8]}))
        );
        // Without dispatches: the row itself.
        assert_eq!(of(2).map(|event| &event["name"]).collect::<Vec<_>>(), [&json!("conv <2>")]);
        assert_eq!((of(4).count(), of(5).count()), (0, 2));
        let names: Vec<&Value> = events
            .iter()
            .filter(|event| event["ph"] == "M")
            .map(|event| &event["args"]["name"])
            .collect();
        assert_eq!(names[3], "a <b>quick</b> adapter: conv 1");
        Ok(())
    }
}
