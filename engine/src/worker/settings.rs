//! What the operator may set about a local model. Only values; the worker gives them their meaning.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One local model and how to run it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// The GGUF file.
    pub model: PathBuf,
    /// How many of its layers run on a GPU.
    #[serde(default)]
    pub gpu_layers: GpuLayers,
    /// Names of the devices to use, as the start-up log prints them; empty = all.
    #[serde(default)]
    pub devices: Vec<String>,
    /// How the attention cache is stored.
    #[serde(default)]
    pub kv_type: KvType,
    /// Whether to use flash attention.
    #[serde(default)]
    pub flash_attention: FlashAttention,
    /// CPU threads; `None` = one for each physical core.
    #[serde(default)]
    pub threads: Option<u32>,
    /// MiB of the machine's memory for what chats without a slot have computed.
    #[serde(default = "two_thousand")]
    pub cache_ram: u32,
    /// Map the file instead of reading it.
    #[serde(default = "yes")]
    pub mmap: bool,
    /// Lock the weights in memory.
    #[serde(default)]
    pub mlock: bool,
    /// Tokens that one chat may have; `None` = what the model was trained for, at most 8,192.
    #[serde(default)]
    pub context: Option<u32>,
    /// How many chats are answered at the same time.
    #[serde(default = "four")]
    pub slots: u32,
}

impl WorkerSettings {
    /// The defaults for a model file.
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            gpu_layers: GpuLayers::default(),
            devices: Vec::new(),
            kv_type: KvType::default(),
            flash_attention: FlashAttention::default(),
            threads: None,
            cache_ram: two_thousand(),
            mmap: true,
            mlock: false,
            context: None,
            slots: four(),
        }
    }

    /// Says what is wrong with the values themselves, as `key: fault`; empty when nothing is. Files are not looked at.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        // llama.cpp refuses more than 256 sequences in one context.
        if !(1..=256).contains(&self.slots) {
            faults.push(format!("slots: must be from 1 to 256, not {}", self.slots));
        }
        if let Some(context) = self.context
            && !(128..=1 << 20).contains(&context)
        {
            faults.push(format!(
                "context: must be from 128 to 1048576, not {context}"
            ));
        }
        if let Some(threads) = self.threads
            && !(1..=512).contains(&threads)
        {
            faults.push(format!("threads: must be from 1 to 512, not {threads}"));
        }
        if self.kv_type != KvType::F16 && self.flash_attention == FlashAttention::Off {
            faults.push(
                "kv_type: a quantised cache needs flash_attention = \"auto\" or \"on\"".into(),
            );
        }
        if self.model.to_str().is_none_or(|path| path.contains('\0')) {
            faults.push(format!(
                "model: {} is not a path in UTF-8",
                self.model.display()
            ));
        }
        faults
    }
}

/// How many layers run on a GPU: `"auto"` or a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GpuLayers {
    /// As many as fit; none where there is no GPU.
    #[default]
    Auto,
    /// This many.
    Count(u32),
}

impl Serialize for GpuLayers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Count(count) => serializer.serialize_u32(*count),
        }
    }
}

impl<'de> Deserialize<'de> for GpuLayers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = GpuLayers;

            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("\"auto\" or a number of layers")
            }

            // Environment variables arrive as text, so a number in quotes is a number too.
            fn visit_str<E: de::Error>(self, text: &str) -> Result<GpuLayers, E> {
                match text {
                    "auto" => Ok(GpuLayers::Auto),
                    other => other
                        .parse()
                        .map(GpuLayers::Count)
                        .map_err(|_| E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<GpuLayers, E> {
                u32::try_from(count)
                    .map(GpuLayers::Count)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(count), &self))
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<GpuLayers, E> {
                u32::try_from(count)
                    .map(GpuLayers::Count)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(count), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// How the attention cache is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KvType {
    /// 16 bits a number.
    #[default]
    F16,
    /// About half of that, hardly a loss.
    #[serde(rename = "q8_0")]
    Q8,
    /// About a quarter; noticeable with long contexts.
    #[serde(rename = "q4_0")]
    Q4,
}

impl KvType {
    /// Bytes of `numbers` cached numbers.
    pub(crate) fn bytes(self, numbers: u64) -> u64 {
        // A block of 32 numbers takes 34 bytes (q8_0) or 18 bytes (q4_0).
        match self {
            Self::F16 => numbers.saturating_mul(2),
            Self::Q8 => numbers.div_ceil(32).saturating_mul(34),
            Self::Q4 => numbers.div_ceil(32).saturating_mul(18),
        }
    }
}

/// Whether to use flash attention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlashAttention {
    /// Where the device supports it.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

fn yes() -> bool {
    true
}

fn two_thousand() -> u32 {
    2048
}

fn four() -> u32 {
    4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpu_layers_are_auto_or_a_number() {
        for (text, expected) in [
            ("\"auto\"", Some(GpuLayers::Auto)),
            ("12", Some(GpuLayers::Count(12))),
            ("\"12\"", Some(GpuLayers::Count(12))),
        ] {
            assert_eq!(serde_json::from_str(text).ok(), expected, "{text}");
        }
        for text in ["-1", "\"all\"", "4294967296", "true", "1.5"] {
            let error = serde_json::from_str::<GpuLayers>(text)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("\"auto\" or a number of layers"),
                "{text}: {error}"
            );
        }
        for layers in [GpuLayers::Auto, GpuLayers::Count(7)] {
            let text = serde_json::to_string(&layers).unwrap();
            assert_eq!(serde_json::from_str::<GpuLayers>(&text).unwrap(), layers);
        }
    }

    #[test]
    fn a_file_name_alone_is_enough() {
        let settings: WorkerSettings = serde_json::from_str(r#"{"model":"a.gguf"}"#).unwrap();
        assert_eq!(settings, WorkerSettings::new("a.gguf"));
        assert!(settings.faults().is_empty());
    }

    #[test]
    fn every_impossible_value_is_named() {
        let settings = WorkerSettings {
            slots: 0,
            context: Some(2_000_000_000),
            threads: Some(0),
            kv_type: KvType::Q8,
            flash_attention: FlashAttention::Off,
            ..WorkerSettings::new("a\0b")
        };
        let faults = settings.faults();
        assert_eq!(faults.len(), 5, "{faults:?}");
    }
}
