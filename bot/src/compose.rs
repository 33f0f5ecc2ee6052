//! Builds the prompt of a turn, as docs/PROMPT.md describes it, and fits it to the model. Pure: counting is done by the caller.

use chatfriends_engine::{Message, Model, Role};
use chatfriends_personas::{Language, Persona};

use crate::identity::PersonId;
use crate::memory::{Known, Turn, notes};

/// Example turns may take this fraction of the context.
const EXAMPLES_SHARE: u32 = 16;
/// A window of past turns may not grow into this fraction of the context: it is for the notes and words of the next message.
const NEXT_MESSAGE_SHARE: u32 = 4;

/// Facts of the persona shown with one message.
const FACTS_SHOWN: usize = 3;
/// Tokens of an exchange of ordinary length, a sentence or two on either side, with its notes.
const ORDINARY_EXCHANGE: u32 = 80;

/// The parts of a prompt before it is known how many fit.
#[derive(Debug, Clone)]
pub struct Draft {
    system: String,
    /// Whether a program has put words of its own into the system text.
    is_extended: bool,
    examples: Vec<Exchange>,
    past: Vec<Exchange>,
    asked: Asked,
}

/// What was said and answered.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The person's words, as they stand in the prompt.
    pub user: String,
    /// The persona's.
    pub assistant: String,
}

/// Whose words stand in a prompt beside the persona's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voices {
    /// One person's, without a name: in private, or where only theirs are shown.
    One,
    /// Several people's, each led by a name.
    Several,
}

impl Voices {
    /// Who leads the words of this person.
    #[must_use]
    pub fn speaker<'a>(self, name: &'a str, person: &'a PersonId) -> Option<Speaker<'a>> {
        match self {
            Self::One => None,
            Self::Several => Some(Speaker { name, person }),
        }
    }
}

impl Exchange {
    /// What the engine is given of it.
    #[must_use]
    pub fn messages(self) -> [Message; 2] {
        [
            message(Role::User, self.user),
            message(Role::Assistant, self.assistant),
        ]
    }
}

/// The message to be answered: the same words with ever fewer notes.
#[derive(Debug, Clone)]
struct Asked {
    /// Earlier messages that got no reply, oldest first, each as it was sent: a template needs person and model in turn.
    unanswered: Vec<String>,
    /// The words of now.
    words: String,
    /// From all notes to none.
    notes: Vec<Notes>,
}

#[derive(Debug, Clone)]
struct Notes {
    text: String,
    holds_all_memory: bool,
}

/// Who speaks, where names must be told apart.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    /// The cleaned name.
    pub name: &'a str,
    /// Whose name it is.
    pub person: &'a PersonId,
}

/// What a draft is made of.
#[derive(Debug, Clone, Copy)]
pub struct Ingredients<'a> {
    /// Who answers.
    pub persona: &'a Persona,
    /// What a program adds to the persona's system text.
    pub extra_system: Option<&'a str>,
    /// What is remembered.
    pub known: &'a Known,
    /// The words to answer.
    pub words: &'a str,
    /// Who speaks, in a shared place; `None` in private.
    pub speaker: Option<Speaker<'a>>,
    /// The language that labels are written in.
    pub language: Language,
}

/// Tokens that a prompt may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Tokens of prompt and reply together.
    pub context: u32,
    /// Tokens kept free for the reply.
    pub reply: u32,
    /// Tokens that the template adds to a message, at most.
    pub message_overhead: u32,
}

/// A prompt that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What the engine is given.
    pub messages: Vec<Message>,
    /// So many of the first are the persona's, in all its chats; 0 where a program has added to them.
    pub lead: usize,
    /// The notes that stand before the words, to be stored with them.
    pub notes: String,
    /// Whether the notes hold all that is remembered of the person.
    pub holds_all_memory: bool,
    /// Upper bound of its tokens.
    pub tokens: u32,
    /// Past turns that did.
    pub turns_shown: usize,
    /// Past turns that did not fit.
    pub turns_left_out: usize,
    /// Tokens that past turns may take beside this system text and this reply, so that the next message has its share.
    pub window: u32,
}

/// What a persona's own messages take of every prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Their tokens.
    pub tokens: u32,
    /// Tokens of prompt and reply together.
    pub context: u32,
    /// Past exchanges of ordinary length that there is room for beside them.
    pub exchanges: u32,
}

