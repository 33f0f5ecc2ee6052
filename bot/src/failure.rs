//! Why the program ended, as an exit code and a chain of causes. Not for troubles of single messages.

use std::net::SocketAddr;
use std::process::ExitCode;

use crate::settings::SettingsError;
use crate::store::StoreError;

/// Why the program could not start or go on. README.md lists the codes.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Exit code 3.
    #[error("the settings have faults")]
    Settings(#[from] SettingsError),
    /// Exit code 4.
    #[error("the store could not be opened")]
    Store(#[from] StoreError),
    /// Exit code 5.
    #[error(
        "cannot listen on {address}; another program may use it (set web.listen to another port)"
    )]
    Address {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Exit code 1.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// Tells the operator what happened, with every cause, and gives the exit code.
    #[must_use]
    #[expect(
        clippy::print_stderr,
        reason = "logging may not be set up when this is needed"
    )]
    pub fn report(&self) -> ExitCode {
        eprintln!("chatfriends: {self}");
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            eprintln!("  because: {error}");
            cause = error.source();
        }
        ExitCode::from(match self {
            Self::Other(_) => 1,
            Self::Settings(_) => 3,
            Self::Store(_) => 4,
            Self::Address { .. } => 5,
        })
    }
}
