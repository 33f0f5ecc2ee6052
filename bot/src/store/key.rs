//! Keys that keep their parts apart: whatever an id contains, it cannot pass for the end of one part and the start of another.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The place of a record: a table and any number of parts, ordered part by part.
///
/// Invariant: two keys are equal only when all their parts are, and a key stands [`under`](Self::under) another only when it has all of that
/// one's parts. Memory relies on it: a person's records are everything under that person's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key above all keys of a table.
    #[must_use]
    pub fn of(table: &str) -> Self {
        Self(Vec::new()).text(table)
    }

    /// Adds a text. Zero bytes are escaped, and a lone one ends it, so that shorter texts stand before longer ones.
    #[must_use]
    pub fn text(mut self, part: &str) -> Self {
        for &byte in part.as_bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xff);
            }
        }
        self.0.extend([0, 0]);
        self
    }

    /// Adds a number, always eight bytes long.
    #[must_use]
    pub fn number(mut self, part: u64) -> Self {
        self.0.extend(part.to_be_bytes());
        self
    }

    /// Adds a text that may be missing; a missing one is not an empty one.
    #[must_use]
    pub fn maybe(mut self, part: Option<&str>) -> Self {
        self.0.push(u8::from(part.is_some()));
        match part {
            Some(part) => self.text(part),
            None => self,
        }
    }

    /// The text that was added behind the parts of `above`, if this key stands under that one and a text was.
    #[must_use]
    pub fn text_behind(&self, above: &Self) -> Option<String> {
        let mut rest = self.0.strip_prefix(above.0.as_slice())?;
        let mut text = Vec::new();
        loop {
            match rest {
                [0, 0xff, behind @ ..] => {
                    text.push(0);
                    rest = behind;
                }
                [0, 0, ..] => return String::from_utf8(text).ok(),
                [byte, behind @ ..] if *byte != 0 => {
                    text.push(*byte);
                    rest = behind;
                }
                _ => return None,
            }
        }
    }

    /// The key with the parts of `to` in place of those of `from`, if it begins with these.
    #[must_use]
    pub fn moved(&self, from: &Self, to: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(from.0.as_slice())?;
        Some(Self([to.0.as_slice(), rest].concat()))
    }

    /// All keys that begin with this one's parts.
    #[must_use]
    pub fn under(self) -> Range<Self> {
        let mut end = self.0.clone();
        // The smallest key behind all with this beginning: count the last byte up that can be.
        while end.last() == Some(&0xff) {
            end.pop();
        }
        *end.last_mut()
            .expect("a key begins with the name of its table, which has no byte 0xff") += 1;
        self..Self(end)
    }

    /// The key as bytes, in whose order the keys are ordered.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key as a store keeps it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A key's parts before they are put together.
    #[derive(Debug, Clone, PartialEq)]
    struct Parts(Vec<Option<String>>);

    impl Parts {
        fn key(&self) -> Key {
            self.0
                .iter()
                .fold(Key::of("table"), |key, part| key.maybe(part.as_deref()))
        }
    }

    fn parts() -> impl Strategy<Value = Parts> {
        // Few letters, so that equal and nearly equal keys come up often; the two that have a meaning in the encoding among them.
        let text = "[a\u{0}\u{1}\u{ff}가]{0,4}";
        prop::collection::vec(prop::option::of(text), 0..4).prop_map(Parts)
    }

    proptest! {
        #[test]
        fn only_equal_parts_make_equal_keys(a in parts(), b in parts()) {
            prop_assert_eq!(a == b, a.key() == b.key());
        }

        #[test]
        fn a_key_is_under_another_only_with_all_its_parts(a in parts(), b in parts()) {
            prop_assert_eq!(b.0.starts_with(&a.0), a.key().under().contains(&b.key()));
        }

        #[test]
        fn a_text_is_read_back(above in parts(), text in "[a\u{0}\u{1}가]{0,4}", below in parts()) {
            let key = below.0.iter().fold(above.key().text(&text), |key, part| key.maybe(part.as_deref()));
            prop_assert_eq!(key.text_behind(&above.key()), Some(text));
        }

        #[test]
        fn numbers_stand_in_their_order(a: u64, b: u64) {
            prop_assert_eq!(a.cmp(&b), Key::of("t").number(a).cmp(&Key::of("t").number(b)));
        }

        #[test]
        fn texts_stand_in_their_order(a in "[a-c\u{0}\u{1}]{0,3}", b in "[a-c\u{0}\u{1}]{0,3}") {
            prop_assert_eq!(a.cmp(&b), Key::of("t").text(&a).cmp(&Key::of("t").text(&b)));
        }
    }

    #[test]
    fn an_id_cannot_forge_another_persons_prefix() {
        let anna = Key::of("facts").text("web:anna");
        for forged in [
            "web:anna\0",
            "web:anna\0\0",
            "web:anna\0\0\0\0x",
            "web:annabel",
            "web:anna\u{1}",
        ] {
            assert!(
                !anna
                    .clone()
                    .under()
                    .contains(&Key::of("facts").text(forged)),
                "{forged:?}"
            );
        }
        assert!(
            anna.clone()
                .under()
                .contains(&anna.clone().number(u64::MAX))
        );
    }
}
