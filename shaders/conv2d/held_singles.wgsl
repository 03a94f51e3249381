// The kernel of conv2d/held_quads for planes of any number of pixels: x has been through conv2d/gather.
#import held_tile
#import held_planes
#import sums_singles
