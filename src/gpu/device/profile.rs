//! What is known of an opened device, as the data that kernels are chosen by.

use crate::kernels::{DeviceClass, DeviceProfile, Vendor};
use crate::tensor::DType;

/// The profile of a device with these limits. How long loops may be is found out later.
pub(super) fn profile(
    adapter: &wgpu::Adapter,
    device: &wgpu::Device,
    limits: &wgpu::Limits,
    storage: DType,
) -> DeviceProfile {
    let info = adapter.get_info();
    let has = |feature| device.features().contains(feature);
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
        cooperative_matrices: Vec::new(),
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
