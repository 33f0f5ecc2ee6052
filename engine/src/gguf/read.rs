//! The bytes of a GGUF header. What they mean for us stands one level up.

use std::collections::BTreeMap;
use std::io::{BufReader, ErrorKind, Read, Seek};

use super::GgufFault;

/// Sound files have a few dozen entries and at most some thousand tensors.
const MAX_ENTRIES: u64 = 1 << 16;
const MAX_TENSORS: u64 = 1 << 17;
/// The format's own limit for keys.
const MAX_KEY: u64 = 65_535;
/// llama.cpp's own limit for names of tensors is 64.
const MAX_NAME: u64 = 1024;
/// Longest text that is kept; chat templates have some ten thousand bytes.
const MAX_TEXT: u64 = 1 << 20;
/// All texts kept together.
const MAX_KEPT: u64 = 32 << 20;
/// Longest list of numbers that is kept; those that matter have one number for each layer.
const MAX_NUMBERS: u64 = 1024;

/// What stands before the weights.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) tensors: Vec<Tensor>,
    pub(super) parameters: u64,
    pub(super) file_bytes: u64,
    /// Whether a tensor belongs to the token embedding.
    pub(super) has_embedding: bool,
    entries: BTreeMap<String, Value>,
}

/// A metadata value, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    Numbers(Vec<u64>),
    Text(String),
    /// A list that is not kept, by its length.
    List(u64),
    /// Anything else.
    Other,
}

impl Header {
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn length(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(Value::List(length)) => Some(*length),
            Some(Value::Numbers(numbers)) => u64::try_from(numbers.len()).ok(),
            _ => None,
        }
    }
}

/// Reads the header of a file of `length` bytes and checks that the weights it announces are there.
pub(super) fn header<R: Read + Seek>(
    reader: BufReader<R>,
    length: u64,
) -> Result<Header, GgufFault> {
    let mut file = Bytes {
        reader,
        position: 0,
        length,
        kept: 0,
    };
    check_magic(&mut file)?;
    let version = file.u32()?;
    if !matches!(version, 2 | 3) {
        return Err(GgufFault::Version(version));
    }
    let tensors = at_most("tensors", file.u64()?, MAX_TENSORS)?;
    let entry_count = at_most("metadata entries", file.u64()?, MAX_ENTRIES)?;
    let mut entries = BTreeMap::new();
    for _ in 0..entry_count {
        let key = file
            .text(MAX_KEY)?
            .ok_or_else(|| GgufFault::Absurd("a metadata key is too long".into()))?;
        let kind = file.u32()?;
        let value = file.value(kind)?;
        entries.insert(key, value);
    }
    let mut header = Header {
        version,
        tensors: Vec::new(),
        parameters: 0,
        file_bytes: length,
        has_embedding: false,
        entries,
    };
    let mut weights_end = 0;
    for _ in 0..tensors {
        let (tensor, elements, end) = file.tensor()?;
        header.parameters = header.parameters.saturating_add(elements);
        header.has_embedding |= tensor.name.starts_with("token_embd.");
        weights_end = weights_end.max(end);
        header.tensors.push(tensor);
    }
    let alignment = header.number("general.alignment").unwrap_or(32);
    if !alignment.is_power_of_two() || alignment > 1 << 20 {
        return Err(GgufFault::Absurd(format!(
            "it claims an alignment of {alignment}"
        )));
    }
    let needed = file
        .position
        .next_multiple_of(alignment)
        .saturating_add(weights_end);
    if tensors > 0 && needed > length {
        return Err(GgufFault::Truncated {
            needed,
            present: length,
        });
    }
    Ok(header)
}

fn check_magic<R: Read + Seek>(file: &mut Bytes<R>) -> Result<(), GgufFault> {
    if file.length < 4 {
        return Err(GgufFault::NotGguf(if file.length == 0 {
            ": it is empty"
        } else {
            ""
        }));
    }
    match &file.array::<4>()? {
        b"GGUF" => Ok(()),
        b"vers" => Err(GgufFault::NotGguf(
            " but a Git LFS pointer: fetch the file itself with `git lfs pull`",
        )),
        b"PK\x03\x04" => Err(GgufFault::NotGguf(" but a PyTorch file: convert it first")),
        b"ggml" | b"ggjt" | b"lmgg" | b"tjgg" => Err(GgufFault::NotGguf(
            " but its predecessor GGML: convert the model again",
        )),
        // A safetensors file begins with the length of its header, which is less than 4 GiB, and a brace.
        _ if file.array::<5>().is_ok_and(|bytes| bytes == *b"\0\0\0\0{") => Err(
            GgufFault::NotGguf(" but a safetensors file: convert it first"),
        ),
        _ => Err(GgufFault::NotGguf("")),
    }
}

