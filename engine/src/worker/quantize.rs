//! Makes a model file smaller: which types there are, what may go in, what came out. llama.cpp does the arithmetic.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[cfg(feature = "llama")]
use crate::gguf;
use crate::gguf::Tensor;

/// How the weights of a file are stored, by llama.cpp's names. The letters after K-quants say how many of the tensors that matter
/// most get more bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "llama.cpp's names; the table of names below says all there is"
)]
pub enum Quantization {
    F32,
    F16,
    Bf16,
    Q8_0,
    Q6K,
    Q5KM,
    Q5KS,
    Q4KM,
    Q4KS,
    Q3KM,
}

/// Every type by its name, largest first.
const NAMES: [(&str, Quantization); 10] = [
    ("F32", Quantization::F32),
    ("F16", Quantization::F16),
    ("BF16", Quantization::Bf16),
    ("Q8_0", Quantization::Q8_0),
    ("Q6_K", Quantization::Q6K),
    ("Q5_K_M", Quantization::Q5KM),
    ("Q5_K_S", Quantization::Q5KS),
    ("Q4_K_M", Quantization::Q4KM),
    ("Q4_K_S", Quantization::Q4KS),
    ("Q3_K_M", Quantization::Q3KM),
];

impl Quantization {
    /// Weights that share a scale, and by whose number a row must be divisible.
    fn block(self) -> u64 {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            Self::Q8_0 => 32,
            Self::Q6K | Self::Q5KM | Self::Q5KS | Self::Q4KM | Self::Q4KS | Self::Q3KM => 256,
        }
    }
}

impl fmt::Display for Quantization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, it)| it == self);
        formatter.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Quantization {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, it)| *it).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("there is no type {text:?}, only {}", names.join(", "))
        })
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    output: PathBuf,
    bytes_before: u64,
    bytes_after: u64,
    tensors: usize,
    fallen_back: Vec<Tensor>,
    quantization: Quantization,
}