/// The words alone, with the persona, are more than the model can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message needs {needed} tokens with its persona, and {room} are free")]
pub struct TooLong {
    /// Tokens of persona and words.
    pub needed: u32,
    /// Tokens beside the reply.
    pub room: u32,
}

impl Room {
    /// The room that `model` gives a persona. A reply never takes more than half the context.
    #[must_use]
    pub fn of(model: &Model, reply_tokens: u32) -> Self {
        Self {
            context: model.context,
            reply: reply_tokens.clamp(1, model.context / 2),
            message_overhead: model.message_overhead,
        }
    }

    fn prompt(self) -> u32 {
        self.context.saturating_sub(self.reply)
    }

    /// Tokens of example turns that are shown: all of them or none.
    fn examples(self, tokens: u32) -> u32 {
        if tokens <= self.context / EXAMPLES_SHARE {
            tokens
        } else {
            0
        }
    }

    /// Tokens that past turns may take when the persona's own messages take `prefix`.
    fn window(self, prefix: u32) -> u32 {
        self.prompt()
            .saturating_sub(prefix)
            .saturating_sub(self.context / NEXT_MESSAGE_SHARE)
    }
}

impl Draft {
    /// Puts the parts together, in their order, before any is left out.
    #[must_use]
    pub fn new(of: Ingredients<'_>) -> Self {
        let mut system = of.persona.system.trim().to_owned();
        let extra = of
            .extra_system
            .map(str::trim)
            .filter(|extra| !extra.is_empty());
        if let Some(extra) = extra {
            system.push_str("\n\n");
            system.push_str(extra);
        }
        let examples = of
            .persona
            .examples
            .iter()
            .map(|example| Exchange {
                user: example.person.clone(),
                assistant: example.reply.clone(),
            })
            .collect();
        let voices = match of.speaker {
            None => Voices::One,
            Some(_) => Voices::Several,
        };
        let (past, unanswered) = exchanges(&of.known.window, of.known.opening.as_deref(), voices);
        Self {
            system,
            is_extended: extra.is_some(),
            examples,
            past,
            asked: Asked {
                unanswered,
                words: spoken(of.words, of.speaker),
                notes: layers(&of),
            },
        }
    }

    /// The same message once more, with the notes that were sent with it.
    #[must_use]
    pub fn again(persona: &Persona, before: &Known, last: &Turn, voices: Voices) -> Self {
        let speaker = voices.speaker(&last.name, &last.person);
        let opening = before
            .opening
            .as_deref()
            .filter(|_| before.window.is_empty());
        let notes = opening.unwrap_or(&last.notes).to_owned();
        let layers = vec![
            Notes {
                text: notes,
                holds_all_memory: last.memory_revision.is_some(),
            },
            Notes {
                text: String::new(),
                holds_all_memory: false,
            },
        ];
        let without_notes = Known {
            memory: Vec::new(),
            summary: None,
            recalled: Vec::new(),
            ..before.clone()
        };
        let draft = Self::new(Ingredients {
            persona,
            extra_system: None,
            known: &without_notes,
            words: &last.text,
            speaker,
            language: Language::of(&last.text),
        });
        Self {
            asked: Asked {
                notes: layers,
                ..draft.asked
            },
            ..draft
        }
    }

    /// A program's own history in place of a remembered one.
    #[must_use]
    pub fn for_program(
        persona: &Persona,
        extra_system: Option<&str>,
        history: &[Message],
        words: &str,
    ) -> Self {
        let known = Known::default();
        let draft = Self::new(Ingredients {
            persona,
            extra_system,
            known: &known,
            words,
            speaker: None,
            language: Language::of(words),
        });
        let mut past: Vec<Exchange> = Vec::new();
        let mut unanswered: Vec<String> = Vec::new();
        for Message { role, content } in history {
            match (role, past.last_mut()) {
                (Role::System, _) => {}
                (Role::User, _) if content.is_empty() => {}
                (Role::User, _) => unanswered.push(notes::words(content)),
                (Role::Assistant, Some(last)) if unanswered.is_empty() => {
                    last.assistant.push('\n');
                    last.assistant.push_str(content);
                }
                // A template needs the person first.
                (Role::Assistant, None) if unanswered.is_empty() => {}
                (Role::Assistant, _) => past.push(Exchange {
                    user: std::mem::take(&mut unanswered).join("\n"),
                    assistant: content.clone(),
                }),
            }
        }
        Self {
            past,
            asked: Asked {
                unanswered,
                ..draft.asked
            },
            ..draft
        }
    }

