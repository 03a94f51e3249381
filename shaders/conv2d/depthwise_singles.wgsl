// Depthwise convolution down strips of rows of any width; see common/depthwise.wgsl.
#import depthwise
#import rows_singles
