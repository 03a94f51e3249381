// Depthwise convolution down strips of rows that are whole fours; see common/depthwise.wgsl.
#import depthwise
#import rows_quads