    /// Every text whose tokens must be known, in the order that [`Self::fit`] takes the counts.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let mut texts = vec![self.system.clone(), self.asked.words.clone()];
        texts.extend(self.asked.notes.iter().map(|notes| notes.text.clone()));
        texts.extend(self.asked.unanswered.iter().cloned());
        for exchange in self.examples.iter().chain(&self.past) {
            texts.push(exchange.user.clone());
            texts.push(exchange.assistant.clone());
        }
        texts
    }

    /// Chooses what fits: the persona and the words always, then as many notes as possible, then the newest past turns, answered or not.
    ///
    /// # Errors
    /// When persona and words alone do not fit.
    pub fn fit(mut self, counts: &[u32], room: Room) -> Result<Prompt, TooLong> {
        let tally = self.tally(counts, room);
        let needed = tally.system + tally.words;
        if needed > room.prompt() {
            return Err(TooLong {
                needed,
                room: room.prompt(),
            });
        }
        let mut left = room.prompt() - needed;
        let with_examples = tally.examples > 0 && tally.examples <= left;
        if with_examples {
            left -= tally.examples;
        }
        let chosen = tally.notes.iter().position(|&tokens| tokens <= left);
        if let Some(index) = chosen {
            left -= tally.notes[index];
        }
        let first_unanswered = newest(&tally.unanswered, &mut left);
        // What is shown has no gap.
        let first = if first_unanswered == 0 {
            newest(&tally.past, &mut left)
        } else {
            self.past.len()
        };

        let turns_left_out = first + first_unanswered;
        let turns_shown = self.past.len() + self.asked.unanswered.len() - turns_left_out;
        let notes = chosen
            .map(|index| self.asked.notes[index].clone())
            .unwrap_or(Notes {
                text: String::new(),
                holds_all_memory: false,
            });
        let mut messages = vec![message(Role::System, self.system)];
        if with_examples {
            messages.extend(self.examples.into_iter().flat_map(Exchange::messages));
        }
        let lead = if self.is_extended { 0 } else { messages.len() };
        let past = self.past.into_iter().skip(first);
        messages.extend(past.flat_map(Exchange::messages));
        let mut asked = self.asked.unanswered.split_off(first_unanswered);
        asked.push(below(&notes.text, &self.asked.words));
        messages.push(message(Role::User, asked.join("\n")));
        Ok(Prompt {
            messages,
            lead,
            notes: notes.text,
            holds_all_memory: notes.holds_all_memory,
            tokens: room.prompt() - left,
            turns_shown,
            turns_left_out,
            window: room.window(tally.system + tally.examples),
        })
    }

    /// What the persona takes of the room, whatever is said.
    #[must_use]
    pub fn share(&self, counts: &[u32], room: Room) -> Share {
        let tally = self.tally(counts, room);
        let tokens = tally.system + tally.examples;
        Share {
            tokens,
            context: room.context,
            exchanges: room.window(tokens) / (ORDINARY_EXCHANGE + 2 * room.message_overhead),
        }
    }

    fn tally(&self, counts: &[u32], room: Room) -> Tally {
        let overhead = room.message_overhead;
        let mut counts = counts.iter().copied();
        let mut next = || counts.next().expect("one count for each of texts()");
        let system = next() + overhead;
        // The line break between notes and words, and the opening of the reply, are counted with the words.
        let words = next() + 2 * overhead + 1;
        let notes = self.asked.notes.iter().map(|_| next()).collect();
        // With the line break behind each.
        let unanswered = self.asked.unanswered.iter().map(|_| next() + 1).collect();
        let examples: u32 = self
            .examples
            .iter()
            .map(|_| next() + next() + 2 * overhead)
            .sum();
        let past = self
            .past
            .iter()
            .map(|_| next() + next() + 2 * overhead)
            .collect();
        let examples = room.examples(examples);
        Tally {
            system,
            words,
            notes,
            unanswered,
            examples,
            past,
        }
    }
}

/// Tokens of a draft's parts, with what the template adds.
struct Tally {
    system: u32,
    words: u32,
    notes: Vec<u32>,
    unanswered: Vec<u32>,
    /// 0 when there are none or they may not be shown.
    examples: u32,
    past: Vec<u32>,
}

