//! What is wrong with a persona's file, said to the one who edits it: where, what, and what may have been meant.

use std::fmt;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file's path, as it is shown to people.
    pub file: String,
    /// The line, counted from 1; absent when the whole file is at fault.
    pub line: Option<usize>,
    /// The key whose value is at fault, where it is one.
    pub key: Option<&'static str>,
    /// A lower-case fragment that quotes the offending value.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}: {}", self.file, self.message),
            None => write!(out, "{}: {}", self.file, self.message),
        }
    }
}

/// Everything that is wrong with one file, in the order of its lines. Shown as one fault a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// All faults of one file, of which there must be at least one.
    pub(crate) fn new(mut faults: Vec<Fault>) -> Self {
        // `None` sorts first: what is wrong with the file as a whole comes before its lines.
        faults.sort_by_key(|fault| fault.line);
        Self(faults)
    }

    /// The fault of a file that could not even be read.
    pub(crate) fn of_file(file: &str, message: String) -> Self {
        Self(vec![Fault {
            file: file.to_owned(),
            line: None,
            key: None,
            message,
        }])
    }

    /// Without those that follow another in the same line. The rest of a broken line is seldom understood.
    pub(crate) fn first_of_each_line(mut self) -> Self {
        self.0.dedup_by_key(|fault| fault.line);
        self
    }

    /// Each fault.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            fault.fmt(out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
