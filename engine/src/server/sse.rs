//! Server-sent events: bytes in, the data of each event out. It knows nothing of HTTP or of what the data means.

/// Longer lines than this are no answer of a model server.
const MAX_LINE: usize = 4 << 20;

/// Collects bytes, split anywhere, and gives out events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Option<String>,
    ready: std::collections::VecDeque<String>,
}

/// The stream is not server-sent events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineTooLong;

impl Events {
    /// Adds what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), LineTooLong> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > MAX_LINE {
                return Err(LineTooLong);
            }
            if self.line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take_line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
            }
        }
        Ok(())
    }

    /// The data of the next whole event.
    pub(crate) fn next(&mut self) -> Option<String> {
        self.ready.pop_front()
    }

    fn take_line(&mut self, line: &str) {
        if line.is_empty() {
            self.ready.extend(self.data.take());
            return;
        }
        // Comments begin with a colon; names and ids of events say nothing to us.
        let Some(value) = line.strip_prefix("data:") else {
            return;
        };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": ping\r\n\r\nevent: x\r\ndata: {\"한\":1}\r\n\r\ndata:a\ndata: b\n\nid: 3\n\ndata: [DONE]\n\n";

    #[test]
    fn events_survive_a_split_at_any_byte() {
        for size in 1..=STREAM.len() {
            let mut events = Events::default();
            let mut found = Vec::new();
            for piece in STREAM.as_bytes().chunks(size) {
                events.push(piece).unwrap();
                found.extend(std::iter::from_fn(|| events.next()));
            }
            assert_eq!(found, ["{\"한\":1}", "a\nb", "[DONE]"], "pieces of {size}");
        }
    }

    #[test]
    fn an_endless_line_is_not_collected() {
        let mut events = Events::default();
        let mut pushed = Ok(());
        for _ in 0..5 {
            pushed = pushed.and_then(|()| events.push(&vec![b'x'; 1 << 20]));
        }
        assert_eq!(pushed, Err(LineTooLong));
    }
}
