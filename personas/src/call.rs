//! Whom a message in a group calls by name: "조이야 뭐해?" and "what do you think, Joey?" call, "조이가 그랬어" and "I told Joey" only
//! mention.
//!
//! It knows only the message: who wrote it, and to whom the writer has talked before, are not its concern. Its rules are guesses, and
//! where both readings are possible it follows these: a name is called when it stands where only a call can stand (after a
//! greeting, between pauses, with 야 or 님), or at the start of what is asked, told or ordered in the second person. The words that
//! decide stand in `call_words.rs`; `tests/calls_ko.txt` and `tests/calls_en.txt` show what comes of it.

use crate::call_words::{
    ABOUT, ADDRESSING, ASKING, BEFORE_LAST, BEFORE_OBJECTS, BETWEEN_NAMES, CONNECTIVES, DONE,
    GREETINGS, IDENTIFIED, IDENTIFIED_ENDINGS, IMPERATIVES, IN_QUESTIONS, KINDNESSES,
    KOREAN_SPOKEN_AFTER, OPENERS, PREDICATES, QUESTION_STEMS, RELATIVES, REQUEST_ENDINGS, SEEN,
    SENTENCE_ENDINGS, SPEAKER_OR_HEARER, SPOKEN_AFTER, STATEMENT_ENDINGS, THIRD_PERSON,
    TO_EVERYBODY, TURNING, ends_with, listed,
};
use crate::mention::{Form, Mention, Name, is_korean, is_stretched};
use crate::persona::Persona;
use crate::sentence::{End, Mark, OPAQUE, Sentence, sentences};

/// A greeting before a name is at most so many words long, so a long clause is not searched for one.
const LONGEST_GREETING: usize = 8;
/// The same for what is said of somebody right after the name.
const LONGEST_ASIDE: usize = 8;

/// The persona that a message calls by its id, its name or an alias; of several the one called first.
///
/// ```
/// use chatfriends_personas::{Library, called};
///
/// let library = Library::shipped();
/// let id = |text| called(text, library.iter().map(AsRef::as_ref)).map(|persona| persona.id.as_str());
/// assert_eq!(id("조이야 뭐해?"), Some("joey"));
/// assert_eq!(id("조이가 어제 그랬어"), None);
/// ```
pub fn called<'a>(
    text: &str,
    personas: impl IntoIterator<Item = &'a Persona>,
) -> Option<&'a Persona> {
    let names: Vec<Name<'a>> = personas.into_iter().flat_map(Name::all).collect();
    if names.is_empty() {
        return None;
    }
    sentences(text)
        .iter()
        .enumerate()
        .find_map(|(place, sentence)| Hearing::new(&names, sentence, place == 0).called())
}

/// What stands before a name in its clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// Nothing.
    Start,
    /// Only a word like "so" or "근데".
    Opened,
    /// "hey", "thank you", "안녕".
    Greeted,
    /// Other words.
    Inside,
}

/// One sentence, listened to.
struct Hearing<'s, 'a> {
    names: &'s [Name<'a>],
    sentence: &'s Sentence,
    is_first: bool,
    asks_in_korean: bool,
    is_statement_in_korean: bool,
}

