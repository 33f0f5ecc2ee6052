//! `chatfriends backup`, `chatfriends restore` and `chatfriends healthcheck`: what operators' scripts call, beside a running daemon or without one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::settings::Settings;
use crate::store::disk::DiskStore;

/// Where the running daemon makes a backup when it is asked to.
pub const PATH: &str = "/api/backup";

/// A daemon that does not say within this time whether it is ready, is not.
const PATIENCE: Duration = Duration::from_secs(5);

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Made {
    /// The file's name in the store's folder of backups. The daemon tells nobody what is in it: who may read the folder can.
    pub name: String,
}

/// Makes a backup, and copies it to `to` where that is given.
///
/// # Errors
/// When `to` exists, or the store or the file cannot be read or written.
#[expect(clippy::print_stdout, reason = "the file's name is what was asked for")]
pub async fn back_up(settings: &Settings, to: Option<&Path>) -> Result<(), Failure> {
    if let Some(to) = to
        && to.exists()
    {
        return Err(Failure::Other(anyhow!(
            "{} exists; name another file",
            to.display()
        )));
    }
    let made = if DiskStore::is_in_use(&settings.store_path) {
        ask_daemon(settings).await?
    } else {
        let store = DiskStore::open(&settings.store_path, settings.store_cache_mib).await?;
        store.back_up().await?
    };
    if let Some(to) = to {
        DiskStore::copy_backup(&made, to).await?;
    }
    println!("{}", to.unwrap_or(&made).display());
    Ok(())
}

async fn ask_daemon(settings: &Settings) -> anyhow::Result<PathBuf> {
    let made: Made = local_client()?
        .post(format!("http://{}{PATH}", settings.listen))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .context("the daemon that holds the store makes no backup")?
        .json()
        .await
        .context("the daemon's answer is not understood")?;
    Ok(DiskStore::backups(&settings.store_path).join(made.name))
}

/// Makes `backup` what the store begins with: at once, or, where a daemon runs, when it is started next.
///
/// # Errors
/// When the file is no whole backup, or the store cannot be written.
#[expect(clippy::print_stdout, reason = "what happened must be said")]
pub async fn restore(settings: &Settings, backup: &Path) -> Result<(), Failure> {
    DiskStore::restore_next(&settings.store_path, backup).await?;
    if DiskStore::is_in_use(&settings.store_path) {
        println!(
            "{} takes the store's place when the daemon is started next; restart it.",
            backup.display()
        );
    } else {
        DiskStore::open(&settings.store_path, settings.store_cache_mib).await?;
        println!("{} is restored.", backup.display());
    }
    Ok(())
}

/// Whether the daemon that these settings describe is ready. `false` with a line that says why not.
///
/// # Errors
/// When no HTTP client can be made.
#[expect(clippy::print_stdout, reason = "the answer is what was asked for")]
pub async fn is_healthy(settings: &Settings) -> Result<bool, Failure> {
    let address = format!("http://{}/readyz", settings.listen);
    let asked = local_client()?.get(&address).timeout(PATIENCE).send();
    match asked.await {
        Ok(answer) => {
            let ready = answer.status().is_success();
            println!("{}", answer.text().await.unwrap_or_default().trim());
            Ok(ready)
        }
        Err(_) => {
            println!("nobody answers at {address}");
            Ok(false)
        }
    }
}

/// What goes to this machine must not take the way through a proxy.
pub fn local_client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .context("an HTTP client could not be made")
}
