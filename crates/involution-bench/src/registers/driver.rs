//! A Vulkan driver that says what it made of a kernel, by `VK_KHR_pipeline_executable_properties`.
//!
//! wgpu does not hand those figures out, so this opens a device of its own. What the driver gets is what wgpu would give
//! it: the same checks in the shader, the same robustness of buffers.

#![allow(unsafe_code)] // Vulkan itself

use std::ffi::{CStr, c_void};

use anyhow::{Context, Result, anyhow, bail};
use ash::{Device, Entry, Instance, ext, khr, vk};
use involution::kernels::shader::Shader;
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};

/// What to do where no driver has the extension.
const CURE: &str = "The drivers for AMD, Intel and NVIDIA GPUs do. Without a GPU, RADV up to Mesa 25 compiles for AMD's: \
                    --family navi31, with the driver that scripts/drivers.sh radv25 fetches";

/// An open device. What is made with it does not outlive it.
pub struct Driver {
    /// The device as the driver names it.
    pub device_name: String,
    /// The driver with its version.
    pub driver: String,
    /// Rows and columns of the square matrices of half precision that it multiplies, with sums in single precision.
    pub matrices: Vec<u32>,
    /// Whether the device keeps accesses within buffers, so that shaders need not.
    keeps_buffers: bool,
    executables: khr::pipeline_executable_properties::Device,
    device: Device,
    instance: Instance,
    _entry: Entry,
}

/// What a driver made of a kernel.
#[derive(Debug, Default)]
pub struct Executable {
    /// Lanes of a subgroup.
    pub subgroup: u32,
    /// The driver's figures.
    pub statistics: Vec<(String, u64)>,
    /// The instructions, where the driver lists them.
    pub listing: Option<String>,
}

impl Driver {
    /// Opens the first device that gives the figures and whose name contains this text.
    pub fn open(wanted: &str) -> Result<Self> {
        // SAFETY: the loader is the system's own, and stays loaded for as long as the entry, which is kept.
        let entry = unsafe { Entry::load() }
            .map_err(|error| anyhow!("there is no Vulkan loader ({error}). {CURE}"))?;
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let description = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: every structure that is passed lives until the call returns, here and below.
        let instance = unsafe { entry.create_instance(&description, None) }
            .map_err(|error| anyhow!("no Vulkan driver was found ({error}). {CURE}"))?;
        // SAFETY: as above.
        let found = unsafe { instance.enumerate_physical_devices() }.unwrap_or_default();
        let mut names = Vec::new();
        for physical in found {
            // SAFETY: the device is one of the instance's.
            let properties = unsafe { instance.get_physical_device_properties(physical) };
            let name = text(properties.device_name_as_c_str());
            // SAFETY: as above.
            let extensions = unsafe { instance.enumerate_device_extension_properties(physical) };
            let extensions = extensions.unwrap_or_default();
            let has = |name: &CStr| {
                extensions.iter().any(|extension| extension.extension_name_as_c_str() == Ok(name))
            };
            let gives = has(khr::pipeline_executable_properties::NAME)
                && properties.api_version >= vk::API_VERSION_1_3;
            if gives && name.to_lowercase().contains(&wanted.to_lowercase()) {
                return Self::with(entry, instance, physical, &has).context(name);
            }
            names.push(format!("{name}{}", if gives { "" } else { " (does not)" }));
        }
        // SAFETY: nothing was made with it that is left.
        unsafe { instance.destroy_instance(None) };
        let named = if wanted.is_empty() { String::new() } else { format!(" named {wanted}") };
        bail!(
            "no device{named} says what its compiler made of a kernel \
             (VK_KHR_pipeline_executable_properties, Vulkan 1.3); found: {}. {CURE}",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        );
    }

