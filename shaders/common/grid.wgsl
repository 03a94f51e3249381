// Folded grids: any number of workgroups, counted over x first, then y.

// Values that one invocation of an elementwise kernel handles.
const PER: u32 = 4u;

// The place of an invocation in the grid.
struct Invocation {
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) local_index: u32,
}

fn linear_workgroup(thread: Invocation) -> u32 {
    return thread.workgroup.x + thread.workgroup.y * thread.count.x;
}
