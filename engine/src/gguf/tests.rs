//! Headers made byte by byte, sound and broken.

use std::io::Write;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;

/// A header being written.
struct Draft {
    entries: Vec<u8>,
    entry_count: u64,
    tensors: Vec<u8>,
    tensor_count: u64,
    version: u32,
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

impl Draft {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            entry_count: 0,
            tensors: Vec::new(),
            tensor_count: 0,
            version: 3,
        }
    }

    fn entry(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        text(&mut self.entries, key);
        self.entries.extend(kind.to_le_bytes());
        self.entries.extend(value);
        self.entry_count += 1;
        self
    }

    fn word(self, key: &str, value: &str) -> Self {
        let mut bytes = Vec::new();
        text(&mut bytes, value);
        self.entry(key, 8, &bytes)
    }

    fn number(self, key: &str, value: u32) -> Self {
        self.entry(key, 4, &value.to_le_bytes())
    }

    fn tensor(mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        text(&mut self.tensors, name);
        self.tensors
            .extend(u32::try_from(shape.len()).unwrap().to_le_bytes());
        shape
            .iter()
            .for_each(|size| self.tensors.extend(size.to_le_bytes()));
        self.tensors.extend(kind.to_le_bytes());
        self.tensors.extend(offset.to_le_bytes());
        self.tensor_count += 1;
        self
    }

    fn bytes(&self, weights: usize) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.tensor_count.to_le_bytes());
        bytes.extend(self.entry_count.to_le_bytes());
        bytes.extend(&self.entries);
        bytes.extend(&self.tensors);
        bytes.resize(bytes.len().next_multiple_of(32) + weights, 0);
        bytes
    }
}

fn model() -> Draft {
    Draft::new()
        .word("general.architecture", "llama")
        .word("general.name", "작은 모델")
        .number("llama.context_length", 2048)
        .number("llama.block_count", 2)
        .number("llama.embedding_length", 64)
        .number("llama.attention.head_count", 4)
        .number("llama.attention.head_count_kv", 2)
        .word("tokenizer.chat_template", "{{ messages }}")
        .entry("tokenizer.ggml.tokens", 9, &{
            let mut list = [8u32.to_le_bytes().as_slice(), &2u64.to_le_bytes()].concat();
            text(&mut list, "<s>");
            text(&mut list, "가");
            list
        })
        .number("tokenizer.ggml.bos_token_id", 0)
        .entry("a.float", 6, &1.5f32.to_le_bytes())
        .tensor("token_embd.weight", &[64, 2], 0, 0)
        .tensor("output.weight", &[64, 2], 8, 512)
}

const WEIGHTS: usize = 512 + 4 * 34;

fn inspect_bytes(bytes: &[u8]) -> Result<Gguf, GgufError> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    inspect(file.path())
}

fn check_fault(bytes: &[u8], expected: &str) {
    let error = inspect_bytes(bytes).unwrap_err().to_string();
    assert!(
        error.contains(expected),
        "expected \"{expected}\", got \"{error}\""
    );
}

#[test]
fn a_sound_model_tells_about_itself() {
    let gguf = inspect_bytes(&model().bytes(WEIGHTS)).unwrap();
    assert_eq!(gguf.kind, Kind::Model);
    assert_eq!(
        (gguf.architecture.as_str(), gguf.name.as_deref()),
        ("llama", Some("작은 모델"))
    );
    assert_eq!(
        (gguf.context_length, gguf.block_count),
        (Some(2048), Some(2))
    );
    assert_eq!(
        (gguf.vocabulary, gguf.bos_token, gguf.eos_token),
        (Some(2), Some(0), None)
    );
    assert_eq!((gguf.tensors, gguf.parameters), (2, 256));
    assert_eq!(gguf.chat_template.as_deref(), Some("{{ messages }}"));
    // 2 layers x 2 heads x (16 + 16).
    assert_eq!(gguf.cache_numbers, 128);
    gguf.check_model().unwrap();
}

#[test]
fn layers_may_differ_in_their_heads() {
    let heads = [
        4u32.to_le_bytes().as_slice(),
        &3u64.to_le_bytes(),
        &[4, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0],
    ]
    .concat();
    let draft = Draft::new()
        .word("general.architecture", "x")
        .number("x.block_count", 3)
        .number("x.embedding_length", 64)
        .number("x.attention.head_count", 4)
        .entry("x.attention.head_count_kv", 9, &heads)
        .tensor("a", &[1], 0, 0);
    assert_eq!(
        inspect_bytes(&draft.bytes(4)).unwrap().cache_numbers,
        6 * 32
    );
}

