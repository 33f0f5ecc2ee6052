//! Where the markup of a text stands. It is read so that a growing text changes only near its end: [`Markup::settled`] tells how near.

use std::ops::Range;

use super::styled::{Span, Style, Styled};

/// What an inline style may weigh, markers included. Room for a long paragraph of stage directions, and less than half a message.
pub(super) const REACH: usize = 800;

/// Longest run of backticks that means something.
const LONGEST_RUN: usize = 16;
/// Longest line that closes a block, and longest rest of a line that names its language, in bytes.
const FENCE_LINE: usize = 40;
const LONGEST_LANGUAGE: usize = 32;

/// The markup of a text, in bytes of that text.
#[derive(Debug, Default)]
pub(super) struct Markup<'a> {
    text: &'a str,
    reach: usize,
    /// What is not shown, in order.
    markers: Vec<Range<usize>>,
    spans: Vec<Span>,
    fences: Vec<Fence>,
    /// Inline spans with their markers, and markers of blocks: in order and apart.
    whole: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
struct Fence {
    ticks: usize,
    language: Option<String>,
    body: Range<usize>,
    /// From the line after the opening to the end of the closing.
    lines: Range<usize>,
}

impl<'a> Markup<'a> {
    /// Reads `text`, with inline styles that weigh at most `reach`.
    pub(super) fn of(text: &'a str, reach: usize) -> Self {
        let mut markup = Self {
            text,
            reach,
            ..Self::default()
        };
        let mut open: Option<Fence> = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let end = start + line.trim_end_matches('\n').len();
            match open.take() {
                Some(mut fence) if closes(line, fence.ticks) => {
                    // The line break before the closing belongs to it.
                    let marker = start.saturating_sub(1).max(fence.body.start)..end;
                    fence.body.end = marker.start;
                    fence.lines.end = end;
                    markup.fences.push(fence);
                    markup.whole.push(marker.clone());
                    markup.markers.push(marker);
                }
                Some(fence) => open = Some(fence),
                None => open = markup.read_line(start..end),
            }
        }
        markup.fences.extend(open);
        markup
    }

    /// The part of the text in `range`, as people read it. Blocks that the range cuts are closed and opened again.
    pub(super) fn styled(&self, range: Range<usize>) -> Styled {
        let mut literal = Literal::default();
        let mut at = range.start;
        let first = self
            .markers
            .partition_point(|marker| marker.end <= range.start);
        let markers = self
            .markers
            .iter()
            .skip(first)
            .take_while(|marker| marker.start < range.end);
        for marker in markers {
            literal.push(self.text, at..marker.start);
            at = marker.end.max(at);
        }
        literal.push(self.text, at..range.end);

        let first = self
            .spans
            .partition_point(|span| span.range.start < range.start);
        let inline = self
            .spans
            .iter()
            .skip(first)
            .take_while(|span| span.range.start < range.end)
            .cloned();
        let first = self
            .fences
            .partition_point(|fence| fence.body.end <= range.start);
        let fences = self
            .fences
            .iter()
            .skip(first)
            .take_while(|fence| fence.body.start < range.end)
            .map(|fence| Span {
                range: fence.body.clone(),
                style: Style::Fence {
                    language: fence.language.clone(),
                },
            });
        let spans = inline
            .chain(fences)
            .map(|span| Span {
                range: literal.place(span.range.start)..literal.place(span.range.end),
                style: span.style,
            })
            .collect();
        Styled::new(literal.text, spans)
    }

    /// Up to where the markup of `from..to` stays as it is whatever follows `to`. Never inside a style.
    ///
    /// Invariant: it depends on the text before `to` alone; pieces that do not change rely on it. `from` must be settled.
    pub(super) fn settled(&self, from: usize, to: usize) -> usize {
        let known = self.text.get(from..to).unwrap_or_default();
        let line = from + known.rfind('\n').map_or(0, |at| at + 1);
        if let Some(fence) = self.fence_near(line) {
            let starts_line = self
                .text
                .get(..line)
                .is_some_and(|before| before.ends_with('\n'));
            return if starts_line && may_close(self.text.get(line..to).unwrap_or_default()) {
                line.saturating_sub(1).max(fence.body.start)
            } else {
                to
            };
        }
        Line::read(self.text, line..to, self.reach).settled
    }

    /// Whether the character at `at` stands in the lines of a block: true or false for good once the line before is complete.
    pub(super) fn in_block(&self, at: usize) -> bool {
        let next = self
            .fences
            .partition_point(|fence| fence.lines.end <= at && fence.body.end <= at);
        self.fences
            .get(next)
            .is_some_and(|fence| fence.lines.contains(&at))
    }

    /// Ranges that a piece must not cut, from the first that ends behind `from`.
    pub(super) fn whole(&self, from: usize) -> impl Iterator<Item = &Range<usize>> {
        let first = self.whole.partition_point(|range| range.end <= from);
        self.whole.iter().skip(first)
    }

    fn fence_near(&self, at: usize) -> Option<&Fence> {
        let next = self.fences.partition_point(|fence| fence.lines.end < at);
        // Two blocks may touch: the closing line of one ends where nothing of the next begins.
        self.fences
            .iter()
            .skip(next)
            .take(2)
            .find(|fence| fence.body.start <= at && at < fence.lines.end.max(fence.body.end))
    }

    fn read_line(&mut self, range: Range<usize>) -> Option<Fence> {
        let line = Line::read(self.text, range, self.reach);
        self.whole.extend(line.whole());
        self.markers.extend(line.markers());
        self.spans.extend(line.spans());
        line.opening.map(|opening| {
            self.whole.push(opening.marker.clone());
            self.markers.push(opening.marker);
            opening.fence
        })
    }
}

