//! Reads the header of a GGUF file before llama.cpp sees it: whether it is whole, what it holds, what it needs. Not its weights.
//!
//! llama.cpp ends the process on some broken files and had its share of memory faults on others. So everything here is checked
//! against the file's length before it is believed, and nothing is allocated by a number that the file merely claims.

mod read;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use read::Tensor;
use read::{Header, Value};

/// llama.cpp's own limit; it aborts beyond.
const MAX_LAYERS: u64 = 512;

/// What a GGUF file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gguf {
    /// Where it lies.
    pub path: PathBuf,
    /// Version of the format.
    pub version: u32,
    /// What it holds.
    pub kind: Kind,
    /// `general.architecture`, such as `llama` or `qwen2`; of the base model for an adapter.
    pub architecture: String,
    /// `general.name`.
    pub name: Option<String>,
    /// Tokens that the model was trained to see at once.
    pub context_length: Option<u32>,
    /// Number of layers.
    pub block_count: Option<u32>,
    /// Tokens that some layers look back at most, where they do not see everything.
    pub sliding_window: Option<u32>,
    /// The chat template that came with the model, as Jinja text.
    pub chat_template: Option<String>,
    /// Number of tokens in the vocabulary.
    pub vocabulary: Option<u64>,
    /// Id of the token that begins a text.
    pub bos_token: Option<u32>,
    /// Id of the token that ends one.
    pub eos_token: Option<u32>,
    /// Number of tensors.
    pub tensors: u64,
    /// Number of weights in them.
    pub parameters: u64,
    /// Length of the file.
    pub file_bytes: u64,
    /// Numbers that one token occupies in the attention cache.
    pub(crate) cache_numbers: u64,
    /// Width of the model.
    pub(crate) embedding_length: u64,
    /// Whether it holds (or, as an adapter, changes) the token embedding.
    pub(crate) has_embedding: bool,
}

/// What a GGUF file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A language model.
    Model,
    /// A LoRA adapter.
    Adapter,
    /// Something else, by the file's own word for it.
    Other(String),
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct GgufError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: GgufFault,
}

/// What can be wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum GgufFault {
    /// Nothing is there.
    #[error("there is no such file")]
    Missing,
    /// A folder, a device or the like.
    #[error("this is not a file")]
    NotAFile,
    /// The system does not let us read it.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// The first bytes are of something else.
    #[error("this is not a GGUF file{0}")]
    NotGguf(&'static str),
    /// A version of the format that we cannot read.
    #[error(
        "GGUF version {0} is not supported, only 2 and 3: convert the model again with a current llama.cpp"
    )]
    Version(u32),
    /// The file ends too early.
    #[error(
        "the file is truncated: {needed} bytes are needed and {present} are there; fetch it again"
    )]
    Truncated {
        /// What the header announces, or as much of it as could be read.
        needed: u64,
        /// The file's length.
        present: u64,
    },
    /// A number that no sound file has.
    #[error("the file is damaged: {0}")]
    Absurd(String),
    /// One of several parts.
    #[error("this is one of {0} parts of a model: join them first with `llama-gguf-split --merge`")]
    Split(u64),
    /// An adapter where a model is expected.
    #[error("this is a LoRA adapter for {0}, not a model: name it as a persona's adapter")]
    Adapter(String),
    /// Something else where a model is expected.
    #[error("this is not a language model but \"{0}\"")]
    NotAModel(String),
    /// A model where an adapter is expected.
    #[error("this is a whole model, not an adapter: name it as a persona's model")]
    NotAnAdapter,
    /// An adapter that changes the token embedding.
    #[error(
        "this adapter changes the token embedding, which llama.cpp cannot apply: merge it into the model instead"
    )]
    EmbeddingAdapter,
    /// An adapter for another kind of model.
    #[error("this adapter was made for {adapter}, but the model is {model}")]
    OtherBase {
        /// The adapter's architecture.
        adapter: String,
        /// The model's.
        model: String,
    },
}

/// Reads and checks a file's header.
pub fn inspect(path: &Path) -> Result<Gguf, GgufError> {
    header(path).and_then(|header| {
        Gguf::from_header(path, &header).map_err(|fault| GgufError {
            path: path.to_owned(),
            fault,
        })
    })
}

/// The tensors of a file, in its order.
#[cfg(feature = "llama")]
pub(crate) fn tensors(path: &Path) -> Result<Vec<Tensor>, GgufError> {
    header(path).map(|header| header.tensors)
}

fn header(path: &Path) -> Result<Header, GgufError> {
    let fail = |fault| GgufError {
        path: path.to_owned(),
        fault,
    };
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => fail(GgufFault::Missing),
        _ => fail(GgufFault::Unreadable(error)),
    })?;
    // Opening a named pipe would wait for ever.
    if !metadata.is_file() {
        return Err(fail(GgufFault::NotAFile));
    }
    let file = std::fs::File::open(path).map_err(|error| fail(GgufFault::Unreadable(error)))?;
    read::header(std::io::BufReader::new(file), metadata.len()).map_err(fail)
}

