//! `llama_model_quantize`, for which the safe crate has no call. Nothing else stands here: what goes in was checked by `quantize`
//! one level up, and what comes out is looked at there.

#![expect(
    unsafe_code,
    reason = "the one call into llama.cpp that the safe crate lacks; each block says why it is sound"
)]

use std::ffi::CString;
use std::path::Path;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};

use crate::worker::machine;
use crate::worker::quantize::Quantization;

/// Writes `input` as `output` in another type. The input's header has been checked, and its weights are not quantised.
/// llama.cpp says what is wrong in its log; the error here says only that it has.
pub(in crate::worker) fn quantize(
    input: &Path,
    output: &Path,
    quantization: Quantization,
    threads: u32,
) -> Result<(), String> {
    machine::check()?;
    send_logs_to_tracing(LogOptions::default());
    // Alive until the end: it holds ggml's tables, with which weights are converted.
    let _backend =
        LlamaBackend::init().map_err(|error| format!("llama.cpp could not start: {error}"))?;
    let [input_c, output_c] = [input, output].map(|path| {
        let text = path
            .to_str()
            .ok_or_else(|| format!("{} is not a path in UTF-8", path.display()))?;
        CString::new(text).map_err(|_| format!("{} holds a zero byte", path.display()))
    });
    let (input_c, output_c) = (input_c?, output_c?);
    // SAFETY: takes nothing and gives back a plain struct by value.
    let mut params = unsafe { llama_cpp_sys_2::llama_model_quantize_default_params() };
    params.ftype = match quantization {
        Quantization::F32 => llama_cpp_sys_2::LLAMA_FTYPE_ALL_F32,
        Quantization::F16 => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_F16,
        Quantization::Bf16 => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_BF16,
        Quantization::Q8_0 => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q8_0,
        Quantization::Q6K => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q6_K,
        Quantization::Q5KM => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q5_K_M,
        Quantization::Q5KS => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q5_K_S,
        Quantization::Q4KM => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q4_K_M,
        Quantization::Q4KS => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q4_K_S,
        Quantization::Q3KM => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q3_K_M,
    };
    params.nthread = i32::try_from(threads).unwrap_or(1);
    // SAFETY: both paths end with a zero byte and live until the call returns; `params` is complete, since it was llama.cpp's own
    // default, and all pointers in it are null. llama.cpp catches its own exceptions here; an assertion ends this process, which is
    // a child for that reason.
    let status = unsafe {
        llama_cpp_sys_2::llama_model_quantize(
            input_c.as_ptr(),
            output_c.as_ptr(),
            &raw const params,
        )
    };
    if status == 0 {
        return Ok(());
    }
    Err(format!(
        "{}: llama.cpp could not write it in another type; its reason stands above",
        input.display()
    ))
}