    fn with(
        entry: Entry,
        instance: Instance,
        physical: vk::PhysicalDevice,
        has: &dyn Fn(&CStr) -> bool,
    ) -> Result<Self> {
        let mut driver = vk::PhysicalDeviceDriverProperties::default();
        let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
        // SAFETY: both structures live, and the device has Vulkan 1.3, which the second is part of.
        unsafe { instance.get_physical_device_properties2(physical, &mut properties) };
        let device_name = text(properties.properties.device_name_as_c_str());
        let name = text(driver.driver_name_as_c_str());
        let driver = format!("{name} {}", text(driver.driver_info_as_c_str())).trim().to_owned();

        let mut names = vec![khr::pipeline_executable_properties::NAME.as_ptr()];
        let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
        let mut robustness = vk::PhysicalDeviceRobustness2FeaturesEXT::default();
        let mut executables = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default();
        let mut since11 = vk::PhysicalDeviceVulkan11Features::default();
        let mut since12 = vk::PhysicalDeviceVulkan12Features::default();
        let mut since13 = vk::PhysicalDeviceVulkan13Features::default();
        let mut features = vk::PhysicalDeviceFeatures2::default()
            .push_next(&mut since11)
            .push_next(&mut since12)
            .push_next(&mut since13)
            .push_next(&mut executables);
        let mut sides = Vec::new();
        if has(khr::cooperative_matrix::NAME) {
            sides = square_matrices(&entry, &instance, physical);
            names.push(khr::cooperative_matrix::NAME.as_ptr());
            features = features.push_next(&mut matrices);
        }
        if has(ext::robustness2::NAME) {
            names.push(ext::robustness2::NAME.as_ptr());
            features = features.push_next(&mut robustness);
        }
        // Everything that there is, robustness too, which wgpu asks for wherever it is.
        // SAFETY: the chain lives, and the device has what each of its structures belongs to.
        unsafe { instance.get_physical_device_features2(physical, &mut features) };
        let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        let description = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_extension_names(&names)
            .push_next(&mut features);
        // SAFETY: as above; every device has a queue family of index 0.
        let device = unsafe { instance.create_device(physical, &description, None) }?;
        Ok(Driver {
            device_name,
            driver,
            matrices: sides,
            keeps_buffers: robustness.robust_buffer_access2 == vk::TRUE,
            executables: khr::pipeline_executable_properties::Device::new(&instance, &device),
            device,
            instance,
            _entry: entry,
        })
    }

    /// Compiles a kernel, and says what became of it.
    pub fn compile(&self, shader: &Shader) -> Result<Executable> {
        let words = self.spirv(&shader.text.wgsl)?;
        let entry = |binding: u32, ty| {
            vk::DescriptorSetLayoutBinding::default()
                .binding(binding)
                .descriptor_type(ty)
                .descriptor_count(1)
                .stage_flags(vk::ShaderStageFlags::COMPUTE)
        };
        let storage = shader
            .storage
            .iter()
            .map(|binding| entry(binding.index, vk::DescriptorType::STORAGE_BUFFER));
        let uniform = entry(shader.uniform_index, vk::DescriptorType::UNIFORM_BUFFER);
        let bindings: Vec<_> = storage.chain([uniform]).collect();
        let bindings = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        let module = vk::ShaderModuleCreateInfo::default().code(&words);
        let device = &self.device;
        // SAFETY: naga validated the module, the layout has its bindings, everything that is passed lives until the call
        // returns, and what is made is destroyed once.
        unsafe {
            let module = device.create_shader_module(&module, None)?;
            let set = device.create_descriptor_set_layout(&bindings, None)?;
            let sets = [set];
            let layout = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            let layout = device.create_pipeline_layout(&layout, None)?;
            // As wgpu does where a device has subgroups.
            let flags = vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .flags(flags)
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            let flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
            let description =
                vk::ComputePipelineCreateInfo::default().flags(flags).stage(stage).layout(layout);
            let cache = vk::PipelineCache::null();
            let (pipelines, error) =
                match device.create_compute_pipelines(cache, &[description], None) {
                    Ok(pipelines) => (pipelines, None),
                    Err((pipelines, error)) => (pipelines, Some(error)),
                };
            let found = match error {
                None => self.executable(pipelines[0]),
                Some(error) => Err(anyhow!("the driver does not compile it: {error}")),
            };
            pipelines.into_iter().for_each(|pipeline| device.destroy_pipeline(pipeline, None));
            device.destroy_pipeline_layout(layout, None);
            device.destroy_descriptor_set_layout(set, None);
            device.destroy_shader_module(module, None);
            found
        }
    }

