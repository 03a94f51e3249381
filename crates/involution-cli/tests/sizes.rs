//! What runs take: memory as the plan says, any size where asked, and a driver that has compiled nothing.

use super::*;

/// What the plan said is what the pool lent, where there is a device.
#[test]
fn run_says_what_memory_it_took() {
    let images = vec![digits("3.png"); 16];
    let mut arguments: Vec<PathBuf> = ["run", "--json", "--batch", "16"].map(Into::into).into();
    arguments.extend(images);
    let json = involution(&arguments).json();
    if json["adapter"] == "CPU reference" {
        assert_eq!(json["memory"], Value::Null);
        return;
    }
    let [plan, pool] = ["plan_peak", "pool_peak"].map(|key| json["memory"][key].as_f64().unwrap());
    assert!(plan > 0.0 && (pool / plan - 1.0).abs() < 0.05, "{plan} {pool}");
}

/// An odd size with a stride is refused, and run where any size is asked for.
#[test]
fn forward_takes_any_size_where_asked() {
    let folder = folder("any_size");
    let (x, out) = (folder.join("x.safetensors"), folder.join("out.safetensors"));
    write(&x, &[("x", &Tensor::filled([1, 1, 9, 7], 0.25).unwrap())]);
    let arguments = arguments!["forward", "rednet_digits", "--input", x, "--output", out];
    misused(&involution(&arguments), &["kernels would be made", "4x3", "5x4"]);
    assert!(!out.exists());
    let any = [&arguments[..], &arguments!["--any-size"]].concat();
    assert_eq!(involution(&any).code, 0);
    assert_eq!(read(&out).shape("c3").unwrap().dims(), [1, 128, 5, 4]);
    misused(&involution(&arguments!["plan", "rednet50", "--stem", "4"]), &["--stem", "odd"]);
}

/// With nothing in the driver's cache other devices help to compile, with all of it there and without a cache they do
/// not: the answer is the same.
#[test]
fn a_cold_driver_gives_the_same_answer() {
    let folder = folder("cold");
    let image = digits("7.png");
    let answer = |variable: &str, value: &Path| {
        let ran = involution_with(&arguments!["run", image, "--json"], &[(variable, value)]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.json()["images"][0]["predictions"].clone()
    };
    let cold = answer("MESA_SHADER_CACHE_DIR", &folder);
    assert_eq!(cold[0]["index"], 7);
    assert_eq!(answer("MESA_SHADER_CACHE_DIR", &folder), cold);
    assert_eq!(answer("MESA_SHADER_CACHE_DISABLE", Path::new("true")), cold);
}