/// Text without its markers, and where each part of it came from.
#[derive(Default)]
struct Literal {
    text: String,
    /// Where a part stood, and where it stands now.
    parts: Vec<(Range<usize>, usize)>,
}

impl Literal {
    fn push(&mut self, text: &str, range: Range<usize>) {
        if let Some(part) = text.get(range.clone()).filter(|part| !part.is_empty()) {
            self.parts.push((range, self.text.len()));
            self.text.push_str(part);
        }
    }

    fn place(&self, at: usize) -> usize {
        let next = self.parts.partition_point(|(range, _)| range.end < at);
        self.parts
            .get(next)
            .map_or(self.text.len(), |(range, place)| {
                place + at.saturating_sub(range.start)
            })
    }
}

/// The inline markup of one line, or of what is known of it.
struct Line {
    code: Vec<Pair>,
    stars: Vec<Pair>,
    opening: Option<Opening>,
    settled: usize,
}

struct Opening {
    marker: Range<usize>,
    fence: Fence,
}

/// An opening and a closing marker.
#[derive(Clone)]
struct Pair {
    open: Range<usize>,
    close: Range<usize>,
}

/// A run of stars or of backticks.
struct Mark {
    range: Range<usize>,
    weight: Range<usize>,
    before: Option<char>,
    after: Option<char>,
}

impl Line {
    fn read(text: &str, range: Range<usize>, reach: usize) -> Self {
        let (ticks, mut stars, weight) = marks(text, range.clone());
        let mut line = Self {
            code: Vec::new(),
            stars: Vec::new(),
            opening: None,
            settled: range.end,
        };
        let unsettled = |mark: &Mark, reach: usize| {
            mark.range.end == range.end || weight - mark.weight.start <= reach
        };
        line.read_code(text, &range, &ticks, reach, &unsettled);
        let end = line
            .opening
            .as_ref()
            .map_or(range.end, |opening| opening.marker.start);
        let mut code = line.code.iter().peekable();
        stars.retain(|star| {
            while code
                .next_if(|pair| pair.close.end <= star.range.start)
                .is_some()
            {}
            star.range.end <= end
                && code
                    .peek()
                    .is_none_or(|pair| star.range.end <= pair.open.start)
        });
        line.read_stars(&stars, reach, &unsettled);
        for whole in line.whole().into_iter().rev() {
            if whole.start < line.settled && line.settled < whole.end {
                line.settled = whole.start;
            }
        }
        line
    }

