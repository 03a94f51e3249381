// Depthwise convolution down strips of rows of any width; see common/depthwise.wgsl.
#import common/depthwise
#import common/rows_singles

const K: u32 = 3u; // taps of a kernel row, odd, and kernel rows
const S: u32 = 1u; // stride along the row, 1 or 2, and down the rows
