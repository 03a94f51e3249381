//! Whether there is room for a row, before anything is allocated: what does not fit on a software adapter would
//! be killed, or everything else on the machine.

use involution::ops::Op;
use involution::{Error, Gpu, Result, Shape};

use super::super::workload::{Work, Workload};
use crate::output::mib;

/// Bytes on the device of a row: of an operator its tensors, of a network by its plan values in their slots, weights and scratch.
pub fn needed(gpu: &Gpu, workload: &Workload) -> Result<u64> {
    match &workload.work {
        Work::Operator(op) => {
            let shapes: Vec<&Shape> = workload.shapes.iter().collect();
            Ok(op.cost(&shapes).map_err(Error::at(op.name()))?.bytes)
        }
        Work::Layer(layer) => {
            let plan = layer.plan(&workload.shapes[0])?.keep(&[layer.output()])?.fuse();
            Ok(gpu.lower(&plan)?.memory.peak())
        }
    }
}

/// Why there is no room for a row that needs so many bytes on the device, where that can be known: a software
/// adapter has the memory of the machine, and other devices refuse by themselves what is too large for them, but
/// the input has to be made first.
pub fn refusal(gpu: &Gpu, workload: &Workload, on_device: u64) -> Option<String> {
    let elements = |shape: &Shape| shape.elements().map_or(u64::MAX, |count| count as u64);
    let on_host = workload.shapes.iter().map(elements).fold(0u64, u64::saturating_add);
    let on_host = on_host.saturating_mul(size_of::<f32>() as u64);
    let needed = if gpu.adapter().software { on_host.saturating_add(on_device) } else { on_host };
    let free = free()?;
    // A tenth stays free.
    (needed > free / 10 * 9)
        .then(|| format!("needs {:.0} MiB of memory, {:.0} MiB are free", mib(needed), mib(free)))
}

/// Bytes that programs could still have, where the system says so.
fn free() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read_in_bytes() {
        let meminfo = "MemTotal:       24681512 kB\nMemAvailable:   24035020 kB\nBuffers: 1 kB\n";
        assert_eq!(available(meminfo), Some(24_035_020 * 1024));
        assert_eq!(available("MemTotal: 1 kB"), None);
    }
}