/// The first of the newest parts that fit together into what is left, which is then less.
fn newest(tokens: &[u32], left: &mut u32) -> usize {
    let mut first = tokens.len();
    while first > 0 && tokens[first - 1] <= *left {
        first -= 1;
        *left -= tokens[first];
    }
    first
}

/// The window as exchanges, and the messages at its end that were never answered.
///
/// A template needs person and model in turn, so a message without a reply stands before the next one of the person. `opening` takes the
/// place of the first turn's notes.
pub fn exchanges(
    turns: &[Turn],
    opening: Option<&str>,
    voices: Voices,
) -> (Vec<Exchange>, Vec<String>) {
    let mut exchanges = Vec::new();
    let mut unanswered = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        unanswered.push(sent(turn, opening.filter(|_| index == 0), voices));
        if let Some(reply) = turn.reply.as_ref().filter(|reply| !reply.text.is_empty()) {
            exchanges.push(Exchange {
                user: std::mem::take(&mut unanswered).join("\n"),
                assistant: reply.text.clone(),
            });
        }
    }
    (exchanges, unanswered)
}

/// A past user message as it was sent, or with the notes that compaction gave it.
fn sent(turn: &Turn, opening: Option<&str>, voices: Voices) -> String {
    let speaker = voices.speaker(&turn.name, &turn.person);
    below(opening.unwrap_or(&turn.notes), &spoken(&turn.text, speaker))
}

/// The words as they stand in the prompt: what people write cannot open or close a block, and names carry a short id.
fn spoken(words: &str, speaker: Option<Speaker<'_>>) -> String {
    let words = notes::words(words);
    match speaker {
        Some(Speaker { name, person }) => format!("{}: {words}", notes::shared_name(name, person)),
        None => words,
    }
}

fn below(notes: &str, words: &str) -> String {
    if notes.is_empty() {
        words.to_owned()
    } else {
        format!("{notes}\n{words}")
    }
}

/// What is shown of a persona's facts with somebody's words; `None` for a persona that has no facts at all.
#[must_use]
pub fn facts_shown(persona: &Persona, words: &str) -> Option<Vec<String>> {
    (!persona.facts.is_empty()).then(|| {
        persona
            .facts_near(words, FACTS_SHOWN)
            .into_iter()
            .map(|fact| fact.text.clone())
            .collect()
    })
}

fn message(role: Role, content: String) -> Message {
    Message { role, content }
}

/// The notes, from all of them to none: what helps least is left out first.
fn layers(of: &Ingredients<'_>) -> Vec<Notes> {
    let Ingredients {
        persona,
        known,
        words,
        language,
        ..
    } = of;
    let facts = facts_shown(persona, words);
    let summary = known.summary.as_deref();
    let holds_all_memory = known.revision.is_some();
    let render = |memory: &[_], summary: Option<&str>, recalled: &[String]| {
        notes::notes(notes::Blocks {
            memory,
            summary,
            recalled,
            facts: facts.as_deref(),
            language: *language,
        })
    };
    let mut layers = vec![
        Notes {
            text: render(&known.memory, summary, &known.recalled),
            holds_all_memory,
        },
        Notes {
            text: render(&known.memory, summary, &[]),
            holds_all_memory,
        },
        Notes {
            text: render(&known.memory, None, &[]),
            holds_all_memory,
        },
        Notes {
            text: render(&[], None, &[]),
            holds_all_memory: false,
        },
    ];
    layers.dedup_by(|a, b| a.text == b.text);
    layers
}

#[cfg(test)]
mod tests {
    use chatfriends_personas::PersonaId;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Platform;
    use crate::memory::{FactKey, MemoryLine, Spoken, TurnId};

    fn persona(facts: &str) -> Persona {
        let text = format!(
            "name = \"Tim\"\nlanguages = [\"en\"]\nsystem = \"You are Tim.\"\ngreeting = \"Hi.\"\n[[example]]\nperson = \"hey\"\nreply = \"hey you\"\n{facts}"
        );
        Persona::parse(PersonaId::new("tim").unwrap(), "tim.toml", &text).unwrap()
    }

    fn turn(text: &str, reply: Option<&str>) -> Turn {
        Turn {
            id: TurnId(1),
            person: PersonId::new(Platform::Web, "yun"),
            name: "Yun".into(),
            text: text.into(),
            notes: String::new(),
            memory_revision: None,
            reply: reply.map(|text| Spoken {
                text: text.into(),
                complete: true,
            }),
            at_ms: 0,
            source: None,
            parts: Vec::new(),
            amended: false,
        }
    }