    fn read_code(
        &mut self,
        text: &str,
        range: &Range<usize>,
        ticks: &[Mark],
        reach: usize,
        unsettled: &impl Fn(&Mark, usize) -> bool,
    ) {
        let mut partner = vec![None; ticks.len()];
        let mut last = [None; LONGEST_RUN + 1];
        for (index, mark) in ticks.iter().enumerate().rev() {
            if mark.range.len() <= LONGEST_RUN {
                partner[index] = last[mark.range.len()].replace(index);
            }
        }
        let mut index = 0;
        while let Some(mark) = ticks.get(index) {
            index += 1;
            let length = mark.range.len();
            if length > LONGEST_RUN {
                continue;
            }
            let close = partner[index - 1]
                .filter(|close: &usize| ticks[*close].weight.end - mark.weight.start <= reach);
            if let Some(close) = close {
                if ticks[close].range.end == range.end {
                    self.settled = self.settled.min(ticks[close].range.start);
                }
                self.code.push(Pair {
                    open: mark.range.clone(),
                    close: ticks[close].range.clone(),
                });
                index = close + 1;
                continue;
            }
            if unsettled(mark, reach.max(2 * (FENCE_LINE + LONGEST_RUN))) {
                self.settled = self.settled.min(mark.range.start);
            }
            if length >= 3 {
                self.opening = opening(text, mark.range.clone(), range.end);
                if self.opening.is_some() {
                    return;
                }
            }
        }
    }

    fn read_stars(
        &mut self,
        stars: &[Mark],
        reach: usize,
        unsettled: &impl Fn(&Mark, usize) -> bool,
    ) {
        // For each length of a run, the first closing one from here on.
        let mut closing = vec![[None; 4]; stars.len() + 1];
        for (index, mark) in stars.iter().enumerate().rev() {
            closing[index] = closing[index + 1];
            if mark.may_close() {
                closing[index][mark.range.len()] = Some(index);
            }
        }
        let pairing = Pairing {
            stars,
            closing,
            reach,
        };
        let lone = pairing.pair(0..stars.len(), 0, &mut self.stars);
        let live = lone
            .into_iter()
            .map(|index| &stars[index])
            .find(|mark| unsettled(mark, reach));
        // A run at the very end may still become longer, also one that closes.
        let last = stars.last().filter(|mark| unsettled(mark, 0));
        for mark in live.into_iter().chain(last) {
            self.settled = self.settled.min(mark.range.start);
        }
    }

    /// The outermost inline spans, in order.
    fn whole(&self) -> Vec<Range<usize>> {
        let mut all: Vec<_> = self.code.iter().chain(&self.stars).map(Pair::all).collect();
        all.sort_by_key(|range| range.start);
        let mut end = 0;
        all.retain(|range| {
            let outer = range.start >= end;
            end = end.max(range.end);
            outer
        });
        all
    }

    fn markers(&self) -> Vec<Range<usize>> {
        let pairs = self.code.iter().chain(&self.stars).cloned();
        let mut markers: Vec<_> = pairs.flat_map(|pair| [pair.open, pair.close]).collect();
        markers.sort_by_key(|marker| marker.start);
        markers
    }

    fn spans(&self) -> Vec<Span> {
        let code = self.code.iter().map(|pair| Span {
            range: pair.inner(),
            style: Style::Code,
        });
        let stars = self.stars.iter().flat_map(|pair| {
            let styles: &[Style] = match pair.open.len() {
                1 => &[Style::Italic],
                2 => &[Style::Bold],
                _ => &[Style::Bold, Style::Italic],
            };
            styles.iter().map(|style| Span {
                range: pair.inner(),
                style: style.clone(),
            })
        });
        let mut spans: Vec<_> = code.chain(stars).collect();
        spans.sort_by_key(|span| (span.range.start, usize::MAX - span.range.end));
        spans
    }
}

impl Pair {
    fn all(&self) -> Range<usize> {
        self.open.start..self.close.end
    }

    fn inner(&self) -> Range<usize> {
        self.open.end..self.close.start
    }
}

impl Mark {
    fn may_open(&self) -> bool {
        self.after.is_some_and(|after| !after.is_whitespace())
            && !self.is_within_word()
            // Hangul particles follow a marker directly, so only its beginning must stand at a word's.
            && (self.range.len() == 2 || !self.before.is_some_and(char::is_alphanumeric))
    }