fn at_most(what: &str, claimed: u64, limit: u64) -> Result<u64, GgufFault> {
    if claimed > limit {
        Err(GgufFault::Absurd(format!("it claims {claimed} {what}")))
    } else {
        Ok(claimed)
    }
}

/// A tensor by its description; its weights are not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    /// Weights in a row: its first dimension, as GGUF counts them.
    pub(crate) row: u64,
    /// Whether it has more dimensions than one.
    pub(crate) is_matrix: bool,
    /// Its type, by ggml's numbers.
    pub(crate) kind: u32,
}

impl Tensor {
    /// Whether groups of its weights share a scale.
    pub(crate) fn is_quantised(&self) -> bool {
        !matches!(self.kind, 0 | 1 | 24..=28 | 30)
    }

    /// Its type as ggml names it.
    pub(crate) fn type_name(&self) -> String {
        let name = match self.kind {
            0 => "F32",
            1 => "F16",
            2 => "Q4_0",
            3 => "Q4_1",
            6 => "Q5_0",
            7 => "Q5_1",
            8 => "Q8_0",
            10 => "Q2_K",
            11 => "Q3_K",
            12 => "Q4_K",
            13 => "Q5_K",
            14 => "Q6_K",
            20 => "IQ4_NL",
            30 => "BF16",
            other => return format!("ggml's type {other}"),
        };
        name.to_owned()
    }
}

/// The file as a stream that never reads beyond its known length. Invariant: `position <= length`.
struct Bytes<R> {
    reader: BufReader<R>,
    position: u64,
    length: u64,
    kept: u64,
}

