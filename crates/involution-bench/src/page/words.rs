//! The names of layers and networks in words.

/// What a name begins with, and what that is.
const KINDS: [(&str, &str); 22] = [
    ("inv_op_c", "involution 7x7"),
    ("inv_layer_c", "involution layer 7x7"),
    ("involution2d/", "involution layer 7x7"),
    ("bottleneck/involution_", "bottleneck with an involution"),
    ("bottleneck/conv_", "bottleneck with a convolution"),
    ("conv_bn_relu/1x1_", "convolution 1x1 and ReLU"),
    ("conv_bn_relu/3x3_", "convolution 3x3 and ReLU"),
    ("conv_bn_relu/depthwise_", "depthwise convolution 3x3 and ReLU"),
    ("conv1x1_", "convolution 1x1"),
    ("conv3x3_", "convolution 3x3"),
    ("dw3x3_", "depthwise convolution 3x3"),
    ("grp32_3x3_", "convolution 3x3 in 32 groups"),
    ("stem7x7s2_", "convolution 7x7 of stride 2"),
    ("separable_conv2d/", "separable convolution 3x3"),
    ("dynamic_conv2d/", "dynamic convolution 3x3"),
    ("dynconv3x3_", "dynamic convolution 3x3"),
    ("bnrelu_", "batch normalisation and ReLU"),
    ("unfold7_", "unfolding by 7x7"),
    ("mobilenetv2", "MobileNetV2"),
    ("mobilenet_v2", "MobileNetV2"),
    ("resnet", "ResNet-"),
    ("rednet", "RedNet-"),
];

/// `W1/inv_op_c256_56_s2_b8` as "involution 7x7, 256 channels, 56x56, stride 2, batch of 8"; other names as they are.
pub fn words(case: &str) -> String {
    let family = case.split_once('/').filter(|(family, _)| {
        family.strip_prefix('W').is_some_and(|number| number.parse::<u32>().is_ok())
    });
    let name = family.map_or(case, |(_, name)| name);
    let (name, fused) =
        name.strip_suffix("_unfused").map_or((name, ""), |name| (name, ", unfused"));
    let kind = KINDS.iter().find_map(|(start, kind)| Some((kind, name.strip_prefix(start)?)));
    let Some((kind, rest)) = kind else { return case.to_owned() };
    let mut text = (*kind).to_owned();
    let mut parts: Vec<&str> = rest.split(['_', '/']).filter(|part| !part.is_empty()).collect();
    if text.ends_with('-') && !parts.is_empty() {
        text += parts.remove(0);
    }
    let numbers: Vec<&str> =
        parts.iter().copied().filter(|part| part.parse::<u32>().is_ok()).collect();
    let channels = match numbers.as_slice() {
        [from, to, _] => format!(", {from} to {to} channels"),
        [channels, _] => format!(", {channels} channels"),
        _ => String::new(),
    };
    text += &channels;
    if let Some(size) = numbers.last() {
        text += &format!(", {size}x{size}");
    }
    for part in parts {
        match part.split_at_checked(1) {
            Some(("s", stride)) if stride != "1" => text += &format!(", stride {stride}"),
            Some(("b", batch)) if batch != "1" => text += &format!(", batch of {batch}"),
            _ => {}
        }
    }
    text + fused
}

#[cfg(test)]
mod tests {
    use super::super::super::request::Request;
    use super::super::super::{layers, peers};
    use super::*;

    #[test]
    fn every_row_of_layers_networks_and_peers_has_words() -> anyhow::Result<()> {
        let args = Request::default();
        let rows = [layers::select(&args)?, layers::select_networks(&args)?, peers::select(&args)?];
        for row in rows.iter().flatten() {
            let words = words(&row.name);
            assert!(words != row.name && !words.contains(['_', '/']), "{}: {words}", row.name);
        }
        for (case, expected) in [
            ("W1/inv_op_c256_56_s1_b1", "involution 7x7, 256 channels, 56x56"),
            (
                "W1/inv_op_c512_56_s2_b8",
                "involution 7x7, 512 channels, 56x56, stride 2, batch of 8",
            ),
            ("W3/conv1x1_256_64_56_b1", "convolution 1x1, 256 to 64 channels, 56x56"),
            ("W7/rednet50_b1", "RedNet-50"),
            ("rednet_digits_b1_unfused", "RedNet-digits, unfused"),
            ("rednet50/320_b1", "RedNet-50, 320x320"),
            ("conv2d 64 3x3 @56 +relu", "conv2d 64 3x3 @56 +relu"),
        ] {
            assert_eq!(words(case), expected);
        }
        Ok(())
    }
}
