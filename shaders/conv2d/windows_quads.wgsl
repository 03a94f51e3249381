// Convolution with any window that holds its inputs, where a plane of the output is a multiple of four pixels.
#import common/held_tile
#import common/held_windows
#import common/sums_quads
