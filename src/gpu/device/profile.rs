//! What is known of an opened device, as the data that kernels are chosen by.

use crate::kernels::{CooperativeMatrix, DeviceClass, DeviceProfile, MatrixElement, Vendor};
use crate::tensor::DType;

/// The profile of a device with these features and limits. How long loops may be is found out later.
pub(super) fn profile(
    adapter: &wgpu::Adapter,
    features: wgpu::Features,
    limits: &wgpu::Limits,
    storage: DType,
) -> DeviceProfile {
    let info = adapter.get_info();
    let has = |feature| features.contains(feature);
    let [subgroup_min, subgroup_max] = match has(wgpu::Features::SUBGROUP) {
        true => subgroups(&info),
        false => [0, 0],
    };
    let software = info.device_type == wgpu::DeviceType::Cpu;
    DeviceProfile {
        class: if software { DeviceClass::Software } else { DeviceClass::Gpu },
        vendor: if is_of_apple(&info) { Vendor::Apple } else { Vendor::of_pci(info.vendor) },
        subgroup_min,
        subgroup_max,
        storage,
        shader_f16: has(wgpu::Features::SHADER_F16),
        shader_int64: has(wgpu::Features::SHADER_INT64),
        cooperative_matrices: match has(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
            true => adapter.cooperative_matrix_properties().iter().filter_map(matrix).collect(),
            false => Vec::new(),
        },
        max_trips: usize::MAX,
        max_workgroup_memory: limits.max_compute_workgroup_storage_size,
        max_workgroup_size: limits.max_compute_invocations_per_workgroup,
        max_workgroups: limits.max_compute_workgroups_per_dimension,
        max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
        max_buffer_size: limits.max_buffer_size,
        max_binding_size: limits.max_storage_buffer_binding_size,
        min_offset_alignment: limits.min_storage_buffer_offset_alignment,
    }
}

/// Whether it is one of Apple's GPUs; Metal gives no number of the vendor.
fn is_of_apple(info: &wgpu::AdapterInfo) -> bool {
    info.backend == wgpu::Backend::Metal && info.name.starts_with("Apple")
}

/// Lanes of a subgroup at the least and at the most. wgpu does not ask Metal, and says 4 and 64 of every device. Apple's GPUs
/// have 32; matrix units, for which alone it must be right, are tried before they are used.
fn subgroups(info: &wgpu::AdapterInfo) -> [u32; 2] {
    if is_of_apple(info) { [32, 32] } else { [info.subgroup_min_size, info.subgroup_max_size] }
}

/// What matrix units multiply; nothing for elements that no kernel has.
fn matrix(found: &wgpu::CooperativeMatrixProperties) -> Option<CooperativeMatrix> {
    let element = |ty| match ty {
        wgpu::CooperativeScalarType::F16 => Some(MatrixElement::F16),
        wgpu::CooperativeScalarType::F32 => Some(MatrixElement::F32),
        _ => None,
    };
    let [m, n, k] = [found.m_size, found.n_size, found.k_size];
    let (input, sum) = (element(found.ab_type)?, element(found.cr_type)?);
    Some(CooperativeMatrix { m, n, k, input, sum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gpus_of_apple_have_subgroups_of_32() {
        let info = |backend, name: &str| wgpu::AdapterInfo {
            name: name.to_owned(),
            subgroup_min_size: 4,
            subgroup_max_size: 64,
            ..wgpu::AdapterInfo::new(wgpu::DeviceType::IntegratedGpu, backend)
        };
        assert_eq!(subgroups(&info(wgpu::Backend::Metal, "Apple M2")), [32, 32]);
        assert_eq!(subgroups(&info(wgpu::Backend::Metal, "AMD Radeon Pro 5500M")), [4, 64]);
        assert_eq!(subgroups(&info(wgpu::Backend::Vulkan, "Apple M2")), [4, 64]);
    }
}
