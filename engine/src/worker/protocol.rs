//! What daemon and worker say to each other, and how it is put on the pipe: frames of a length (u32, little-endian) and JSON.
//! Both ends are the same program, so nothing here is kept compatible: a different version is refused in the handshake.

use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::settings::WorkerSettings;
use crate::generate::{ChatKey, EngineError, Event, Model, Request, Shortage};

/// Raised with every change of the messages below.
pub(crate) const VERSION: u32 = 4;

/// No honest message is longer; a length beyond it means that the stream is not ours.
pub(crate) const MAX_FRAME: usize = 16 << 20;

/// Tells concurrent calls apart; never used twice for one worker.
pub(crate) type CallId = u64;

/// From the daemon to the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Command {
    /// The first message: load this. Of the memory that the system counts as free, other workers have mapped `mapped` bytes.
    Hello {
        version: u32,
        settings: WorkerSettings,
        mapped: u64,
    },
    /// Check a template and an adapter.
    Prepare {
        call: CallId,
        template: Option<String>,
        adapter: Option<PathBuf>,
    },
    /// Count tokens.
    Count { call: CallId, texts: Vec<String> },
    /// Begin a reply.
    Generate { call: CallId, request: Box<Request> },
    /// Let go of what was computed for these chats. Has no answer.
    Forget { chats: Vec<ChatKey> },
    /// Nobody listens to this reply any more.
    Cancel { call: CallId },
    /// End.
    Stop,
}

/// From the worker to the daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Report {
    /// The first message.
    Hello { version: u32 },
    /// From now on drivers of devices are asked, which may fail.
    Offloading,
    /// The model is loaded, and takes `needed` bytes of the machine's memory, of which `mapped` are pages of its file, which the system counts
    /// as free.
    Ready {
        needed: u64,
        mapped: u64,
        offloads: bool,
    },
    /// The settings name a device that is not there, though drivers can be asked; the worker ends.
    Misset { reason: String },
    /// The model cannot be loaded, now or later; the worker ends.
    Failed { reason: String },
    /// The model does not fit into the memory that is free; the worker ends.
    NoRoom(Shortage),
    /// Answers `Prepare`.
    Prepared {
        call: CallId,
        outcome: Result<Model, EngineError>,
    },
    /// Answers `Count`.
    Counted {
        call: CallId,
        outcome: Result<Vec<u32>, EngineError>,
    },
    /// Answers `Generate` at once: queued, or why not.
    Accepted {
        call: CallId,
        outcome: Result<(), EngineError>,
    },
    /// Part of an accepted reply; `Done` or an error is its last.
    Event {
        call: CallId,
        event: Result<Event, EngineError>,
    },
}

/// Why the pipe cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The length says more than any message has.
    #[error("a frame of {0} bytes is longer than any message")]
    TooLong(usize),
    /// The other side ended in the middle of a message.
    #[error("the stream ended inside a frame")]
    Truncated,
    /// The content is none of the messages.
    #[error("a frame could not be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// One message as bytes for the pipe.
pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - 4;
    match u32::try_from(length) {
        Ok(header) if length <= MAX_FRAME => frame[..4].copy_from_slice(&header.to_le_bytes()),
        _ => return Err(FrameError::TooLong(length)),
    }
    Ok(frame)
}

/// Collects bytes as they come and gives messages out. It knows nothing of pipes, so both ends and the tests use it alike.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    taken: usize,
}

