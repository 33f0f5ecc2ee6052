//! What a model will take, and whether it fits: decided before it is loaded, since afterwards the kernel decides, and it kills.
//! Plain arithmetic; `machine` asks the system.

use crate::generate::Shortage;
use crate::gguf::Gguf;

use super::settings::{GpuLayers, WorkerSettings};

/// Tokens decoded at most in one step; the worker's batch size.
pub(crate) const BATCH: u32 = 512;
/// Tokens of the beginnings that are kept to be shared, of all personas together: one with examples has some three hundred.
const SHARED: u32 = 4096;
/// llama.cpp rounds the size of a context up to a multiple of this.
const CELL_BLOCK: u32 = 256;
/// Code, tokenizer tables and small buffers.
const BASE_BYTES: u64 = 64 << 20;
/// Left free on a device for its driver and whatever else runs there.
const DEVICE_MARGIN: u64 = 512 << 20;

/// What a model will take, in bytes, and the sizes that follow from the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Tokens of one chat.
    pub(crate) context: u32,
    /// Tokens of what chats share.
    pub(crate) shared: u32,
    /// Tokens of all slots together, and of what they share.
    pub(crate) cells: u32,
    pub(crate) weights: u64,
    pub(crate) cache: u64,
    pub(crate) buffers: u64,
}

/// The free memory of the devices to offload to, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Room {
    /// On devices with memory of their own.
    pub(crate) apart: u64,
    /// On devices that take the machine's.
    pub(crate) shared: u64,
}

impl Room {
    pub(crate) fn free(&self) -> u64 {
        self.apart.saturating_add(self.shared)
    }

    /// How many of the layers that were offloaded take none of the machine's memory.
    pub(crate) fn layers_apart(&self, offloaded: u32) -> u32 {
        let share = u128::from(offloaded) * u128::from(self.apart);
        u32::try_from(share / u128::from(self.free().max(1))).unwrap_or(offloaded)
    }
}

impl Plan {
    pub(crate) fn new(gguf: &Gguf, settings: &WorkerSettings) -> Self {
        let trained = gguf.context_length.unwrap_or(2048).max(128);
        let context = settings.context.unwrap_or_else(|| trained.min(8192));
        let shared = SHARED;
        let cells = context
            .saturating_mul(settings.slots)
            .saturating_add(shared)
            .next_multiple_of(CELL_BLOCK);
        // A step's largest buffers: the scores of every token of the vocabulary, and some layers' activations, in 32 bits.
        let widest = gguf
            .vocabulary
            .unwrap_or(0)
            .max(gguf.embedding_length.saturating_mul(8));
        Self {
            context,
            shared,
            cells,
            weights: gguf.file_bytes,
            cache: settings
                .kv_type
                .bytes(gguf.cache_numbers)
                .saturating_mul(cells.into()),
            buffers: widest
                .saturating_mul(u64::from(BATCH) * 4)
                .saturating_add(BASE_BYTES),
        }
    }

    /// How many of the model's layers go to devices with so much free memory: all, as many as fit, or as many as was said.
    pub(crate) fn gpu_layers(&self, wanted: GpuLayers, layers: u32, free: u64) -> u32 {
        // The output layer counts as one more.
        let all = layers.saturating_add(1);
        match wanted {
            _ if free == 0 => 0,
            GpuLayers::Count(count) => count.min(all),
            GpuLayers::Auto => {
                let room = free
                    .saturating_sub(DEVICE_MARGIN)
                    .saturating_sub(self.buffers);
                let a_layer = (self.weights.saturating_add(self.cache) / u64::from(all)).max(1);
                u32::try_from(room / a_layer).unwrap_or(u32::MAX).min(all)
            }
        }
    }

    /// Bytes of the machine's memory that model and cache take.
    pub(crate) fn needed(&self, offloaded: u32, layers: u32) -> u64 {
        here(self.weights, offloaded, layers)
            .saturating_add(here(self.cache, offloaded, layers))
            .saturating_add(self.buffers)
    }

    /// Bytes for what chats without a slot have computed: as many as are wanted, but no more than half of what is left beside the model.
    pub(crate) fn tails(
        &self,
        wanted: u64,
        offloaded: u32,
        layers: u32,
        available: Option<u64>,
    ) -> u64 {
        let left = available.map_or(u64::MAX, |available| {
            available.saturating_sub(self.needed(offloaded, layers)) / 2
        });
        wanted.min(left)
    }

