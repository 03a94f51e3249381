// The kernel of conv2d/held_quads for planes of any number of pixels: x has been through conv2d/gather.
#import common/held_tile
#import common/held_planes
#import common/sums_singles