#[test]
fn what_is_no_model_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &Path| inspect(path).unwrap_err().to_string();
    assert!(error(&folder.path().join("none.gguf")).ends_with("none.gguf: there is no such file"));
    assert!(error(folder.path()).contains("not a file"));
    check_fault(b"", "it is empty");
    check_fault(b"hello, world", "not a GGUF file");
    check_fault(
        b"version https://git-lfs.github.com/spec/v1\n",
        "git lfs pull",
    );
    check_fault(b"PK\x03\x04rest", "PyTorch");
    check_fault(b"\x50\x01\0\0\0\0\0\0{\"__metadata__\":", "safetensors");
    check_fault(
        &Draft {
            version: 1,
            ..model()
        }
        .bytes(WEIGHTS),
        "version 1 is not supported",
    );
}

#[test]
fn every_truncation_is_found() {
    let whole = model().bytes(WEIGHTS);
    for length in 4..whole.len() {
        let error = inspect_bytes(&whole[..length]).unwrap_err();
        assert!(
            matches!(error.fault, GgufFault::Truncated { .. }),
            "{length} of {}: {error}",
            whole.len()
        );
    }
    inspect_bytes(&whole).unwrap();
}

#[test]
fn absurd_numbers_are_found_before_they_are_believed() {
    let huge = u64::MAX.to_le_bytes();
    check_fault(
        &[b"GGUF\x03\0\0\0".as_slice(), &huge, &huge].concat(),
        "tensors",
    );
    check_fault(
        &[b"GGUF\x03\0\0\0".as_slice(), &[0; 8], &huge].concat(),
        "metadata entries",
    );
    check_fault(
        &model().number("llama.block_count", 100_000).bytes(WEIGHTS),
        "100000 layers",
    );
    check_fault(
        &model().number("general.alignment", 3).bytes(WEIGHTS),
        "alignment of 3",
    );
    check_fault(
        &model().tensor("x", &[u64::MAX, 2], 0, 0).bytes(WEIGHTS),
        "shape is too large",
    );
    check_fault(
        &model().tensor("x", &[1], 0, u64::MAX).bytes(WEIGHTS),
        "beyond any file",
    );
    check_fault(
        &model().tensor("x", &[1; 5], 0, 0).bytes(WEIGHTS),
        "four dimensions",
    );
    check_fault(
        &model().entry("x", 13, &[]).bytes(WEIGHTS),
        "unknown kind 13",
    );
    check_fault(
        &model()
            .entry("x", 9, &[8u32.to_le_bytes().as_slice(), &huge].concat())
            .bytes(WEIGHTS),
        "truncated",
    );
    check_fault(
        &model()
            .entry("x", 9, &[4u32.to_le_bytes().as_slice(), &huge].concat())
            .bytes(WEIGHTS),
        "list of",
    );
    check_fault(&model().entry("x", 8, &huge).bytes(WEIGHTS), "truncated");
    check_fault(
        &model().number("split.count", 3).bytes(WEIGHTS),
        "llama-gguf-split --merge",
    );
}

#[test]
fn a_model_is_no_adapter_and_an_adapter_no_model() {
    let base = inspect_bytes(&model().bytes(WEIGHTS)).unwrap();
    let adapter = |architecture: &str| {
        let draft = Draft::new()
            .word("general.type", "adapter")
            .word("adapter.type", "lora")
            .word("general.architecture", architecture);
        inspect_bytes(&draft.tensor("a", &[1], 0, 0).bytes(4)).unwrap()
    };
    adapter("llama").check_adapter(&base).unwrap();
    assert!(
        adapter("llama")
            .check_model()
            .unwrap_err()
            .to_string()
            .contains("LoRA adapter for llama, not a model")
    );
    assert!(
        base.check_adapter(&base)
            .unwrap_err()
            .to_string()
            .contains("whole model, not an adapter")
    );
    assert!(
        adapter("qwen2")
            .check_adapter(&base)
            .unwrap_err()
            .to_string()
            .contains("made for qwen2, but the model is llama")
    );
    let vocabulary = Draft::new().word("general.architecture", "llama").bytes(0);
    assert!(
        inspect_bytes(&vocabulary)
            .unwrap()
            .check_model()
            .unwrap_err()
            .to_string()
            .contains("without weights")
    );
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic(changes in prop::collection::vec((0usize..600, any::<u8>()), 1..12), length in 0usize..1200) {
        let mut bytes = model().bytes(WEIGHTS);
        let size = bytes.len();
        for (place, byte) in changes {
            bytes[place % size] = byte;
        }
        bytes.truncate(length.max(8));
        if let Ok(gguf) = inspect_bytes(&bytes) {
            prop_assert!(gguf.file_bytes == bytes.len() as u64);
        }
    }
}
