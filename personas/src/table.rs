//! Reads a TOML table key by key, and notes every fault with its line instead of stopping at the first.
//!
//! The keys that are asked for are the keys that exist: there is no second list of them. What a persona's keys mean is `parse.rs`.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use unicode_normalization::UnicodeNormalization;

use crate::fault::{Fault, Faults};
use crate::nearest::nearest;

/// The faults of one file, as they are found.
pub(crate) struct Report<'a> {
    file: &'a str,
    /// Where lines end, in bytes.
    newlines: Vec<usize>,
    /// Filled while tables and values borrow the report.
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let newlines = text
            .bytes()
            .enumerate()
            .filter(|&(_, byte)| byte == b'\n')
            .map(|(place, _)| place)
            .collect();
        Self {
            file,
            newlines,
            faults: RefCell::default(),
        }
    }

    /// Notes a fault of the text at `span`.
    pub(crate) fn add(&self, span: &Range<usize>, message: String) {
        self.note(Some(self.line(span)), None, message);
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let lines_before = self
            .newlines
            .partition_point(|&newline| newline < span.start);
        lines_before + 1
    }

    fn note(&self, line: Option<usize>, key: Option<&'static str>, message: String) {
        self.faults.borrow_mut().push(Fault {
            file: self.file.to_owned(),
            line,
            key,
            message,
        });
    }

    /// Fails when anything was noted.
    pub(crate) fn finish(self) -> Result<(), Faults> {
        let faults = self.faults.into_inner();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Faults::new(faults))
        }
    }
}

/// A table being read. `finish` it, or its unknown keys go unnoticed.
pub(crate) struct Table<'a> {
    entries: &'a DeTable<'a>,
    /// Where the table begins; `None` for the file's own.
    span: Option<Range<usize>>,
    asked: Vec<&'static str>,
    report: &'a Report<'a>,
}

impl<'a> Table<'a> {
    /// The table that the whole file is.
    pub(crate) fn of_file(entries: &'a DeTable<'a>, report: &'a Report<'a>) -> Self {
        Self {
            entries,
            span: None,
            asked: Vec::new(),
            report,
        }
    }

