// Convolution of 3x3 in pairs of output rows, over rows of any width; see common/row_pairs.wgsl.
#import row_pairs
#import rows_singles
