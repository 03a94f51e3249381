//! What a device can do: plain data, of a device that is there or of one that is only described.

use crate::tensor::DType;

/// What adapters differ in most: a kernel that is fast on one class may be slow on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceClass {
    /// Lanes of one core: broadcasts are cheap, loads are dear, and barriers very dear.
    Software,
    /// Thousands of lanes: loads side by side are cheap, and so are barriers.
    Gpu,
}

/// Who made the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Apple.
    Apple,
    /// Intel.
    Intel,
    /// Anybody else, or nobody.
    Other,
}

impl Vendor {
    /// The vendor of this PCI number.
    pub fn of_pci(number: u32) -> Self {
        match number {
            0x10de => Vendor::Nvidia,
            0x1002 | 0x1022 => Vendor::Amd,
            0x106b => Vendor::Apple,
            0x8086 => Vendor::Intel,
            _ => Vendor::Other,
        }
    }
}

/// The type of a matrix unit's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatrixElement {
    /// Half precision.
    F16,
    /// Single precision.
    F32,
}

/// Sizes and types that a matrix unit multiplies: `[m, k]` times `[k, n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CooperativeMatrix {
    /// Rows of the product.
    pub m: u32,
    /// Columns of the product.
    pub n: u32,
    /// The reduction length.
    pub k: u32,
    /// The type of the factors.
    pub input: MatrixElement,
    /// The type of the sums.
    pub sum: MatrixElement,
}

/// Matrix units as kernels are written for them: square matrices of half precision, with sums in single precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixUnits {
    /// Rows and columns of a matrix.
    pub side: u32,
    /// Lanes of the subgroups that share it.
    pub lanes: u32,
}

/// What kernels are chosen by, and what calls have to keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceProfile {
    /// Software or GPU.
    pub class: DeviceClass,
    /// Who made it.
    pub vendor: Vendor,
    /// Lanes of a subgroup at the least; 0 where there are no subgroups.
    pub subgroup_min: u32,
    /// Lanes of a subgroup at the most.
    pub subgroup_max: u32,
    /// The type in which tensors are stored; kernels compute in single precision.
    pub storage: DType,
    /// Whether shaders know half precision.
    pub shader_f16: bool,
    /// Whether shaders know integers of 64 bits, with which a `vec4` is loaded as two words.
    pub shader_int64: bool,
    /// What matrix units multiply.
    pub cooperative_matrices: Vec<CooperativeMatrix>,
    /// Iterations that the loops of one invocation may make together; `usize::MAX` where there is no limit.
    pub max_trips: usize,
    /// Bytes of workgroup memory.
    pub max_workgroup_memory: u32,
    /// Invocations in one workgroup.
    pub max_workgroup_size: u32,
    /// Workgroups along one dimension of a dispatch.
    pub max_workgroups: u32,
    /// Storage buffers of one kernel.
    pub max_storage_buffers: u32,
    /// Bytes in one buffer.
    pub max_buffer_size: u64,
    /// Bytes of a buffer that one kernel can see.
    pub max_binding_size: u64,
    /// What the start of a binding is a multiple of, in bytes.
    pub min_offset_alignment: u32,
}

impl DeviceProfile {
    /// The matrix units that kernels can use. There are none where tensors are stored in single precision, or where
    /// subgroups come in several sizes: the lanes that share a matrix must be known when a workgroup is laid out.
    pub fn matrix_units(&self) -> Option<MatrixUnits> {
        let is_usable = |&side: &u32| {
            let matrix = CooperativeMatrix {
                m: side,
                n: side,
                k: side,
                input: MatrixElement::F16,
                sum: MatrixElement::F32,
            };
            self.cooperative_matrices.contains(&matrix)
        };
        let stores_halves = self.storage == DType::F16 && self.shader_f16;
        if !stores_halves || self.subgroup_min != self.subgroup_max {
            return None;
        }
        let side = [16, 8].into_iter().find(is_usable)?;
        Some(MatrixUnits { side, lanes: self.subgroup_min })
    }

    /// The names that shaders are given: one of [`DEVICES`](crate::shaders::text::DEVICES).
    pub(crate) fn defines(&self) -> &'static [&'static str] {
        match self.storage {
            DType::F16 => &["F16"],
            DType::F32 if self.shader_int64 => &["INT64"],
            DType::F32 => &[],
        }
    }

    /// The names of the devices that [`DeviceProfile::described`] knows.
    pub const DESCRIBED: [&'static str; 5] = ["nvidia", "amd", "apple", "intel", "software"];

    /// A software adapter that need not be there: llvmpipe with eight lanes.
    pub fn software() -> Self {
        DeviceProfile {
            class: DeviceClass::Software,
            vendor: Vendor::Other,
            subgroup_min: 8,
            subgroup_max: 8,
            storage: DType::F32,
            shader_f16: true,
            shader_int64: true,
            cooperative_matrices: Vec::new(),
            max_trips: usize::MAX,
            max_workgroup_memory: 32 << 10,
            max_workgroup_size: 1024,
            max_workgroups: 65_535,
            max_storage_buffers: 16,
            max_buffer_size: 2 << 30,
            max_binding_size: 128 << 20,
            min_offset_alignment: 16,
        }
    }

    /// A device that need not be there: `nvidia` (GeForce RTX 4070), `amd` (Radeon RX 7800 XT), `apple` (M2), `intel`
    /// (Arc A770) or `software` ([`DeviceProfile::software`]). Nothing for other names.
    pub fn described(name: &str) -> Option<Self> {
        // Factors of half precision, sums of either.
        let gpu = |vendor, [m, n, k]: [u32; 3]| DeviceProfile {
            class: DeviceClass::Gpu,
            vendor,
            subgroup_min: 32,
            subgroup_max: 32,
            cooperative_matrices: [MatrixElement::F16, MatrixElement::F32]
                .map(|sum| CooperativeMatrix { m, n, k, input: MatrixElement::F16, sum })
                .to_vec(),
            max_buffer_size: 4 << 30,
            max_binding_size: (4 << 30) - 4,
            min_offset_alignment: 32,
            ..DeviceProfile::software()
        };
        let kib = |size: u32| size << 10;
        Some(match name {
            "nvidia" => {
                DeviceProfile { max_workgroup_memory: kib(48), ..gpu(Vendor::Nvidia, [16, 16, 16]) }
            }
            "amd" => DeviceProfile {
                subgroup_max: 64,
                max_workgroup_memory: kib(64),
                ..gpu(Vendor::Amd, [16, 16, 16])
            },
            "apple" => gpu(Vendor::Apple, [8, 8, 8]),
            "intel" => DeviceProfile { subgroup_min: 8, ..gpu(Vendor::Intel, [8, 16, 16]) },
            "software" => DeviceProfile::software(),
            _ => return None,
        })
    }
}
