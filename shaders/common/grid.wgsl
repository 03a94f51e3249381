// Folded grids: any number of workgroups, counted over x first, then y.

// Values that one invocation of an elementwise kernel handles.
const PER: u32 = 4u;

fn linear_workgroup(id: vec3<u32>, count: vec3<u32>) -> u32 {
    return id.x + id.y * count.x;
}
