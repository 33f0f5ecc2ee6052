//! Files that are written from front to back: a title that says what they are, then frames, each with its length and its checksum. A frame that
//! was not written to its end, or was altered since, is found out.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::marker::PhantomData;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before a frame's content: its length and its checksum (CRC-32), both little-endian.
const HEAD: usize = 8;

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// The file is of another kind, or of a later version.
    #[error("it does not begin with {title:?}")]
    Stranger {
        /// How it would begin.
        title: &'static str,
    },
    /// It breaks off, or its bytes are not those that were written.
    #[error("it is cut off or altered behind byte {at}")]
    Torn {
        /// As far as it is whole, bytes.
        at: u64,
    },
    /// What the system says.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A value as a frame.
///
/// # Errors
/// When it takes more than 4 GiB.
pub(super) fn frame<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let content = postcard::to_stdvec(value).map_err(io::Error::other)?;
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(HEAD + content.len());
    frame.extend(length.to_le_bytes());
    frame.extend(crc32fast::hash(&content).to_le_bytes());
    frame.extend(content);
    Ok(frame)
}

/// Begins such a file at `path`; one that stands there is replaced.
pub(super) fn begin(path: &Path, title: &str) -> io::Result<File> {
    let mut file = File::create(path)?;
    file.write_all(title.as_bytes())?;
    Ok(file)
}

/// The frames of a file, one after the other. The first that cannot be read is the last.
pub(super) struct Frames<T> {
    file: BufReader<File>,
    /// Bytes behind what was read.
    left: u64,
    /// Bytes that were read and are whole.
    whole: u64,
    ended: bool,
    content: PhantomData<T>,
}

impl<T: DeserializeOwned> Frames<T> {
    /// Opens a file that begins with `title`.
    ///
    /// # Errors
    /// [`FrameError::Stranger`] when it does not, and [`FrameError::Io`].
    pub(super) fn open(path: &Path, title: &'static str) -> Result<Self, FrameError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut file = BufReader::new(file);
        let mut begins = vec![
            0;
            title
                .len()
                .min(usize::try_from(length).unwrap_or(usize::MAX))
        ];
        file.read_exact(&mut begins)?;
        if begins != title.as_bytes() {
            return Err(FrameError::Stranger { title });
        }
        let whole = title.len() as u64;
        Ok(Self {
            file,
            left: length - whole,
            whole,
            ended: false,
            content: PhantomData,
        })
    }

    fn read(&mut self) -> Result<Option<T>, FrameError> {
        if self.left == 0 {
            return Ok(None);
        }
        let torn = FrameError::Torn { at: self.whole };
        if self.left < HEAD as u64 {
            return Err(torn);
        }
        let mut word = || -> io::Result<u32> {
            let mut bytes = [0; HEAD / 2];
            self.file.read_exact(&mut bytes)?;
            Ok(u32::from_le_bytes(bytes))
        };
        let (length, checksum) = (word()?, word()?);
        self.left -= HEAD as u64;
        // A length that was altered must not reserve memory for what is not there.
        if u64::from(length) > self.left {
            return Err(torn);
        }
        let mut content = vec![0; length as usize];
        self.file.read_exact(&mut content)?;
        self.left -= u64::from(length);
        if crc32fast::hash(&content) != checksum {
            return Err(torn);
        }
        let value = postcard::from_bytes(&content).map_err(|_| torn)?;
        self.whole += HEAD as u64 + u64::from(length);
        Ok(Some(value))
    }
}

impl<T: DeserializeOwned> Iterator for Frames<T> {
    type Item = Result<T, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TITLE: &str = "frames of a test\n";

    fn read(path: &Path) -> (Vec<String>, bool) {
        let mut texts = Vec::new();
        let Ok(frames) = Frames::<String>::open(path, TITLE) else {
            return (texts, false);
        };
        for text in frames {
            match text {
                Ok(text) => texts.push(text),
                Err(_) => return (texts, false),
            }
        }
        (texts, true)
    }

    /// Every cut and every altered byte: what is read is a beginning of what was written, and only a cut between two frames goes unnoticed.
    #[test]
    fn what_is_not_as_it_was_written_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let texts = ["하나", "", "three"].map(str::to_owned);
        let mut file = begin(&path, TITLE).unwrap();
        let mut ends = vec![TITLE.len()];
        for text in &texts {
            let frame = frame(text).unwrap();
            file.write_all(&frame).unwrap();
            ends.push(ends[ends.len() - 1] + frame.len());
        }
        assert_eq!(read(&path), (texts.to_vec(), true));
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            fs::write(&path, &whole[..at]).unwrap();
            let (found, sound) = read(&path);
            assert!(texts.starts_with(&found), "cut at {at}: {found:?}");
            assert_eq!(sound, ends.contains(&at), "cut at {at}");
            for flip in [1, 0x80, 0xff] {
                let mut altered = whole.clone();
                altered[at] ^= flip;
                fs::write(&path, altered).unwrap();
                let (found, sound) = read(&path);
                assert!(
                    !sound && texts.starts_with(&found),
                    "byte {at} altered: {found:?}"
                );
            }
        }
    }
}
