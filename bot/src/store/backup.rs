//! Backups: all records as they were at one moment, in one file that can tell whether it is whole. They need no database to be read.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::frame::{self, FrameError, Frames};
use super::key::Key;
use crate::clock::now_ms;

const TITLE: &str = "chatfriends backup 1\n";
const SUFFIX: &str = "backup";
const UNFINISHED: &str = "unfinished";
/// How long backups are kept. What was forgotten lies in none any more after this and the [`EVERY`] of the next.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The time from one to the next.
pub(super) const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Records with what stands there.
pub(super) type Page = Vec<(Key, Vec<u8>)>;

#[derive(Debug, Serialize, Deserialize)]
enum Part {
    Begins(Header),
    Records(Page),
    Ends { records: u64 },
}

/// What a backup is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// The last commit that it holds.
    pub(super) number: u64,
    /// When it was made, milliseconds since 1970.
    pub(super) made_ms: u64,
}

/// Why a file is no backup that could be restored.
#[derive(Debug, thiserror::Error)]
pub(super) enum BackupError {
    /// Not as it was written.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Frames that do not follow each other as they should.
    #[error("it does not end as a backup does")]
    Unfinished,
}

/// Writes a backup and reads it again before it gets its name; no half one ever stands at `path`.
///
/// # Errors
/// Those of the pages, and those of the disk.
pub(super) fn write<E: From<io::Error>>(
    path: &Path,
    header: Header,
    pages: impl Iterator<Item = Result<Page, E>>,
) -> Result<(), E> {
    let unfinished = path.with_extension(UNFINISHED);
    let written = write_parts(&unfinished, header, pages).and_then(|()| {
        let whole = verify(&unfinished).map_err(io::Error::other)?;
        if whole != header {
            return Err(io::Error::other("a backup was not written as it should be").into());
        }
        fs::rename(&unfinished, path)?;
        if let Some(folder) = path.parent() {
            super::sync_folder(folder)?;
        }
        Ok(())
    });
    if written.is_err() {
        // The error is what matters, and what is left over is removed by the next one.
        drop(fs::remove_file(&unfinished));
    }
    written
}

fn write_parts<E: From<io::Error>>(
    path: &Path,
    header: Header,
    pages: impl Iterator<Item = Result<Page, E>>,
) -> Result<(), E> {
    let mut file = BufWriter::new(frame::begin(path, TITLE)?);
    let mut records = 0;
    file.write_all(&frame::frame(&Part::Begins(header))?)?;
    for page in pages {
        let page = page?;
        records += page.len() as u64;
        file.write_all(&frame::frame(&Part::Records(page))?)?;
    }
    file.write_all(&frame::frame(&Part::Ends { records })?)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(())
}

/// Reads a backup to its end without keeping anything.
pub(super) fn verify(path: &Path) -> Result<Header, BackupError> {
    read::<BackupError>(path, |_| Ok(()))
}

/// What a backup says it is of; whether it is whole is not looked at.
pub(super) fn header(path: &Path) -> Result<Header, BackupError> {
    match Frames::open(path, TITLE)?.next().transpose()? {
        Some(Part::Begins(header)) => Ok(header),
        _ => Err(BackupError::Unfinished),
    }
}

/// Reads a backup, page by page. One that is not whole is found out at its end only: [`verify`] it first.
///
/// # Errors
/// Those of `take`, and those of the file.
pub(super) fn read<E: From<BackupError>>(
    path: &Path,
    mut take: impl FnMut(Page) -> Result<(), E>,
) -> Result<Header, E> {
    let mut parts = Frames::open(path, TITLE).map_err(BackupError::from)?;
    let mut next = || parts.next().transpose().map_err(BackupError::from);
    let Some(Part::Begins(header)) = next()? else {
        return Err(BackupError::Unfinished.into());
    };
    let mut count = 0;
    loop {
        match next()? {
            Some(Part::Records(page)) => {
                count += page.len() as u64;
                take(page)?;
            }
            Some(Part::Ends { records }) if records == count && next()?.is_none() => {
                return Ok(header);
            }
            _ => return Err(BackupError::Unfinished.into()),
        }
    }
}

/// Copies a backup to `to`, whole or not at all.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let unfinished = to.with_extension(UNFINISHED);
    fs::copy(from, &unfinished)?;
    File::open(&unfinished)?.sync_all()?;
    fs::rename(&unfinished, to)?;
    match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => super::sync_folder(folder),
        _ => super::sync_folder(Path::new(".")),
    }
}

/// A backup in the store's folder of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// The file.
    pub(super) path: PathBuf,
    /// What it says.
    pub(super) header: Header,
}

/// The backups in a folder, newest first. Files that do not begin as one are passed over.
pub(super) fn all(folder: &Path) -> io::Result<Vec<Kept>> {
    let mut all = Vec::new();
    for path in super::paths_in(folder)? {
        if path.extension().is_some_and(|it| it == SUFFIX)
            && let Ok(header) = header(&path)
        {
            all.push(Kept { path, header });
        }
    }
    all.sort_by_key(|kept| std::cmp::Reverse((kept.header.number, kept.header.made_ms)));
    Ok(all)
}

/// Where a backup that is made now is kept, by its time and its number.
pub(super) fn name(folder: &Path, header: Header) -> PathBuf {
    folder.join(format!(
        "{}-{}.{SUFFIX}",
        time_for_names(header.made_ms),
        header.number
    ))
}

/// A moment (UTC) for names of files: `2026-01-31T12-00-00Z`.
pub(super) fn time_for_names(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .map_or_else(
            || ms.to_string(),
            |time| time.format("%Y-%m-%dT%H-%M-%SZ").to_string(),
        )
}

/// Removes the backups that are too old, and of several of a day all but the newest two; the newest stays in any case.
pub(super) fn prune(folder: &Path) -> io::Result<()> {
    let now = now_ms();
    let mut days = Vec::new();
    for (place, kept) in all(folder)?.into_iter().enumerate() {
        let age = now.saturating_sub(kept.header.made_ms);
        let day = age / EVERY.as_millis() as u64;
        let is_old = age > KEPT.as_millis() as u64;
        if (place >= 1 && is_old) || (place >= 2 && days.contains(&day)) {
            fs::remove_file(&kept.path)?;
        }
        days.push(day);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Backups made so many days ago, and which of them are left.
    fn left(days: &[u64]) -> Vec<u64> {
        let folder = tempfile::tempdir().unwrap();
        let now = now_ms();
        for (age, days) in days.iter().enumerate() {
            let header = Header {
                number: 100 - age as u64,
                made_ms: now - days * EVERY.as_millis() as u64 - 1_000 * age as u64,
            };
            let nothing = std::iter::empty::<Result<Page, io::Error>>();
            write(&name(folder.path(), header), header, nothing).unwrap();
        }
        prune(folder.path()).unwrap();
        let all = all(folder.path()).unwrap();
        all.iter().map(|kept| 100 - kept.header.number).collect()
    }

    #[test]
    fn a_week_is_kept_a_day_each() {
        assert_eq!(
            left(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 30]),
            [0, 1, 2, 3, 4, 5, 6]
        );
        // Of a day, two: one of them may be damaged.
        assert_eq!(left(&[0, 0, 0, 1, 1]), [0, 1, 3]);
        // What was forgotten may be in all but the newest.
        assert_eq!(left(&[9, 10, 11]), [0]);
    }
}