impl Frames {
    /// Adds what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, if there is one.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let rest = &self.bytes[self.taken..];
        let Some((header, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*header) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length));
        }
        let Some(content) = rest.get(..length) else {
            return Ok(None);
        };
        let message = serde_json::from_slice(content)?;
        self.taken += 4 + length;
        Ok(Some(message))
    }

    /// To be called at the end of the stream: nothing may be left.
    pub(crate) fn finish(&self) -> Result<(), FrameError> {
        if self.taken == self.bytes.len() {
            Ok(())
        } else {
            Err(FrameError::Truncated)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::generate::{
        Finish, FinishReason, Grammar, Message, Role, Sampling, ShareKey, Usage,
    };

    fn request() -> Request {
        Request {
            chat: Some(ChatKey("방/joey".into())),
            whose: Some(ShareKey("윤".into())),
            messages: vec![Message {
                role: Role::User,
                content: "안녕 👋🏽\u{0}".into(),
            }],
            lead: 1,
            template: Some("chatml".into()),
            adapter: Some("/a/b.gguf".into()),
            max_tokens: u32::MAX,
            stop: vec!["\n".into()],
            sampling: Sampling::default(),
            grammar: Some(Grammar::Gbnf("root ::= \"네\"".into())),
            seed: Some(u32::MAX),
            ignore_eos: true,
            background: true,
            deadline: Duration::from_millis(1500),
        }
    }

    fn commands() -> Vec<Command> {
        vec![
            Command::Hello {
                version: VERSION,
                mapped: 4 << 30,
                settings: WorkerSettings::new("m.gguf"),
            },
            Command::Prepare {
                call: 1,
                template: None,
                adapter: Some("x".into()),
            },
            Command::Count {
                call: u64::MAX,
                texts: vec!["가".into(), String::new()],
            },
            Command::Generate {
                call: 2,
                request: Box::new(request()),
            },
            Command::Cancel { call: 2 },
            Command::Forget {
                chats: vec![ChatKey("방".into())],
            },
            Command::Stop,
        ]
    }

    fn read_all<T: DeserializeOwned>(pieces: &[&[u8]]) -> Result<Vec<T>, FrameError> {
        let mut frames = Frames::default();
        let mut messages = Vec::new();
        for piece in pieces {
            frames.push(piece);
            while let Some(message) = frames.next()? {
                messages.push(message);
            }
        }
        frames.finish()?;
        Ok(messages)
    }

    #[test]
    fn reports_survive_the_pipe() {
        let usage = Usage {
            prompt_tokens: 3,
            cached_tokens: 2,
            completion_tokens: 1,
        };
        let done = Event::Done(Finish {
            reason: FinishReason::Deadline,
            usage,
        });
        for report in [
            Report::Hello { version: 7 },
            Report::Offloading,
            Report::Ready {
                needed: 1 << 41,
                mapped: 1 << 40,
                offloads: true,
            },
            Report::Misset {
                reason: "CUDA7".into(),
            },
            Report::Failed {
                reason: "없음".into(),
            },
            Report::NoRoom(Shortage {
                needed: 8 << 30,
                available: 7,
                reason: "8 GiB".into(),
            }),
            Report::Prepared {
                call: 1,
                outcome: Err(EngineError::PromptTooLong {
                    tokens: 9,
                    limit: 8,
                }),
            },
            Report::Counted {
                call: 1,
                outcome: Ok(vec![0, 5]),
            },
            Report::Accepted {
                call: 1,
                outcome: Err(EngineError::Busy),
            },
            Report::Event {
                call: 1,
                event: Ok(Event::Text("한".into())),
            },
            Report::Event {
                call: 1,
                event: Ok(done),
            },
            Report::Event {
                call: 1,
                event: Err(EngineError::Gone("x".into())),
            },
        ] {
            assert_eq!(
                read_all::<Report>(&[&encode(&report).unwrap()]).unwrap(),
                [report]
            );
        }
    }

    proptest! {
        #[test]
        fn commands_survive_any_split_of_the_stream(cuts in prop::collection::vec(1usize..200, 0..60)) {
            let stream: Vec<u8> = commands().iter().flat_map(|command| encode(command).unwrap()).collect();
            let mut rest = stream.as_slice();
            let mut pieces = Vec::new();
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = tail;
            }
            pieces.push(rest);
            prop_assert_eq!(read_all::<Command>(&pieces).unwrap(), commands());
        }

        #[test]
        fn noise_is_an_error_or_nothing_but_never_a_panic(noise in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(read_all::<Command>(&[&noise]).map_or(true, |read| read.is_empty()));
        }
    }

    #[test]
    fn a_cut_frame_is_noticed() {
        let frame = encode(&Command::Stop).unwrap();
        assert!(matches!(
            read_all::<Command>(&[&frame[..frame.len() - 1]]),
            Err(FrameError::Truncated)
        ));
        assert!(matches!(
            read_all::<Command>(&[&frame[..2]]),
            Err(FrameError::Truncated)
        ));
    }

    #[test]
    fn an_oversized_frame_is_refused_before_memory_is_taken() {
        let header = u32::MAX.to_le_bytes();
        assert!(matches!(
            read_all::<Command>(&[&header]),
            Err(FrameError::TooLong(_))
        ));
        let long = Command::Count {
            call: 1,
            texts: vec!["x".repeat(MAX_FRAME)],
        };
        assert!(matches!(encode(&long), Err(FrameError::TooLong(_))));
    }
}