impl<R: Read + Seek> Bytes<R> {
    /// Reserves the next bytes, or says that they are not there.
    fn advance(&mut self, bytes: u64) -> Result<(), GgufFault> {
        let needed = self.position.saturating_add(bytes);
        if needed > self.length {
            return Err(GgufFault::Truncated {
                needed,
                present: self.length,
            });
        }
        self.position = needed;
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), GgufFault> {
        self.reader
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                // The file became shorter while it was read.
                ErrorKind::UnexpectedEof => GgufFault::Truncated {
                    needed: self.position,
                    present: self.length,
                },
                _ => GgufFault::Unreadable(error),
            })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufFault> {
        self.advance(N as u64)?;
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), GgufFault> {
        self.advance(bytes)?;
        let offset =
            i64::try_from(bytes).map_err(|_| GgufFault::Absurd("a value is too long".into()))?;
        self.reader
            .seek_relative(offset)
            .map_err(GgufFault::Unreadable)
    }

    fn u32(&mut self) -> Result<u32, GgufFault> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, GgufFault> {
        self.array().map(u64::from_le_bytes)
    }

    /// A text of at most `limit` bytes; a longer one is skipped. What is not UTF-8 in it is replaced.
    fn text(&mut self, limit: u64) -> Result<Option<String>, GgufFault> {
        let length = self.u64()?;
        if length > limit {
            self.skip(length)?;
            return Ok(None);
        }
        self.advance(length)?;
        self.kept = self.kept.saturating_add(length);
        at_most("bytes of text", self.kept, MAX_KEPT)?;
        // Bounded by `limit` and by what the file holds.
        let mut bytes = vec![
            0;
            usize::try_from(length)
                .map_err(|_| GgufFault::Absurd("a text is too long".into()))?
        ];
        self.fill(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn value(&mut self, kind: u32) -> Result<Value, GgufFault> {
        match kind {
            TEXT => Ok(self.text(MAX_TEXT)?.map_or(Value::Other, Value::Text)),
            LIST => self.list(),
            kind => self.number(kind),
        }
    }

    fn number(&mut self, kind: u32) -> Result<Value, GgufFault> {
        let signed = |number: i64| u64::try_from(number).map_or(Value::Other, Value::Number);
        Ok(match kind {
            0 => Value::Number(u8::from_le_bytes(self.array()?).into()),
            1 => signed(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Number(u16::from_le_bytes(self.array()?).into()),
            3 => signed(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Number(self.u32()?.into()),
            5 => signed(i32::from_le_bytes(self.array()?).into()),
            10 => Value::Number(self.u64()?),
            11 => signed(i64::from_le_bytes(self.array()?)),
            kind => {
                self.skip(width(kind)?)?;
                Value::Other
            }
        })
    }

    fn list(&mut self) -> Result<Value, GgufFault> {
        let kind = self.u32()?;
        let count = self.u64()?;
        if kind == TEXT {
            // Each text takes eight bytes at least, so the loop ends with the file at the latest.
            for _ in 0..count {
                let length = self.u64()?;
                self.skip(length)?;
            }
            return Ok(Value::List(count));
        }
        let width = width(kind)?;
        if count > MAX_NUMBERS {
            let bytes = count
                .checked_mul(width)
                .ok_or_else(|| GgufFault::Absurd(format!("it claims a list of {count}")))?;
            self.skip(bytes)?;
            return Ok(Value::List(count));
        }
        let mut numbers = Vec::new();
        for _ in 0..count {
            if let Value::Number(number) = self.number(kind)? {
                numbers.push(number);
            }
        }
        Ok(if numbers.len() as u64 == count {
            Value::Numbers(numbers)
        } else {
            Value::List(count)
        })
    }

    /// A tensor, how many weights it has, and where they end, counted from the first tensor's beginning.
    fn tensor(&mut self) -> Result<(Tensor, u64, u64), GgufFault> {
        let damaged = |what: &str| GgufFault::Absurd(format!("a tensor's {what}"));
        let name = self
            .text(MAX_NAME)?
            .ok_or_else(|| damaged("name is too long"))?;
        let dimensions = self.u32()?;
        if dimensions > 4 {
            return Err(damaged("shape has more than four dimensions"));
        }
        let (mut elements, mut row): (u64, u64) = (1, 1);
        for dimension in 0..dimensions {
            let size = self.u64()?;
            if dimension == 0 {
                row = size;
            }
            elements = elements
                .checked_mul(size)
                .ok_or_else(|| damaged("shape is too large"))?;
        }
        let kind = self.u32()?;
        let offset = self.u64()?;
        let end = offset
            .checked_add(tensor_bytes(kind, elements))
            .ok_or_else(|| damaged("place lies beyond any file"))?;
        let tensor = Tensor {
            name,
            row,
            is_matrix: dimensions > 1,
            kind,
        };
        Ok((tensor, elements, end))
    }
}

const TEXT: u32 = 8;
const LIST: u32 = 9;

/// Bytes of one value of a kind with a fixed width.
fn width(kind: u32) -> Result<u64, GgufFault> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        kind => Err(GgufFault::Absurd(format!(
            "it has a value of unknown kind {kind}"
        ))),
    }
}

/// Bytes of a tensor, by ggml's table of types: elements in a block and bytes of it. 0 for types that we do not know,
/// which may be newer than this table; llama.cpp decides on those.
fn tensor_bytes(kind: u32, elements: u64) -> u64 {
    let (block, bytes) = match kind {
        0 | 26 => (1, 4),      // f32, i32
        1 | 25 | 30 => (1, 2), // f16, i16, bf16
        24 => (1, 1),          // i8
        27 | 28 => (1, 8),     // i64, f64
        2 | 20 => (32, 18),    // q4_0, iq4_nl
        3 => (32, 20),         // q4_1
        6 => (32, 22),         // q5_0
        7 => (32, 24),         // q5_1
        8 => (32, 34),         // q8_0
        9 => (32, 36),         // q8_1
        10 => (256, 84),       // q2_K
        11 | 21 => (256, 110), // q3_K, iq3_s
        12 => (256, 144),      // q4_K
        13 => (256, 176),      // q5_K
        14 => (256, 210),      // q6_K
        15 => (256, 292),      // q8_K
        16 | 35 => (256, 66),  // iq2_xxs, tq2_0
        17 => (256, 74),       // iq2_xs
        18 => (256, 98),       // iq3_xxs
        19 => (256, 50),       // iq1_s
        22 => (256, 82),       // iq2_s
        23 => (256, 136),      // iq4_xs
        29 => (256, 56),       // iq1_m
        34 => (256, 54),       // tq1_0
        39 => (32, 17),        // mxfp4
        40 => (64, 36),        // nvfp4
        41 => (128, 18),       // q1_0
        42 => (64, 18),        // q2_0
        _ => return 0,
    };
    elements.div_ceil(block).saturating_mul(bytes)
}
