//! Bodies of the kind `multipart/form-data`, as both fakes take them.

use axum::body::Bytes;

pub(crate) struct Part {
    pub(crate) field: String,
    /// The name of a file.
    pub(crate) file: Option<String>,
    pub(crate) bytes: Bytes,
}

/// The parts of a body. Those without a field are left out, and so is what is behind a part that does not end.
pub(crate) fn parts(boundary: &str, body: &Bytes) -> Vec<Part> {
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let mut parts = Vec::new();
    let mut rest = body.clone();
    while let Some(start) = find(&rest, delimiter.as_bytes()) {
        let mut part = rest.split_off(start + delimiter.len());
        let Some(end) = find(&part, format!("\r\n{delimiter}").as_bytes()) else {
            break;
        };
        rest = part.split_off(end);
        let Some(head) = find(&part, b"\r\n\r\n") else {
            continue;
        };
        let bytes = part.split_off(head + 4);
        let head = String::from_utf8_lossy(&part).into_owned();
        let quoted = |key: &str| {
            let (_, value) = head.split_once(&format!("{key}=\""))?;
            value.split_once('"').map(|(value, _)| value.to_owned())
        };
        if let Some(field) = quoted(" name") {
            let file = quoted("filename");
            parts.push(Part { field, file, bytes });
        }
    }
    parts
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