impl<'s, 'a> Hearing<'s, 'a> {
    fn new(names: &'s [Name<'a>], sentence: &'s Sentence, is_first: bool) -> Self {
        let last = sentence.word(sentence.words.len() - 1);
        let is_question = sentence.end == End::Question;
        let is_statement = !is_question && ends_with(STATEMENT_ENDINGS, last);
        let has_question_word = || {
            let mut stems = QUESTION_STEMS.split_whitespace();
            stems.any(|stem| {
                sentence
                    .words
                    .iter()
                    .any(|word| word.text.starts_with(stem))
            })
        };
        Self {
            names,
            sentence,
            is_first,
            // Many write no question mark.
            asks_in_korean: !ends_with(TO_EVERYBODY, last)
                && (is_question || !is_statement && has_question_word()),
            is_statement_in_korean: is_statement,
        }
    }

    fn called(&self) -> Option<&'a Persona> {
        let mut place = 0;
        while place < self.sentence.words.len() {
            place = match self.mention(place) {
                Some(mention) if self.is_call(&mention) => return Some(mention.persona),
                // Nobody in a list is called if the first is not: "with Ross, Chandler and Joey".
                Some(mention) => self.list(&mention).end,
                None => place + 1,
            };
        }
        None
    }

    /// The name that stands at that place, and the longest one if several do: "campus guide", not "campus".
    fn mention(&self, place: usize) -> Option<Mention<'a>> {
        // Among several of one name it is the first in order, as where a persona is looked up by its name.
        let names = self.names.iter().rev();
        names
            .filter_map(|name| Some((name.len(), name.mention(self.sentence, place)?)))
            .max_by_key(|(length, _)| *length)
            .map(|(_, mention)| mention)
    }

    fn is_call(&self, mention: &Mention<'_>) -> bool {
        let before = self.before(mention.first);
        if before == Mark::At {
            return !matches!(mention.form, Form::About | Form::Identifying);
        }
        let beginning = self.beginning(mention.first);
        match mention.form {
            Form::About => false,
            Form::Vocative => beginning != Beginning::Inside || self.is_turned_to(mention.first),
            Form::Identifying => beginning != Beginning::Inside && !self.is_end(mention.end),
            Form::Topic => {
                beginning != Beginning::Inside && !mention.everyday && self.asks_in_korean
            }
            Form::Bare | Form::Respectful => self.is_called_without_ending(mention, beginning),
        }
    }

    fn is_called_without_ending(&self, mention: &Mention<'_>, beginning: Beginning) -> bool {
        let list = self.list(mention);
        let greeted = beginning == Beginning::Greeted;
        if list.is_about || list.is_joined && self.is_end(list.end) && !greeted {
            return false;
        }
        if self.is_end(list.end) {
            return self.is_last_called(mention, beginning);
        }
        let after = self.sentence.after(list.end - 1);
        if beginning == Beginning::Inside {
            return after == Mark::Pause && !self.is_aside(list.end) && self.ends_speech(mention);
        }
        match after {
            _ if list.is_joined && !greeted && !self.asks() => false,
            Mark::Space => self.is_spoken_to(mention, list.end, greeted),
            Mark::Pause | Mark::Colon if mention.everyday => {
                greeted
                    || self.asks()
                    || self.turns(list.end)
                    || self.orders(list.end)
                    || self.is_spoken_to(mention, list.end, greeted)
            }
            Mark::Pause => greeted || self.turns(list.end) || !self.is_aside(list.end),
            Mark::Colon => true,
            Mark::Sign | Mark::At => false,
        }
    }

    /// Whether the words after a pause tell more about the name before it: "Joey, who was there, laughed", "Joey, the actor, is here".
    fn is_aside(&self, place: usize) -> bool {
        let is_relative = listed(RELATIVES, self.sentence.word(place)) && !self.asks();
        let resumed =
            (place + 1..place + LONGEST_ASIDE).find(|&place| self.before(place) == Mark::Pause);
        is_relative
            || resumed.is_some_and(|place| {
                listed(THIRD_PERSON, self.sentence.word(place)) && !self.turns(place)
            })
    }

    /// Whether a name that ends its sentence is called there.
    fn is_last_called(&self, mention: &Mention<'_>, beginning: Beginning) -> bool {
        let sentence = self.sentence;
        let is_loud = sentence.end == End::Exclamation
            || !mention.everyday
                && (sentence.end == End::Question || sentence.trailing == Mark::Pause);
        match beginning {
            _ if sentence.trailing == Mark::Sign => false,
            Beginning::Greeted => true,
            // "Who is the best? Joey." answers, "Joey?" calls.
            Beginning::Start if mention.first == 0 => is_loud || self.is_first && !mention.everyday,
            Beginning::Start => true,
            Beginning::Opened => is_loud,
            Beginning::Inside => self.ends_speech(mention),
        }
    }

    /// Whether a name inside a sentence is added to what could end before it: "how are you Joey", "뭐해 조이?", but not "the real
    /// Joey".
    fn ends_speech(&self, mention: &Mention<'_>) -> bool {
        let is_plain = mention.everyday && mention.form == Form::Bare;
        if is_plain || mention.first == 0 || self.before(mention.first) != Mark::Space {
            return false;
        }
        let previous = self.sentence.word(mention.first - 1);
        if is_korean(previous) {
            ends_with(SENTENCE_ENDINGS, previous) && self.mention(mention.first - 1).is_none()
        } else {
            let is_told_of_something = listed(PREDICATES, self.sentence.word(0))
                && mention.first > 1
                && !listed(BEFORE_OBJECTS, previous)
                && !previous.ends_with("ing");
            let is_called_so = previous == "me"
                && listed(
                    "call name",
                    self.sentence.word(mention.first.saturating_sub(2)),
                );
            listed(BEFORE_LAST, previous) && !is_called_so || is_told_of_something
        }
    }

    /// Whether the words after a name, which no mark separates from it, are said to it.
    fn is_spoken_to(&self, mention: &Mention<'_>, place: usize, greeted: bool) -> bool {
        let next = self.sentence.word(place);
        if is_korean(next) {
            self.is_spoken_to_in_korean(mention, place, greeted)
        } else if next == OPAQUE || mention.form == Form::Respectful {
            !mention.everyday
        } else {
            let is_order =
                !mention.everyday || listed(DONE, self.sentence.word(place + 1)) || greeted;
            // One who is spoken about takes "is", "does" and "has".
            let is_addressed = place == mention.end && listed(ADDRESSING, next);
            let is_asked =
                matches!(self.last_word(), "please" | "pls" | "plz") && !mention.everyday;
            self.turns(place)
                || is_addressed
                || is_asked
                || is_order && self.orders(place)
                || greeted && !mention.everyday && !is_third_person(next)
        }
    }

    /// "can you", "I need", "what do you think": the writer turns to somebody.
    fn turns(&self, place: usize) -> bool {
        let [next, second, third] = [0, 1, 2].map(|nth| self.sentence.word(place + nth));
        let is_question = self.sentence.end == End::Question;
        let turns = |verb: &str, whom: &str| {
            listed(TURNING, verb)
                && (listed(SPEAKER_OR_HEARER, whom) || is_question && listed(IN_QUESTIONS, whom))
        };
        listed(SPOKEN_AFTER, next)
            || begins_with_phrase(GREETINGS, |nth| self.sentence.word(place + nth))
                .is_some_and(|words| words > 1)
            || turns(next, second)
            // "that was mean"
            || listed(IN_QUESTIONS, next) && listed(THIRD_PERSON, second)
            || listed(ASKING, next)
                && (is_question || turns(second, third))
            // "where you at"
            || next == "where" && listed(SPEAKER_OR_HEARER, second)
    }

    /// "tell me", "do your thing", "let us go".
    fn orders(&self, place: usize) -> bool {
        let [next, second] = [0, 1].map(|nth| self.sentence.word(place + nth));
        match next {
            "do" => listed(DONE, second),
            "let" => matches!(second, "me" | "us"),
            _ => listed(IMPERATIVES, next),
        }
    }

    fn is_spoken_to_in_korean(&self, mention: &Mention<'_>, place: usize, greeted: bool) -> bool {
        let (next, last) = (self.sentence.word(place), self.last_word());
        let is_statement = self.is_statement_in_korean;
        let is_asked = listed(KOREAN_SPOKEN_AFTER, next) || ends_with(REQUEST_ENDINGS, last);
        let is_respectful = mention.form == Form::Respectful;
        let is_only_seen = listed(SEEN, next) && self.is_end(place + 1);
        let is_about = listed(ABOUT, next) || is_only_seen || ends_with(TO_EVERYBODY, last);
        if is_about && !is_respectful {
            return false;
        }
        if mention.everyday && !is_respectful {
            let is_to_everybody = (place..place + LONGEST_ASIDE)
                .any(|place| listed(TO_EVERYBODY, self.sentence.word(place)));
            return is_asked && !is_to_everybody;
        }
        is_asked
            || self.asks_in_korean
            || ends_with(KINDNESSES, last)
            || is_respectful && last.ends_with("니다")
            || (greeted || is_respectful) && !is_statement
    }

    /// Whether "조이야" inside a sentence calls; "이름은 조이야" tells who somebody is.
    fn is_turned_to(&self, first: usize) -> bool {
        if first == 0 || self.before(first) != Mark::Space {
            return false;
        }
        let previous = self.sentence.word(first - 1);
        let tells_who = listed(IDENTIFIED, previous)
            || previous.chars().count() > 1 && ends_with(IDENTIFIED_ENDINGS, previous);
        !tells_who
    }

    fn asks(&self) -> bool {
        self.sentence.end == End::Question || self.asks_in_korean
    }

    /// The list of names that begins with this one: "Joey, Chandler and Ross". Two with a pause between are no list: "Joey, Ross is
    /// here".
    fn list(&self, mention: &Mention<'_>) -> List {
        let alone = List {
            end: mention.end,
            is_joined: false,
            is_about: false,
        };
        let mut list = List { ..alone };
        let mut names = 1;
        while let Some(next) = self.next_of_list(list.end) {
            names += 1;
            list.is_joined |= next.first > list.end;
            list.is_about = next.form == Form::About;
            list.end = next.end;
        }
        if names > 2 || list.is_joined {
            list
        } else {
            alone
        }
    }

    fn next_of_list(&self, end: usize) -> Option<Mention<'a>> {
        if listed(BETWEEN_NAMES, self.sentence.word(end)) {
            return self.mention(end + 1);
        }
        self.mention(end)
            .filter(|_| self.before(end) == Mark::Pause)
    }

    /// What stands before the name that begins at that place, back to the last pause.
    fn beginning(&self, first: usize) -> Beginning {
        let earliest = first.saturating_sub(LONGEST_GREETING);
        let start = (earliest..=first)
            .rev()
            .find(|&place| place == 0 || self.begins_clause(place));
        let Some(start) = start else {
            return Beginning::Inside;
        };
        if matches!(self.before(start), Mark::Sign | Mark::Colon | Mark::At) {
            return Beginning::Inside;
        }
        // The next name of a list: "with Ross, Chandler and Joey".
        if start == first && first > 0 && self.mention(first - 1).is_some() {
            return Beginning::Inside;
        }
        let mut beginning = Beginning::Start;
        let mut place = start;
        while place < first {
            let word = |nth| {
                if place + nth < first {
                    self.sentence.word(place + nth)
                } else {
                    ""
                }
            };
            let greeting = begins_with_phrase(GREETINGS, word);
            let opener = begins_with_phrase(OPENERS, word);
            place += match (greeting, opener) {
                (Some(words), _) => {
                    beginning = Beginning::Greeted;
                    words
                }
                (None, Some(words)) => {
                    if beginning == Beginning::Start {
                        beginning = Beginning::Opened;
                    }
                    words
                }
                // "Joey Joey", "hey Joey and Chandler"
                (None, None) => match self.mention(place) {
                    Some(name) if name.form != Form::About && name.end <= first => name.end - place,
                    _ => return Beginning::Inside,
                },
            };
        }
        beginning
    }

    /// Whether a clause begins at that place: after a pause, or after an ending such as that of "심심한데".
    fn begins_clause(&self, place: usize) -> bool {
        let is_connected = || place > 0 && ends_with(CONNECTIVES, self.sentence.word(place - 1));
        self.before(place) != Mark::Space || is_connected()
    }

    fn before(&self, place: usize) -> Mark {
        self.sentence
            .words
            .get(place)
            .map_or(Mark::Space, |word| word.before)
    }

    fn last_word(&self) -> &str {
        self.sentence.word(self.sentence.words.len() - 1)
    }

    fn is_end(&self, place: usize) -> bool {
        place >= self.sentence.words.len()
    }
}

/// Names that are called or spoken about together.
struct List {
    /// The place after the last of them.
    end: usize,
    /// Whether an "and" joins them.
    is_joined: bool,
    /// Whether the last has a particle that makes all of them the subject or object of the sentence.
    is_about: bool,
}

fn is_third_person(verb: &str) -> bool {
    listed(THIRD_PERSON, verb) || verb.len() > 4 && verb.ends_with("ed")
}

/// How many words the longest of the phrases has that the words begin with. `word` gives the nth of them, or "".
fn begins_with_phrase<'w>(phrases: &str, word: impl Fn(usize) -> &'w str) -> Option<usize> {
    phrases
        .split(',')
        .filter(|phrase| {
            phrase
                .split_whitespace()
                .enumerate()
                .all(|(nth, part)| is_stretched(word(nth), part))
        })
        .map(|phrase| phrase.split_whitespace().count())
        .max()
}