    fn may_close(&self) -> bool {
        self.range.len() <= 3
            && self.before.is_some_and(|before| !before.is_whitespace())
            && !self.is_within_word()
    }

    fn is_within_word(&self) -> bool {
        let is_ascii = |side: Option<char>| side.is_some_and(|side| side.is_ascii_alphanumeric());
        is_ascii(self.before) && is_ascii(self.after)
    }
}

struct Pairing<'a> {
    stars: &'a [Mark],
    closing: Vec<[Option<usize>; 4]>,
    reach: usize,
}

impl Pairing<'_> {
    /// Pairs the runs in `range`, and gives those that wait for a partner. `outer` has the bits of the styles around.
    fn pair(&self, range: Range<usize>, outer: usize, pairs: &mut Vec<Pair>) -> Vec<usize> {
        let mut lone = Vec::new();
        let mut index = range.start;
        while index < range.end {
            let mark = &self.stars[index];
            let length = mark.range.len();
            index += 1;
            if length > 3 || length & outer != 0 || !mark.may_open() {
                continue;
            }
            let close = self.closing[index][length].filter(|close| {
                *close < range.end
                    && self.stars[*close].weight.end - mark.weight.start <= self.reach
            });
            let Some(close) = close else {
                lone.push(index - 1);
                continue;
            };
            pairs.push(Pair {
                open: mark.range.clone(),
                close: self.stars[close].range.clone(),
            });
            self.pair(index..close, outer | length, pairs);
            index = close + 1;
        }
        lone
    }
}

/// The runs of backticks and of stars in a line, and its weight.
fn marks(text: &str, range: Range<usize>) -> (Vec<Mark>, Vec<Mark>, usize) {
    let mut ticks = Vec::new();
    let mut stars = Vec::new();
    let mut before = text
        .get(..range.start)
        .and_then(|before| before.chars().next_back());
    let mut weight = 0;
    let line = text.get(range.clone()).unwrap_or_default();
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let start = weight;
        weight += weigh(character);
        if matches!(character, '`' | '*') {
            let mut end = at + 1;
            while characters.next_if(|(_, next)| *next == character).is_some() {
                end += 1;
                weight += weigh(character);
            }
            let runs = if character == '`' {
                &mut ticks
            } else {
                &mut stars
            };
            runs.push(Mark {
                range: range.start + at..range.start + end,
                weight: start..weight,
                before,
                after: characters.peek().map(|(_, next)| *next),
            });
        }
        before = Some(character);
    }
    (ticks, stars, weight)
}

/// No platform takes more room for a character; a reach measured so is short enough for all of them.
fn weigh(character: char) -> usize {
    if character.is_ascii_punctuation() {
        2
    } else {
        character.len_utf16()
    }
}

/// The block that a run of backticks begins, if it does: at a line's start always, elsewhere when only a language word follows.
fn opening(text: &str, run: Range<usize>, end: usize) -> Option<Opening> {
    let rest = text.get(run.end..end).unwrap_or_default();
    let word = rest.trim();
    let is_language = word.len() <= LONGEST_LANGUAGE
        && word
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "_+-.#".contains(character));
    let next_line = (end + 1).min(text.len());
    let (body, language) = if is_language && rest.len() <= FENCE_LINE {
        (next_line, (!word.is_empty()).then(|| word.to_owned()))
    } else if starts_line(text, run.start) {
        (run.end + rest.len() - rest.trim_start().len(), None)
    } else {
        return None;
    };
    Some(Opening {
        marker: run.start..body,
        fence: Fence {
            ticks: run.len(),
            language,
            body: body..text.len(),
            lines: next_line..text.len(),
        },
    })
}

fn starts_line(text: &str, at: usize) -> bool {
    text.get(..at)
        .unwrap_or_default()
        .chars()
        .rev()
        .take(FENCE_LINE)
        .find(|character| !matches!(character, ' ' | '\t'))
        .is_none_or(|character| character == '\n')
}

fn closes(line: &str, ticks: usize) -> bool {
    may_close(line) && line.trim().len() >= ticks
}

/// Whether a line closes a block, or may once it is longer.
fn may_close(line: &str) -> bool {
    line.len() <= FENCE_LINE && line.trim().chars().all(|character| character == '`')
}
