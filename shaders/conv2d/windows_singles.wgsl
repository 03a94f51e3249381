// The kernel of conv2d/windows_quads for planes of any number of pixels.
#import held_tile
#import held_windows
#import sums_singles
