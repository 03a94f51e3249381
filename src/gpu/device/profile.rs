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
    let subgroup = |lanes| if has(wgpu::Features::SUBGROUP) { lanes } else { 0 };
    let software = info.device_type == wgpu::DeviceType::Cpu;
    DeviceProfile {
        class: if software { DeviceClass::Software } else { DeviceClass::Gpu },
        vendor: Vendor::of_pci(info.vendor),
        subgroup_min: subgroup(info.subgroup_min_size),
        subgroup_max: subgroup(info.subgroup_max_size),
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
