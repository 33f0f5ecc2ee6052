//! How the program logs: to standard error, and never a secret, whatever library writes it.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;

use tracing_subscriber::fmt::MakeWriter;

use crate::settings::{LogFormat, Secret, Settings};

/// What stands in place of a secret.
const HIDDEN: &str = "(secret)";

/// A shorter text is no secret, and may stand anywhere by chance.
const SHORTEST: usize = 8;

/// Begins to log.
pub fn begin(settings: &Settings, filter: &str) {
    let sink = Sink {
        secrets: settings
            .secrets()
            .into_iter()
            .filter(|secret| secret.reveal().len() >= SHORTEST)
            .collect(),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(sink)
        .with_ansi(io::stderr().is_terminal());
    match settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Standard error without the secrets. The addresses of Telegram's requests hold its token, and errors show addresses.
struct Sink {
    secrets: Arc<[Secret]>,
}

/// Takes one record.
struct Record {
    secrets: Arc<[Secret]>,
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Record;

    fn make_writer(&'a self) -> Record {
        Record {
            secrets: Arc::clone(&self.secrets),
        }
    }
}

impl Write for Record {
    /// Each record comes in one piece.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        io::stderr().write_all(without(&text, &self.secrets).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn without(text: &str, secrets: &[Secret]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| {
        text.replace(secret.reveal(), HIDDEN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let secrets = [Secret::new("1:abc"), Secret::new("key")];
        assert_eq!(
            without("POST http://h/bot1:abc/getMe with \"key\"", &secrets),
            "POST http://h/bot(secret)/getMe with \"(secret)\""
        );
    }
}