    /// Counts a token for every word.
    fn words(texts: &[String]) -> Vec<u32> {
        texts
            .iter()
            .map(|text| text.split_whitespace().count() as u32)
            .collect()
    }

    fn room(context: u32, reply: u32) -> Room {
        Room {
            context,
            reply,
            message_overhead: 2,
        }
    }

    fn show(prompt: &Prompt) -> String {
        prompt
            .messages
            .iter()
            .map(|Message { role, content }| format!("[{role:?}] {content}\n"))
            .collect()
    }

    fn check(known: &Known, words_of_now: &str, speaker: Option<Speaker<'_>>, expected: Expect) {
        let persona = persona("");
        let draft = Draft::new(Ingredients {
            persona: &persona,
            extra_system: None,
            known,
            words: words_of_now,
            speaker,
            language: Language::English,
        });
        let counts = words(&draft.texts());
        expected.assert_eq(&show(&draft.fit(&counts, room(1000, 100)).unwrap()));
    }

    #[test]
    fn memory_stands_in_the_message_and_not_in_the_system_text() {
        let memory = vec![MemoryLine {
            key: FactKey::Name,
            values: vec!["Yun".into()],
        }];
        let known = Known {
            memory,
            revision: Some(1),
            window: vec![turn("hello", Some("hi"))],
            ..Known::default()
        };
        check(
            &known,
            "What's my name?",
            None,
            expect![[r#"
            [System] You are Tim.
            [User] hey
            [Assistant] hey you
            [User] hello
            [Assistant] hi
            [User] <memory>
            name: Yun
            </memory>
            What's my name?
        "#]],
        );
    }

    #[test]
    fn words_without_an_answer_stand_before_the_next() {
        let known = Known {
            window: vec![turn("first", Some("one")), turn("second", None)],
            ..Known::default()
        };
        check(
            &known,
            "third",
            None,
            expect![[r#"
            [System] You are Tim.
            [User] hey
            [Assistant] hey you
            [User] first
            [Assistant] one
            [User] second
            third
        "#]],
        );
    }

    #[test]
    fn after_an_unanswered_message_the_prompt_only_grows_at_its_end() {
        let persona = persona("");
        let name = MemoryLine {
            key: FactKey::Name,
            values: vec!["Yun".into()],
        };
        let prompt = |known: &Known, said: &str| {
            let draft = Draft::new(Ingredients {
                persona: &persona,
                extra_system: None,
                known,
                words: said,
                speaker: None,
                language: Language::English,
            });
            let counts = words(&draft.texts());
            draft.fit(&counts, room(1000, 100)).unwrap()
        };
        let second = Turn {
            notes: "<summary>\nYun: I moved.\n</summary>".into(),
            ..turn("second", None)
        };
        let mut known = Known {
            window: vec![turn("first", Some("one")), second],
            memory: vec![name],
            revision: Some(1),
            ..Known::default()
        };
        let sent = prompt(&known, "third");
        expect![[r#"
            [System] You are Tim.
            [User] hey
            [Assistant] hey you
            [User] first
            [Assistant] one
            [User] <summary>
            Yun: I moved.
            </summary>
            second
            <memory>
            name: Yun
            </memory>
            third
        "#]]
        .assert_eq(&show(&sent));
        known.window.push(Turn {
            notes: sent.notes.clone(),
            ..turn("third", Some("three"))
        });
        known.memory.clear();
        let next = show(&prompt(&known, "fourth"));
        assert!(next.starts_with(&show(&sent)), "{next}");
    }

    #[test]
    fn what_leads_is_the_persona_s_alone() {
        let persona = persona("");
        let history = [
            message(Role::User, "secret".to_owned()),
            message(Role::Assistant, "hm".to_owned()),
        ];
        let lead = |extra: Option<&str>, context| {
            let draft = Draft::for_program(&persona, extra, &history, "hi");
            let counts = words(&draft.texts());
            let prompt = draft.fit(&counts, room(context, 10)).unwrap();
            assert!(
                prompt.messages[..prompt.lead]
                    .iter()
                    .all(|message| !message.content.contains("secret"))
            );
            prompt.lead
        };
        assert_eq!(lead(None, 1000), 3, "with its examples");
        assert_eq!(lead(None, 60), 1, "which have no room there");
        assert_eq!(lead(Some("Be brief."), 1000), 0);
    }

    #[test]
    fn long_unanswered_messages_do_not_lock_the_conversation() {
        let long = "long ".repeat(60);
        let known = Known {
            window: vec![
                turn("first", Some("one")),
                turn(&long, None),
                turn("second", None),
            ],
            ..Known::default()
        };
        let persona = persona("");
        let draft = Draft::new(Ingredients {
            persona: &persona,
            extra_system: None,
            known: &known,
            words: "third",
            speaker: None,
            language: Language::English,
        });
        let counts = words(&draft.texts());
        let prompt = draft.fit(&counts, room(60, 10)).unwrap();
        assert_eq!(
            (show(&prompt).as_str(), prompt.turns_left_out),
            ("[System] You are Tim.\n[User] second\nthird\n", 2)
        );
    }

    #[test]
    fn in_a_shared_place_names_carry_a_short_id() {
        let person = PersonId::new(Platform::Web, "other");
        let known = Known {
            window: vec![turn("hello", Some("hi"))],
            ..Known::default()
        };
        check(
            &known,
            "I am Yun too",
            Some(Speaker {
                name: "Yun",
                person: &person,
            }),
            expect![[r#"
            [System] You are Tim.
            [User] hey
            [Assistant] hey you
            [User] Yun#8041: hello
            [Assistant] hi
            [User] Yun#b457: I am Yun too
        "#]],
        );
    }

    #[test]
    fn a_program_s_history_is_brought_into_turns() {
        let message = |role, content: &str| Message {
            role,
            content: content.into(),
        };
        let history = [
            message(Role::Assistant, "dropped: nobody spoke yet"),
            message(Role::User, "a"),
            message(Role::User, "b"),
            message(Role::Assistant, "c"),
            message(Role::Assistant, "d"),
            message(Role::User, "<memory>"),
        ];
        let draft = Draft::for_program(&persona(""), Some("Be brief."), &history, "e");
        let counts = words(&draft.texts());
        expect![[r#"
            [System] You are Tim.

            Be brief.
            [User] hey
            [Assistant] hey you
            [User] a
            b
            [Assistant] c
            d
            [User] ‹memory>
            e
        "#]]
        .assert_eq(&show(&draft.fit(&counts, room(1000, 100)).unwrap()));
    }

    proptest! {
        /// Whatever there is to say, persona and words are in the prompt, and it fits with its reply.
        #[test]
        fn a_prompt_fits_or_is_refused(
            lengths in prop::collection::vec((1_usize..60, 0_usize..60), 0..12),
            unanswered in 0_usize..4,
            said in 1_usize..80,
            summary in 0_usize..60,
            recalled in 0_usize..60,
            context in 20_u32..400,
            reply in 1_u32..400,
        ) {
            let text = |words: usize| vec!["w"; words].join(" ");
            let known = Known {
                window: lengths.iter().enumerate().map(|(index, (user, reply))| turn(&text(*user), Some(text(*reply)).filter(|_| index + unanswered < lengths.len()).as_deref())).collect(),
                summary: (summary > 0).then(|| text(summary)),
                recalled: if recalled > 0 { vec![text(recalled)] } else { Vec::new() },
                ..Known::default()
            };
            let persona = persona("");
            let now = text(said);
            let draft = Draft::new(Ingredients { persona: &persona, extra_system: None, known: &known, words: &now, speaker: None, language: Language::English });
            let counts = words(&draft.texts());
            let model = Model { name: "m".into(), context, message_overhead: 2, capable: false, keeps_beginnings: false };
            let room = Room::of(&model, reply);
            match draft.fit(&counts, room) {
                Ok(prompt) => {
                    let used: u32 = prompt.messages.iter().map(|message| words(std::slice::from_ref(&message.content))[0] + 2).sum();
                    prop_assert!(used <= prompt.tokens && prompt.tokens + room.reply <= context, "{used} {} {}", prompt.tokens, room.reply);
                    prop_assert_eq!(&prompt.messages[0].content, "You are Tim.");
                    prop_assert!(prompt.messages.last().unwrap().content.ends_with(&now));
                    prop_assert!(prompt.messages[1..].iter().enumerate().all(|(index, message)| (message.role == Role::User) == (index % 2 == 0)));
                }
                Err(too_long) => prop_assert!(too_long.needed > too_long.room),
            }
        }
    }
}
