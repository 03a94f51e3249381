// The kernel of conv2d/windows_quads for planes of any number of pixels.
#import common/held_tile
#import common/held_windows
#import common/sums_singles
