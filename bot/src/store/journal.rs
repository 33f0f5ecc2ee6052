//! The journal: every commit, in the order in which they were made, on disk before anybody hears of it. The database may lose what it likes as
//! long as the journal reaches back to something that is whole: itself, or a backup.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::frame::{self, FrameError, Frames};
use super::key::Key;

const TITLE: &str = "chatfriends journal 1\n";
const SUFFIX: &str = "journal";

/// What becomes of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// Which.
    pub(super) key: Key,
    /// What stands there afterwards.
    pub(super) becomes: Option<Vec<u8>>,
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Which commit of the store it is, counted from 1.
    pub(super) number: u64,
    /// All that it changes.
    pub(super) changes: Vec<Change>,
}

/// The file that commits are written to, one of a sequence: each begins where the one before ends.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    file: Arc<File>,
    /// Bytes of this file.
    length: u64,
    /// Number of the last commit.
    last: u64,
    /// Bytes written to this file and the ones before since the start.
    written: u64,
}

impl Journal {
    /// Begins a file for the commits after number `last`.
    pub(super) fn begin(folder: &Path, last: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{:020}.{SUFFIX}", last + 1));
        let file = frame::begin(&path, TITLE)?;
        file.sync_all()?;
        super::sync_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            file: Arc::new(file),
            length: TITLE.len() as u64,
            last,
            written: 0,
        })
    }

    /// Number of the last commit.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Bytes written since the start; [`Self::file`] synced makes all of them safe.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// The file that is written to.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Writes a commit behind the others. It is safe when [`Self::file`] is synced.
    ///
    /// # Errors
    /// Then the journal is as it was, or [`Self::take_back`] has failed as well and nothing may be written any more.
    pub(super) fn append(&mut self, changes: Vec<Change>) -> io::Result<Entry> {
        let entry = Entry {
            number: self.last + 1,
            changes,
        };
        let frame = frame::frame(&entry)?;
        (&*self.file).write_all(&frame)?;
        self.length += frame.len() as u64;
        self.written += frame.len() as u64;
        self.last += 1;
        Ok(entry)
    }

    /// Where [`Self::append`] would write.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            length: self.length,
            last: self.last,
        }
    }

    /// Unwrites what stands behind a mark, whole or not.
    pub(super) fn take_back(&mut self, to: Mark) -> io::Result<()> {
        self.file.set_len(to.length)?;
        (&*self.file).seek(SeekFrom::Start(to.length))?;
        (self.length, self.last) = (to.length, to.last);
        Ok(())
    }

    /// Ends this file, safe on disk, and begins the next.
    pub(super) fn turn_page(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        // Without a commit it would be replaced by a file of the same name.
        if self.length > TITLE.len() as u64 {
            let written = self.written;
            *self = Self {
                written,
                ..Self::begin(&self.folder, self.last)?
            };
        }
        Ok(())
    }
}

/// A place in the journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    length: u64,
    last: u64,
}

/// The files of the journal, oldest first, with the number of the first commit that each can hold.
pub(super) fn files(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for path in super::paths_in(folder)? {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if path.extension().is_some_and(|it| it == SUFFIX)
            && let Some(first) = stem.and_then(|stem| stem.parse().ok())
        {
            files.push((first, path));
        }
    }
    files.sort();
    Ok(files)
}

/// Removes the files that hold no commit behind number `last`, but for the newest.
pub(super) fn forget_through(folder: &Path, last: u64) -> io::Result<()> {
    let files = files(folder)?;
    for pair in files.windows(2) {
        // What stands in a file ends where the next begins.
        if pair[1].0 <= last + 1 {
            fs::remove_file(&pair[0].1)?;
        }
    }
    super::sync_folder(folder)
}

/// What the journal still tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// As far as commits follow each other without a gap from the one that was asked for: the last one's number.
    pub(super) reached: u64,
    /// The highest number that is found anywhere in it.
    pub(super) highest: u64,
}

/// Reads the commits behind number `after`, in their order and up to the first that is missing.
///
/// # Errors
/// Those of `apply`, and those of the disk. Damage is none: it ends what can be read, or is gone round when a later file goes on where it is.
pub(super) fn replay<E: From<io::Error>>(
    folder: &Path,
    after: u64,
    mut apply: impl FnMut(Entry) -> Result<(), E>,
) -> Result<Told, E> {
    let mut told = Told {
        reached: after,
        highest: 0,
    };
    for (_, path) in files(folder)? {
        let frames = match Frames::<Entry>::open(&path, TITLE) {
            Ok(frames) => frames,
            Err(FrameError::Io(error)) => return Err(error.into()),
            Err(_) => continue,
        };
        for entry in frames {
            let entry = match entry {
                Ok(entry) => entry,
                Err(FrameError::Io(error)) => return Err(error.into()),
                Err(_) => break,
            };
            told.highest = told.highest.max(entry.number);
            if entry.number == told.reached + 1 {
                told.reached += 1;
                apply(entry)?;
            }
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: u64) -> Vec<Change> {
        vec![Change {
            key: Key::of("test").number(number),
            becomes: (number.is_multiple_of(2)).then(|| number.to_string().into_bytes()),
        }]
    }

    fn read(folder: &Path, after: u64) -> (Vec<u64>, Told) {
        let mut numbers = Vec::new();
        let told = replay::<io::Error>(folder, after, |entry| {
            assert_eq!(entry.changes, change(entry.number));
            numbers.push(entry.number);
            Ok(())
        });
        (numbers, told.unwrap())
    }

    fn append(journal: &mut Journal, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            assert_eq!(journal.append(change(number)).unwrap().number, number);
        }
    }

    #[test]
    fn commits_are_read_from_where_one_likes_over_all_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), 0).unwrap();
        append(&mut journal, 1..=3);
        journal.turn_page().unwrap();
        journal.turn_page().unwrap();
        append(&mut journal, 4..=5);
        let mut journal = Journal::begin(folder.path(), 5).unwrap();
        append(&mut journal, 6..=6);
        let all = Told {
            reached: 6,
            highest: 6,
        };
        assert_eq!(read(folder.path(), 0), ((1..=6).collect(), all));
        assert_eq!(read(folder.path(), 4), (vec![5, 6], all));
        assert_eq!(read(folder.path(), 6), (vec![], all));
        forget_through(folder.path(), 4).unwrap();
        assert_eq!(read(folder.path(), 3), (vec![4, 5, 6], all));
        let gap = Told {
            reached: 2,
            highest: 6,
        };
        assert_eq!(read(folder.path(), 2), (vec![], gap));
        forget_through(folder.path(), 9).unwrap();
        assert_eq!(files(folder.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_commit_that_was_not_written_to_its_end_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), 0).unwrap();
        append(&mut journal, 1..=1);
        let mark = journal.mark();
        append(&mut journal, 2..=2);
        (&*journal.file()).write_all(b"half of an en").unwrap();
        journal.take_back(mark).unwrap();
        append(&mut journal, 2..=3);
        assert_eq!(read(folder.path(), 0).0, [1, 2, 3]);
    }

    #[test]
    fn what_is_torn_is_gone_round_where_the_database_had_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), 0).unwrap();
        append(&mut journal, 1..=3);
        drop(journal);
        let path = &files(folder.path()).unwrap()[0].1;
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
        // The database had the third.
        append(&mut Journal::begin(folder.path(), 3).unwrap(), 4..=4);
        assert_eq!(read(folder.path(), 3).0, [4]);
        let gap = Told {
            reached: 2,
            highest: 4,
        };
        assert_eq!(read(folder.path(), 0), (vec![1, 2], gap));
    }
}