    /// The module as wgpu-hal writes it for this device, with the options of the library: no bound on loops, and
    /// workgroup memory that starts with anything.
    fn spirv(&self, wgsl: &str) -> Result<Vec<u32>> {
        let module = naga::front::wgsl::parse_str(wgsl)?;
        let info = Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module)?;
        let buffer = match self.keeps_buffers {
            true => BoundsCheckPolicy::Unchecked,
            false => BoundsCheckPolicy::Restrict,
        };
        let options = spv::Options {
            lang_version: (1, 6),
            flags: spv::WriterFlags::empty(),
            // Every binding by its own number.
            fake_missing_bindings: true,
            bounds_check_policies: BoundsCheckPolicies {
                index: BoundsCheckPolicy::Restrict,
                buffer,
                ..BoundsCheckPolicies::default()
            },
            zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
            force_loop_bounding: false,
            ..spv::Options::default()
        };
        let entry = spv::PipelineOptions {
            entry_point: "main".to_owned(),
            shader_stage: naga::ShaderStage::Compute,
        };
        Ok(spv::write_vec(&module, &info, &options, Some(&entry))?)
    }

    fn executable(&self, pipeline: vk::Pipeline) -> Result<Executable> {
        let pipeline_info = vk::PipelineInfoKHR::default().pipeline(pipeline);
        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        let count = |value: &vk::PipelineExecutableStatisticKHR<'_>| {
            // SAFETY: the format says which field of the union it is.
            let number = unsafe {
                match value.format {
                    vk::PipelineExecutableStatisticFormatKHR::UINT64 => value.value.u64,
                    vk::PipelineExecutableStatisticFormatKHR::INT64 => {
                        value.value.i64.max(0) as u64
                    }
                    vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => value.value.f64 as u64,
                    _ => value.value.b32.into(),
                }
            };
            (text(value.name_as_c_str()), number)
        };
        // SAFETY: the pipeline was made with both flags of capturing, and has one executable at least. The first call for
        // representations asks for their sizes, the second fills buffers of those sizes.
        unsafe {
            let properties = self.executables.get_pipeline_executable_properties(&pipeline_info)?;
            let statistics = self.executables.get_pipeline_executable_statistics(&info)?;
            let mut forms =
                self.executables.get_pipeline_executable_internal_representations(&info)?;
            let mut texts: Vec<Vec<u8>> =
                forms.iter().map(|form| vec![0; form.data_size]).collect();
            for (form, text) in forms.iter_mut().zip(&mut texts) {
                form.p_data = text.as_mut_ptr().cast::<c_void>();
            }
            let mut number = forms.len() as u32;
            let get = self.executables.fp().get_pipeline_executable_internal_representations_khr;
            get(self.device.handle(), &info, &mut number, forms.as_mut_ptr()).result()?;
            let assembly = forms.iter().position(|form| {
                form.is_text == vk::TRUE && text(form.name_as_c_str()).contains("ssembly")
            });
            Ok(Executable {
                subgroup: properties.first().map_or(0, |first| first.subgroup_size),
                statistics: statistics.iter().map(count).collect(),
                listing: assembly.map(|at| String::from_utf8_lossy(&texts[at]).into_owned()),
            })
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // SAFETY: whatever was made with them was destroyed before, and neither is used again.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}

/// The sides of the square matrices that kernels are written for, of a device with the extension.
fn square_matrices(entry: &Entry, instance: &Instance, physical: vk::PhysicalDevice) -> Vec<u32> {
    let matrices = khr::cooperative_matrix::Instance::new(entry, instance);
    // SAFETY: the device is one of the instance's.
    let found = unsafe { matrices.get_physical_device_cooperative_matrix_properties(physical) };
    let (half, single) = (vk::ComponentTypeKHR::FLOAT16, vk::ComponentTypeKHR::FLOAT32);
    let is_usable = |it: &&vk::CooperativeMatrixPropertiesKHR<'_>| {
        (it.a_type, it.b_type, it.c_type, it.result_type) == (half, half, single, single)
            && (it.m_size, it.m_size) == (it.n_size, it.k_size)
            && it.scope == vk::ScopeKHR::SUBGROUP
    };
    found.unwrap_or_default().iter().filter(is_usable).map(|it| it.m_size).collect()
}

fn text<E>(name: Result<&CStr, E>) -> String {
    name.map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned())
}