    /// Refuses what does not fit into the machine's free memory once `offloaded` of `layers` lie in a device's own.
    pub(crate) fn check(
        &self,
        offloaded: u32,
        layers: u32,
        available: u64,
    ) -> Result<(), Shortage> {
        let share = |bytes| here(bytes, offloaded, layers);
        let needed = self.needed(offloaded, layers);
        if needed <= available {
            return Ok(());
        }
        let reason = format!(
            "the model needs about {} of memory ({} weights, {} for {} tokens of conversations) but {} is free: \
             use a smaller or more strongly quantised model, lower engine.context or engine.slots, set engine.kv_type = \"q8_0\", or end other programs",
            readable(needed),
            readable(share(self.weights)),
            readable(share(self.cache)),
            self.cells,
            readable(available)
        );
        Err(Shortage {
            needed,
            available,
            reason,
        })
    }
}

/// What of something that all layers share lies in the machine's memory.
fn here(bytes: u64, offloaded: u32, layers: u32) -> u64 {
    let all = u64::from(layers) + 1;
    let here = all.saturating_sub(offloaded.into());
    u64::try_from(u128::from(bytes) * u128::from(here) / u128::from(all)).unwrap_or(bytes)
}

fn readable(bytes: u64) -> String {
    let mebibytes = bytes.div_ceil(1 << 20);
    if mebibytes < 1024 {
        format!("{mebibytes} MiB")
    } else {
        format!("{:.1} GiB", mebibytes as f64 / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::Kind;

    /// Seven thousand million weights in four bits.
    fn big() -> Gguf {
        Gguf {
            path: "big.gguf".into(),
            version: 3,
            kind: Kind::Model,
            architecture: "llama".into(),
            name: None,
            context_length: Some(32_768),
            sliding_window: None,
            block_count: Some(32),
            chat_template: None,
            vocabulary: Some(128_000),
            bos_token: None,
            eos_token: None,
            tensors: 291,
            parameters: 7_000_000_000,
            file_bytes: 4 << 30,
            cache_numbers: 32 * 8 * 256,
            embedding_length: 4096,
            has_embedding: true,
        }
    }

    fn plan() -> Plan {
        Plan::new(&big(), &WorkerSettings::new("big.gguf"))
    }

    #[test]
    fn the_cache_grows_with_context_and_slots() {
        let plan = plan();
        assert_eq!((plan.context, plan.cells), (8192, 36_864));
        // 128 KiB a token in 16 bits.
        assert_eq!(plan.cache, 36_864 * 131_072);
        let small = WorkerSettings {
            context: Some(1000),
            slots: 1,
            kv_type: super::super::settings::KvType::Q8,
            ..WorkerSettings::new("x")
        };
        let small = Plan::new(&big(), &small);
        assert_eq!(
            (small.context, small.cells, small.cache),
            (1000, 5120, 5120 * 69_632)
        );
    }

    #[test]
    fn a_model_that_does_not_fit_is_refused_with_both_figures_and_a_way_out() {
        let plan = plan();
        let everything = plan.weights + plan.cache + plan.buffers;
        assert_eq!(plan.check(0, 32, everything), Ok(()));
        let Shortage {
            needed,
            available,
            reason,
        } = plan.check(0, 32, 6 << 30).unwrap_err();
        assert_eq!((needed, available), (everything, 6 << 30));
        for part in [
            "about 8.8 GiB",
            "6.0 GiB is free",
            "engine.context",
            "quantised",
        ] {
            assert!(reason.contains(part), "{part}: {reason}");
        }
        // On a device it needs little here.
        assert_eq!(plan.check(33, 32, 1 << 30), Ok(()));
    }

    #[test]
    fn saved_tails_take_half_of_what_is_left_at_most() {
        let plan = plan();
        let needed = plan.weights + plan.cache + plan.buffers;
        let tails = |available| plan.tails(2 << 30, 0, 32, available);
        assert_eq!(tails(None), 2 << 30);
        assert_eq!(tails(Some(needed + (16 << 30))), 2 << 30);
        assert_eq!(tails(Some(needed + (1 << 30))), 1 << 29);
        assert_eq!(tails(Some(needed - 1)), 0);
    }

    #[test]
    fn what_lies_on_an_integrated_device_still_takes_the_machines_memory() {
        for (apart, shared, expected) in [(0, 0, 0), (0, 8, 0), (8, 0, 33), (24, 8, 24)] {
            let room = Room {
                apart: apart << 30,
                shared: shared << 30,
            };
            assert_eq!(room.layers_apart(33), expected, "{room:?}");
        }
    }

    #[test]
    fn auto_takes_what_fits() {
        let plan = plan();
        for (wanted, free, expected) in [
            (GpuLayers::Auto, 0, 0),
            (GpuLayers::Count(99), 0, 0),
            (GpuLayers::Auto, 24 << 30, 33),
            (GpuLayers::Auto, 5 << 30, 16),
            (GpuLayers::Auto, 512 << 20, 0),
            (GpuLayers::Count(7), 24 << 30, 7),
            (GpuLayers::Count(u32::MAX), 24 << 30, 33),
        ] {
            assert_eq!(
                plan.gpu_layers(wanted, 32, free),
                expected,
                "{wanted:?} {free}"
            );
        }
    }
}
