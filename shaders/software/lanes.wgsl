// The place of an invocation in the grid, for kernels of eight lanes.
struct Lane {
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
}

fn linear_workgroup(thread: Lane) -> u32 {
    return thread.workgroup.x + thread.workgroup.y * thread.count.x;
}

// Fetching: a lane reads one value of each line of the cache that it will need, long before it needs it. Its values in
// neighbouring planes are far apart, and the processor that plays the GPU does not see by itself what comes next; one
// load after the other would wait for memory each time, where eight lanes that read of eight planes at once wait once.

// Vec4s in a plane from which on this is profitable: neighbouring planes are pages apart.
const FAR: u32 = 256u;