    /// A key that may be absent. `read` notes its own faults and then returns `None`.
    pub(crate) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        self.asked.push(key);
        let value = self.entries.get(key)?;
        read(&Value {
            key,
            entry: false,
            value,
            report: self.report,
        })
    }

    /// A key that must be there. When it is not, or is at fault, a default stands in that nobody sees: the report refuses the file.
    pub(crate) fn required<T: Default>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> T {
        if !self.entries.contains_key(key) {
            let message = format!("{key:?} is missing");
            let line = self.span.as_ref().map(|span| self.report.line(span));
            self.report.note(line, Some(key), message);
        }
        self.optional(key, read).unwrap_or_default()
    }

    /// The keys that `read` asks a table for.
    pub(crate) fn keys_of<T>(read: impl FnOnce(&mut Table<'_>) -> T) -> Vec<&'static str> {
        let (entries, report) = (DeTable::new(), Report::new("", ""));
        let mut table = Table::of_file(&entries, &report);
        read(&mut table);
        table.asked
    }

    /// Notes the keys that nobody asked for.
    pub(crate) fn finish(self) {
        self.finish_beside("", &[]);
    }

    /// The same, for a table beside which there is another one with these keys.
    pub(crate) fn finish_beside(self, other: &str, its_keys: &[&'static str]) {
        for key in self
            .entries
            .keys()
            .filter(|key| !self.asked.contains(&key.get_ref().as_ref()))
        {
            let known = self.asked.iter().chain(its_keys).copied();
            let hint = match nearest(key.get_ref(), known) {
                None => String::new(),
                Some(known) if self.asked.contains(&known) => format!(" (did you mean {known:?}?)"),
                Some(known) => format!(" ({known:?} stands in [{other}])"),
            };
            self.report.add(
                &key.span(),
                format!("unknown key {:?}{hint}", key.get_ref()),
            );
        }
    }
}

/// The value of a key, or an entry of its list.
pub(crate) struct Value<'a> {
    key: &'static str,
    /// Whether it is one of several in the key's list.
    entry: bool,
    value: &'a Spanned<DeValue<'a>>,
    report: &'a Report<'a>,
}

impl<'a> Value<'a> {
    /// Notes a fault of this value; the message goes on after the key's name.
    pub(crate) fn refuse<T>(&self, message: impl AsRef<str>) -> Option<T> {
        let which = if self.entry { "an entry of " } else { "" };
        self.report.note(
            Some(self.report.line(&self.value.span())),
            Some(self.key),
            format!("{which}{:?} {}", self.key, message.as_ref()),
        );
        None
    }

    fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        self.refuse(format!(
            "must be {wanted}, not {}",
            describe(self.value.get_ref())
        ))
    }

    /// A text exactly as it is written, be it white space alone, but not an empty one.
    pub(crate) fn verbatim(&self) -> Option<String> {
        match self.value.get_ref() {
            DeValue::String(text) if text.is_empty() => self.refuse("is empty"),
            DeValue::String(text) => Some(text.clone().into_owned()),
            _ => self.wrong_type("a text"),
        }
    }

    /// A text exactly as it is written, with more than white space in it.
    pub(crate) fn raw(&self) -> Option<String> {
        match self.verbatim()? {
            text if text.trim().is_empty() => self.refuse("is empty"),
            text => Some(text),
        }
    }

    /// A text that people or the model will read: in Unicode's composed form, as they write it themselves, with plain line ends and no
    /// other control characters.
    pub(crate) fn prose(&self) -> Option<String> {
        let text: String = self.raw()?.replace("\r\n", "\n").nfc().collect();
        match text
            .chars()
            .find(|&letter| letter.is_control() && !matches!(letter, '\n' | '\t'))
        {
            Some(letter) => self.refuse(format!(
                "contains the control character U+{:04X}",
                u32::from(letter)
            )),
            None => Some(text),
        }
    }

    /// A number within a range.
    pub(crate) fn number(&self, range: RangeInclusive<f32>) -> Option<f32> {
        let written = match self.value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => return self.wrong_type("a number"),
        };
        // Not a number (`nan`) is outside every range.
        match written.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => self.refuse(out_of(range, self.value.get_ref())),
        }
    }

    /// A whole number within a range.
    pub(crate) fn count(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let DeValue::Integer(number) = self.value.get_ref() else {
            return self.wrong_type("a whole number");
        };
        let written = u32::from_str_radix(number.as_str(), number.radix()).ok();
        match written.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => self.refuse(out_of(range, self.value.get_ref())),
        }
    }

    /// A list of at most `most` entries, each read by `read`.
    pub(crate) fn list<T>(
        &self,
        most: usize,
        read: impl Fn(&Value<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let DeValue::Array(entries) = self.value.get_ref() else {
            return self.wrong_type("a list");
        };
        if entries.len() > most {
            return self.refuse(format!(
                "has {} entries; at most {most} are allowed",
                entries.len()
            ));
        }
        Some(
            entries
                .iter()
                .filter_map(|value| {
                    read(&Value {
                        value,
                        entry: true,
                        ..*self
                    })
                })
                .collect(),
        )
    }

    /// A table, read by `read` and then searched for unknown keys.
    pub(crate) fn table<T>(&self, read: impl FnOnce(&mut Table<'a>) -> T) -> Option<T> {
        let DeValue::Table(entries) = self.value.get_ref() else {
            return self.wrong_type("a table");
        };
        let mut table = Table {
            entries,
            span: Some(self.value.span()),
            asked: Vec::new(),
            report: self.report,
        };
        let read = read(&mut table);
        table.finish();
        Some(read)
    }
}

fn out_of<N: std::fmt::Display>(range: RangeInclusive<N>, value: &DeValue<'_>) -> String {
    format!(
        "must be from {} to {}, not {}",
        range.start(),
        range.end(),
        describe(value)
    )
}

/// A value in the words of a fault.
fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() <= 40 => format!("the text {text:?}"),
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
