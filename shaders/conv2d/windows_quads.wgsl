// Convolution with any window that holds its inputs, where a plane of the output is a multiple of four pixels.
#import held_tile
#import held_windows
#import sums_quads
