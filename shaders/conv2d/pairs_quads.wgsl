// Convolution of 3x3 in pairs of output rows, over rows that are whole fours; see common/row_pairs.wgsl.
#import row_pairs
#import rows_quads
