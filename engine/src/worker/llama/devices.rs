//! Which devices a model's layers may go to, and how much room these have. How many go there, `plan` decides.

use llama_cpp_2::{LlamaBackendDevice, LlamaBackendDeviceType, list_llama_ggml_backend_devices};

use crate::worker::plan::Room;

/// Whether this build knows any driver.
pub(super) const HAS_DEVICES: bool = cfg!(any(
    feature = "cuda",
    feature = "metal",
    feature = "rocm",
    feature = "vulkan"
));

/// Why nothing is offloaded, and the remedy.
pub(super) const NO_DEVICE: &str = if HAS_DEVICES {
    "no graphics processor was found that this program was built for, or none has memory that is free"
} else {
    "this program was built without any driver; CHATFRIENDS_GPU=cuda ./scripts/run builds one with (or rocm, vulkan, metal)"
};

/// The devices to offload to, by name. When none is named, those that llama.cpp takes by itself: every graphics processor with
/// memory of its own, or else the integrated one.
pub(super) fn choose_devices(names: &[String]) -> Result<Vec<LlamaBackendDevice>, String> {
    let devices = list_llama_ggml_backend_devices();
    for device in &devices {
        tracing::info!(name = %device.name, description = %device.description, backend = %device.backend,
            free_mib = device.memory_free >> 20, "llama.cpp sees a device.");
    }
    if names.is_empty() {
        let of = |kind| {
            let devices = devices.iter().filter(move |it| it.device_type == kind);
            devices.cloned().collect::<Vec<_>>()
        };
        let discrete = of(LlamaBackendDeviceType::Gpu);
        return Ok(if discrete.is_empty() {
            of(LlamaBackendDeviceType::IntegratedGpu)
        } else {
            discrete
        });
    }
    let known: Vec<String> = devices.iter().map(|device| device.name.clone()).collect();
    let find = |name: &String| {
        let device = devices.iter().find(|device| device.name == *name).cloned();
        let device = device.ok_or_else(|| {
            format!(
                "engine.devices: there is no device \"{name}\"; llama.cpp sees {}{}",
                known.join(", "),
                if HAS_DEVICES {
                    String::new()
                } else {
                    format!(", since {NO_DEVICE}")
                }
            )
        })?;
        match device.device_type {
            LlamaBackendDeviceType::Cpu | LlamaBackendDeviceType::Accelerator => Err(format!(
                "engine.devices: \"{name}\" is the processor, to which nothing is offloaded: to compute there, \
                 use engine.gpu_layers = 0 and name no device"
            )),
            _ => Ok(device),
        }
    };
    names.iter().map(find).collect()
}

/// The memory that is free on these devices, of which those that have none of their own get no more than is `available` on the machine.
pub(super) fn room(devices: &[LlamaBackendDevice], available: Option<u64>) -> Room {
    let mut room = Room::default();
    for device in devices {
        let free = device.memory_free as u64;
        if device.device_type == LlamaBackendDeviceType::IntegratedGpu {
            room.shared += free;
        } else {
            room.apart += free;
        }
    }
    room.shared = available.map_or(room.shared, |available| room.shared.min(available));
    room
}
