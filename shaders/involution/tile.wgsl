// The channels of a tile, which belong to one group, and where they lie.
// requires: C, params

struct Tile {
    place: u32,   // where in a plane, in the kernel's own units
    matrix: u32,  // the group, counted over all samples
    channel: u32, // the first channel of the tile, counted over all samples
    kept: u32,    // channels that the tile before stores
}

// The tile of this number in a group. The last one of a group ends with its last channel, and one past it stores nothing.
fn tile_at(place: u32, matrix: u32, number: u32) -> Tile {
    let group_channels = params.channels / params.groups;
    let block = number * C;
    let first = min(block, max(group_channels, C) - C);
    let sample = matrix / params.groups;
    let group = matrix - sample * params.groups;
    let channel = sample * params.channels + group * params.group_stride + first * params.channel_stride;
    return Tile(place, matrix, channel, block - first);
}

// item = ((sample * groups + group) * blocks + block) * places + place
fn tile_of(item: u32, places: u32) -> Tile {
    let blocks = (params.channels / params.groups + C - 1u) / C;
    let rest = item / places;
    let matrix = rest / blocks;
    return tile_at(item - rest * places, matrix, rest - matrix * blocks);
}

// How many channels lie between the first of a tile and that of this number; past the last of a group that is repeated.
fn channels_to(c: u32) -> u32 {
    return min(c, params.channels / params.groups - 1u) * params.channel_stride;
}

// Whether the tile stores the channel of this number.
fn stores(tile: Tile, c: u32) -> bool {
    return c >= tile.kept && c < params.channels / params.groups;
}
