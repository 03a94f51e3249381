//! Weights and names of classes that come with the crate.

/// The classes of [`RedNet::digits`](crate::models::RedNet::digits).
pub const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The trained weights of [`RedNet::digits`](crate::models::RedNet::digits): a RedNet for 8x8 images of handwritten
/// digits, light on dark. See `examples/digits/README.md` for how it was trained and how well it does.
#[cfg(feature = "weights")]
pub fn digits_weights() -> crate::error::Result<crate::tensor::StateDict> {
    const FILE: &[u8] = include_bytes!("../../examples/digits/rednet_digits.safetensors");
    let loaded = crate::weights::read(FILE, &crate::weights::Limits::default())?;
    Ok(crate::weights::strip_wrappers(loaded.tensors)?)
}

/// The 1000 classes of ImageNet in the order in which networks are trained on them.
pub fn imagenet_labels() -> Vec<&'static str> {
    include_str!("../../examples/imagenet/labels.txt").lines().collect()
}

/// The 80 classes of COCO in the order in which detectors are trained on them.
pub const COCO: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
];

/// The 19 classes of Cityscapes in the order in which segmenters are trained on them, with the colours in which they are drawn.
pub const CITYSCAPES: [(&str, [u8; 3]); 19] = [
    ("road", [128, 64, 128]),
    ("sidewalk", [244, 35, 232]),
    ("building", [70, 70, 70]),
    ("wall", [102, 102, 156]),
    ("fence", [190, 153, 153]),
    ("pole", [153, 153, 153]),
    ("traffic light", [250, 170, 30]),
    ("traffic sign", [220, 220, 0]),
    ("vegetation", [107, 142, 35]),
    ("terrain", [152, 251, 152]),
    ("sky", [70, 130, 180]),
    ("person", [220, 20, 60]),
    ("rider", [255, 0, 0]),
    ("car", [0, 0, 142]),
    ("truck", [0, 0, 70]),
    ("bus", [0, 60, 100]),
    ("train", [0, 80, 100]),
    ("motorcycle", [0, 0, 230]),
    ("bicycle", [119, 11, 32]),
];
