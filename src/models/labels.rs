//! Names of classes.

/// The 1000 classes of ImageNet in the order in which networks are trained on them.
pub fn imagenet_labels() -> Vec<&'static str> {
    include_str!("../../examples/imagenet/labels.txt").lines().collect()
}
