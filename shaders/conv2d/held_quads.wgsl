// 1x1 convolution that holds its inputs, where a plane of the output is a multiple of four pixels.
#import held_tile
#import held_planes
#import sums_quads