/// The file that is written until it is whole.
pub(super) fn partial(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Writes a model in another type: beside its name, and renamed when it is whole. The error is a sentence for the operator.
#[cfg(feature = "llama")]
pub(super) fn quantize(
    input: &Path,
    output: &Path,
    quantization: Quantization,
) -> Result<Written, String> {
    let before = gguf::inspect(input).map_err(|error| error.to_string())?;
    before.check_model().map_err(|error| error.to_string())?;
    check(
        input,
        &gguf::tensors(input).map_err(|error| error.to_string())?,
    )?;
    if output.is_dir() {
        return Err(format!("{} is a folder: name a file", output.display()));
    }
    let same_file = |path: &Path| std::fs::canonicalize(path).ok();
    if same_file(output).is_some() && same_file(output) == same_file(input) {
        return Err(format!(
            "{} would be written over itself: name another file",
            input.display()
        ));
    }
    let partial = partial(output);
    let written = write(input, &partial, quantization);
    let written = written.and_then(|after| {
        std::fs::rename(&partial, output)
            .map_err(|error| format!("{} cannot be written: {error}", output.display()))?;
        Ok(after)
    });
    let (bytes_after, tensors) = written.inspect_err(|_| {
        // What is left of it is of no use; if it cannot be removed, the next attempt writes over it.
        std::fs::remove_file(&partial).ok();
    })?;
    Ok(Written {
        output: output.to_owned(),
        bytes_before: before.file_bytes,
        bytes_after,
        tensors: tensors.len(),
        fallen_back: fallen_back(tensors, quantization),
        quantization,
    })
}

/// Writes the file and reads its header again, so that a disk that filled up unnoticed is noticed.
#[cfg(feature = "llama")]
fn write(
    input: &Path,
    partial: &Path,
    quantization: Quantization,
) -> Result<(u64, Vec<Tensor>), String> {
    // llama.cpp ends the process where it cannot open the file.
    std::fs::File::create(partial)
        .map_err(|error| format!("{} cannot be written: {error}", partial.display()))?;
    super::llama::quantize(input, partial, quantization, super::machine::threads())?;
    let after = gguf::inspect(partial).map_err(|error| error.to_string())?;
    let tensors = gguf::tensors(partial).map_err(|error| error.to_string())?;
    std::fs::File::open(partial)
        .and_then(|file| file.sync_all())
        .map_err(|error| format!("{} cannot be written: {error}", partial.display()))?;
    Ok((after.file_bytes, tensors))
}

/// Refuses weights that were quantised before: each time adds its own error, and llama.cpp refuses too.
fn check(input: &Path, tensors: &[Tensor]) -> Result<(), String> {
    match tensors.iter().find(|tensor| tensor.is_quantised()) {
        None => Ok(()),
        Some(tensor) => Err(format!(
            "{} is quantised already ({} is {}): take the F16 or BF16 file that it was made from",
            input.display(),
            tensor.name,
            tensor.type_name()
        )),
    }
}

/// Tensors whose rows cannot be cut into the type's blocks; llama.cpp gives them a type of smaller blocks, or F16.
fn fallen_back(tensors: Vec<Tensor>, quantization: Quantization) -> Vec<Tensor> {
    let block = quantization.block();
    // What is never quantised (norms, positions, small convolutions) stays F32 or has one dimension. Position embeddings may be F16.
    let might_be = |tensor: &Tensor| {
        tensor.is_matrix
            && tensor.name.ends_with(".weight")
            && !tensor.name.contains("position_embd")
    };
    tensors
        .into_iter()
        .filter(|tensor| {
            might_be(tensor)
                && !tensor.row.is_multiple_of(block)
                && (tensor.is_quantised() || tensor.type_name() == "F16")
        })
        .collect()
}

impl fmt::Display for Written {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        writeln!(
            formatter,
            "{}: {}, {:.1} MB before, {:.1} MB after",
            self.output.display(),
            self.quantization,
            megabytes(self.bytes_before),
            megabytes(self.bytes_after)
        )?;
        if self.fallen_back.is_empty() {
            return Ok(());
        }
        writeln!(
            formatter,
            "{} of {} tensors have rows that are no multiple of {}, and got another type:",
            self.fallen_back.len(),
            self.tensors,
            self.quantization.block()
        )?;
        for tensor in &self.fallen_back {
            writeln!(
                formatter,
                "  {} (rows of {}): {}",
                tensor.name,
                tensor.row,
                tensor.type_name()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, row: u64, kind: u32) -> Tensor {
        Tensor {
            name: name.into(),
            row,
            is_matrix: true,
            kind,
        }
    }

    #[test]
    fn types_are_read_in_any_case_and_others_are_refused_with_the_list() {
        for (name, quantization) in NAMES {
            assert_eq!(name.parse(), Ok(quantization));
            assert_eq!(name.to_lowercase().parse(), Ok(quantization));
            assert_eq!(quantization.to_string(), name);
        }
        let error = "q9".parse::<Quantization>().unwrap_err();
        assert!(
            error.contains("\"q9\"") && error.contains("Q4_K_M"),
            "{error}"
        );
    }

    #[test]
    fn quantised_weights_are_refused_with_a_remedy() {
        let path = Path::new("small.gguf");
        assert_eq!(check(path, &[tensor("output.weight", 256, 1)]), Ok(()));
        let error = check(path, &[tensor("output.weight", 256, 12)]).unwrap_err();
        for part in ["small.gguf", "output.weight is Q4_K", "take the F16"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn only_what_does_not_fit_the_blocks_has_fallen_back() {
        let tensors = || {
            vec![
                tensor("blk.0.attn_q.weight", 320, 6),
                tensor("blk.0.attn_k.weight", 512, 12),
                tensor("blk.0.ffn_up.weight", 40, 1),
                // A small convolution stays as it is.
                tensor("blk.0.ssm_conv1d.weight", 4, 0),
                tensor("position_embd.weight", 320, 1),
            ]
        };
        let names = |quantization| {
            let fallen = fallen_back(tensors(), quantization);
            fallen.into_iter().map(|it| it.name).collect::<Vec<_>>()
        };
        let (query, up) = ("blk.0.attn_q.weight", "blk.0.ffn_up.weight");
        assert_eq!(names(Quantization::Q4KM), [query, up]);
        assert_eq!(names(Quantization::Q8_0), [up]);
        assert!(names(Quantization::F16).is_empty());
    }
}