impl Gguf {
    fn from_header(path: &Path, header: &Header) -> Result<Self, GgufFault> {
        let architecture = header
            .text("general.architecture")
            .unwrap_or_default()
            .to_owned();
        if architecture.is_empty() {
            return Err(GgufFault::Absurd("it names no architecture".into()));
        }
        let kind = match header.text("general.type") {
            Some("adapter") => Kind::Adapter,
            None if header.text("adapter.type").is_some() => Kind::Adapter,
            None | Some("model") => Kind::Model,
            Some(other) => Kind::Other(other.to_owned()),
        };
        let of_model = |key: &str| format!("{architecture}.{key}");
        let block_count = header.number(&of_model("block_count"));
        if let Some(count) = block_count.filter(|count| *count > MAX_LAYERS) {
            return Err(GgufFault::Absurd(format!("it claims {count} layers")));
        }
        Ok(Self {
            path: path.to_owned(),
            version: header.version,
            kind,
            name: header.text("general.name").map(ToOwned::to_owned),
            context_length: header
                .number(&of_model("context_length"))
                .and_then(|it| u32::try_from(it).ok()),
            block_count: block_count.and_then(|it| u32::try_from(it).ok()),
            sliding_window: window_in_use(
                &architecture,
                header
                    .number(&of_model("attention.sliding_window"))
                    .and_then(|it| u32::try_from(it).ok()),
            ),
            chat_template: header
                .text("tokenizer.chat_template")
                .map(ToOwned::to_owned),
            vocabulary: header.length("tokenizer.ggml.tokens"),
            bos_token: header
                .number("tokenizer.ggml.bos_token_id")
                .and_then(|it| u32::try_from(it).ok()),
            eos_token: header
                .number("tokenizer.ggml.eos_token_id")
                .and_then(|it| u32::try_from(it).ok()),
            tensors: header.tensors.len() as u64,
            parameters: header.parameters,
            file_bytes: header.file_bytes,
            cache_numbers: cache_numbers(header, &of_model, block_count.unwrap_or(0)),
            embedding_length: header.number(&of_model("embedding_length")).unwrap_or(0),
            has_embedding: header.has_embedding,
            architecture,
        })
        .and_then(|gguf| match header.number("split.count") {
            Some(parts) if parts > 1 => Err(GgufFault::Split(parts)),
            _ => Ok(gguf),
        })
    }

    /// Refuses a file that is no language model.
    pub fn check_model(&self) -> Result<(), GgufError> {
        match &self.kind {
            Kind::Model if is_encoder(&self.architecture) => Err(self.fail(GgufFault::NotAModel(
                format!("{}, which reads text but writes none", self.architecture),
            ))),
            Kind::Model if self.tensors > 0 => Ok(()),
            Kind::Model => {
                Err(self.fail(GgufFault::NotAModel("a vocabulary without weights".into())))
            }
            Kind::Adapter => Err(self.fail(GgufFault::Adapter(self.architecture.clone()))),
            Kind::Other(kind) => Err(self.fail(GgufFault::NotAModel(kind.clone()))),
        }
    }

    /// Refuses a file that is no adapter for `base`.
    pub fn check_adapter(&self, base: &Gguf) -> Result<(), GgufError> {
        if self.kind != Kind::Adapter {
            return Err(self.fail(GgufFault::NotAnAdapter));
        }
        // llama.cpp loads it and aborts on the first use.
        if self.has_embedding {
            return Err(self.fail(GgufFault::EmbeddingAdapter));
        }
        if self.architecture != base.architecture {
            let (adapter, model) = (self.architecture.clone(), base.architecture.clone());
            return Err(self.fail(GgufFault::OtherBase { adapter, model }));
        }
        Ok(())
    }

    fn fail(&self, fault: GgufFault) -> GgufError {
        GgufError {
            path: self.path.clone(),
            fault,
        }
    }
}

/// Architectures that do not continue a text; drawing a token from one ends the process.
/// The window with which llama.cpp computes, of the one that the header tells: it is not always the same (`src/models/*.cpp` of the version that
/// the engine is built from).
fn window_in_use(architecture: &str, told: Option<u32>) -> Option<u32> {
    let window = match (architecture, told) {
        // Set aside, since files differ in what they tell.
        ("phi3", _) => None,
        // What they have by themselves.
        ("gemma2", None) => Some(4096),
        ("llama4", None) => Some(8192),
        ("exaone-moe", None) => Some(128),
        (_, told) => told,
    };
    window.filter(|window| *window > 0)
}

fn is_encoder(architecture: &str) -> bool {
    architecture.contains("bert")
        || architecture.starts_with("t5")
        || matches!(
            architecture,
            "clip" | "gemma-embedding" | "wavtokenizer-dec"
        )
}

/// Keys and values of all layers for one token. Architectures that cache less (latent attention, recurrent states) are overestimated.
fn cache_numbers(header: &Header, of_model: &impl Fn(&str) -> String, layers: u64) -> u64 {
    let width = header.number(&of_model("embedding_length")).unwrap_or(0);
    let heads = header.get(&of_model("attention.head_count"));
    let kv_heads = header.get(&of_model("attention.head_count_kv")).or(heads);
    let most_heads = match heads {
        Some(Value::Number(heads)) => *heads,
        Some(Value::Numbers(heads)) => heads.iter().copied().max().unwrap_or(0),
        _ => 0,
    };
    let head = width.checked_div(most_heads).unwrap_or(0);
    let key = header
        .number(&of_model("attention.key_length"))
        .unwrap_or(head);
    let value = header
        .number(&of_model("attention.value_length"))
        .unwrap_or(head);
    let all_kv_heads = match kv_heads {
        Some(Value::Number(heads)) => heads.saturating_mul(layers),
        Some(Value::Numbers(heads)) => heads.iter().fold(0, |sum: u64, it| sum.saturating_add(*it)),
        _ => 0,
    };
    all_kv_heads.saturating_mul(key.saturating_add(value))
}
