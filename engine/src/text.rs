//! From the bytes that a model generates to the text that may be shown: whole characters, nothing of a stop text. It knows no tokens.

/// Takes bytes as they come; gives out text that no later byte can change.
///
/// White space at the start of a reply is not shown: many templates end right before the space that belongs to the first word.
#[derive(Debug)]
pub(crate) struct TextStream {
    stops: Vec<String>,
    /// The beginning of a character whose other bytes have not come yet.
    partial: Vec<u8>,
    /// Text that may turn out to be the beginning of a stop text, or leading white space.
    held: String,
    shown_anything: bool,
    stopped: bool,
}

impl TextStream {
    /// A stream that ends at the first of these texts. Invariant: none is empty (`request::check` sees to it).
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self {
            stops,
            partial: Vec::new(),
            held: String::new(),
            shown_anything: false,
            stopped: false,
        }
    }

    /// Takes the next bytes and gives what can be shown now, possibly nothing.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        if self.stopped {
            return String::new();
        }
        self.partial.extend_from_slice(bytes);
        self.decode();
        match self.find_stop() {
            Some(start) => {
                self.stopped = true;
                self.held.truncate(start);
                self.release(0)
            }
            None => self.release(self.possible_stop()),
        }
    }

    /// Whether a stop text has come.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// What was held back and, since nothing follows, can be shown. Half a character is dropped.
    pub(crate) fn finish(mut self) -> String {
        if self.stopped {
            String::new()
        } else {
            self.release(0)
        }
    }

    /// Moves whole characters from `partial` to `held`; bytes that can begin no character become U+FFFD.
    fn decode(&mut self) {
        loop {
            match std::str::from_utf8(&self.partial) {
                Ok(text) => {
                    self.held.push_str(text);
                    self.partial.clear();
                    return;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    self.held
                        .push_str(&String::from_utf8_lossy(&self.partial[..valid]));
                    let broken = error.error_len();
                    if broken.is_some() {
                        self.held.push(char::REPLACEMENT_CHARACTER);
                    }
                    self.partial.drain(..valid + broken.unwrap_or(0));
                    if broken.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Where the stop text begins that is complete first; of several that end there, the longest. So the result does not depend
    /// on how the bytes were split. A stop text of white space does not count before the first word.
    fn find_stop(&self) -> Option<usize> {
        let leading = if self.shown_anything {
            0
        } else {
            self.held.len() - self.held.trim_start().len()
        };
        self.stops
            .iter()
            .flat_map(|stop| {
                let ends = self
                    .held
                    .match_indices(stop.as_str())
                    .map(|(start, found)| (start + found.len(), start));
                ends.filter(|(end, _)| *end > leading).min()
            })
            .min()
            .map(|(_, start)| start)
    }

    /// Bytes at the end of `held` that may be the beginning of a stop text.
    fn possible_stop(&self) -> usize {
        let begins_stop = |tail: &str| {
            self.stops
                .iter()
                .any(|stop| stop.len() > tail.len() && stop.starts_with(tail))
        };
        let tails = self
            .held
            .char_indices()
            .filter_map(|(start, _)| self.held.get(start..));
        tails
            .into_iter()
            .find(|tail| begins_stop(tail))
            .map_or(0, str::len)
    }

    /// Gives out what is held, but for the last `keep` bytes.
    fn release(&mut self, keep: usize) -> String {
        let kept = self.held.split_off(self.held.len() - keep);
        let text = std::mem::replace(&mut self.held, kept);
        if self.shown_anything {
            return text;
        }
        let text_without_lead = text.trim_start();
        if text_without_lead.is_empty() {
            // It stays in sight of the stop texts that begin with white space.
            self.held.insert_str(0, &text);
            return String::new();
        }
        self.shown_anything = true;
        text_without_lead.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(stops: &[&str], pieces: &[&[u8]]) -> (Vec<String>, bool) {
        let mut stream = TextStream::new(stops.iter().map(|stop| (*stop).to_owned()).collect());
        let mut shown: Vec<String> = pieces.iter().map(|piece| stream.push(piece)).collect();
        let stopped = stream.stopped();
        shown.push(stream.finish());
        shown.retain(|text| !text.is_empty());
        (shown, stopped)
    }

    fn check(stops: &[&str], pieces: &[&str], expected: &[&str], expected_stop: bool) {
        let bytes: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        let (shown, stopped) = run(stops, &bytes);
        assert_eq!(
            (
                shown.iter().map(String::as_str).collect::<Vec<_>>(),
                stopped
            ),
            (expected.to_vec(), expected_stop)
        );
    }

    #[test]
    fn characters_come_whole() {
        let hangul = "한글".as_bytes();
        assert_eq!(
            run(&[], &[&hangul[..1], &hangul[1..4], &hangul[4..]]).0,
            ["한", "글"]
        );
        let emoji = "👋🏽".as_bytes();
        assert_eq!(
            run(&[], &[&emoji[..3], &emoji[3..5], &emoji[5..]]).0,
            ["👋", "🏽"]
        );
        // A reply cut by its token limit loses the half character.
        assert_eq!(run(&[], &[b"ok ", &hangul[..2]]).0, ["ok "]);
        assert_eq!(run(&[], &[b"a\xffb"]).0, ["a\u{fffd}b"]);
    }

    #[test]
    fn stop_texts_are_held_back_over_borders_and_never_shown() {
        check(
            &["\n### 질문:"],
            &["네", "\n", "##", "# 질", "문", ": 다음"],
            &["네"],
            true,
        );
        check(
            &["\n### 질문:"],
            &["네", "\n", "## 소제목"],
            &["네", "\n## 소제목"],
            false,
        );
        check(&["aab"], &["a", "a", "a", "b", "c"], &["a"], true);
        check(&["abc", "b"], &["abc"], &["a"], true);
        check(&["abc", "b"], &["ab", "c"], &["a"], true);
        check(&["END"], &["the EN"], &["the ", "EN"], false);
    }

    #[test]
    fn leading_white_space_is_not_shown_and_does_not_stop() {
        check(&["\n"], &[" \n", " 안녕", "\nUser:"], &["안녕"], true);
        check(&["\n### 질문:"], &["\n\n", "### 질문: x"], &[], true);
        check(&[], &["  ", "\n"], &[], false);
        check(&[], &[" a", " b"], &["a", " b"], false);
    }

    proptest! {
        #[test]
        fn the_split_of_the_stream_changes_nothing(
            text in "[ab가\n 👋]{0,24}",
            stops in prop::collection::vec("[ab가\n]{1,3}", 0..3),
            cuts in prop::collection::vec(0usize..6, 0..40),
        ) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let (whole, stopped) = run(&stops, &[text.as_bytes()]);
            let mut rest = text.as_bytes();
            let mut pieces = Vec::new();
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = tail;
            }
            pieces.push(rest);
            let (split, split_stopped) = run(&stops, &pieces);
            let shown = split.concat();
            prop_assert_eq!(&shown, &whole.concat());
            prop_assert_eq!(split_stopped, stopped);
            prop_assert!(text.trim_start().starts_with(&shown));
            prop_assert!(stops.iter().all(|stop| !shown.contains(stop)));
        }
    }
}
