// Convolution of 3x3 in pairs of output rows, over rows of any width; see common/row_pairs.wgsl.
#import common/row_pairs
#import common/rows_singles

const K: u32 = 3u; // taps of a kernel row, and kernel rows
const S: u32 = 1u; // stride along the row, 1 or 2, and down the rows
