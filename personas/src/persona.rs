//! The persona: everything that makes a character answer as itself. Its file is read in `parse.rs`.

use std::path::PathBuf;

use crate::facts::{Fact, Facts};
use crate::fault::Faults;
use crate::id::PersonaId;
use crate::language::Language;
use crate::parse;

/// A character that answers. Made by [`Persona::parse`] only, so each one is complete and checked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Persona {
    /// The stem of its file's name.
    pub id: PersonaId,
    /// What people see.
    pub name: String,
    /// Other names it may be called by.
    pub aliases: Vec<String>,
    /// The languages it speaks, its first one first. Never empty.
    pub languages: Vec<Language>,
    /// The system prompt, unchanged in every prompt.
    pub system: String,
    /// The first words of a conversation.
    pub greeting: String,
    /// Turns that show the model how the persona talks.
    pub examples: Vec<Example>,
    /// What it knows.
    pub facts: Facts,
    /// A chat template in place of the model's own: a name the engine knows, or Jinja text.
    pub template: Option<String>,
    /// A model in place of the default one: the path of a GGUF file.
    pub model: Option<String>,
    /// The path of a LoRA adapter in a GGUF file.
    pub adapter: Option<PathBuf>,
    /// How its words are drawn, where that differs from the settings.
    pub sampling: SamplingChoice,
    /// Texts at which a reply ends; they are not shown.
    pub stop: Vec<String>,
    /// The longest reply, in tokens.
    pub reply_tokens: Option<u32>,
}

impl Persona {
    /// Reads a persona from the text of its file, or says everything that is wrong with it. `file` is the name that the faults show.
    pub fn parse(id: PersonaId, file: &str, text: &str) -> Result<Self, Faults> {
        parse::persona(id, file, text)
    }

    /// The same from the bytes of a file, which may not be text at all.
    pub fn parse_bytes(id: PersonaId, file: &str, bytes: &[u8]) -> Result<Self, Faults> {
        let text = parse::text(file, bytes)?;
        parse::persona(id, file, text)
    }

    /// The facts that bear on `text`, nearest first, at most `most`; none when nothing is near.
    pub fn facts_near(&self, text: &str, most: usize) -> Vec<&Fact> {
        self.facts.near(text, most)
    }
}

/// One turn that shows how a persona talks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Example {
    /// What a person might say.
    pub person: String,
    /// What the persona would reply.
    pub reply: String,
}

/// How a persona's words are drawn; what is `None` follows the settings. The engine defines what each of them does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SamplingChoice {
    /// 0 takes the most likely token each time.
    pub temperature: Option<f32>,
    /// Only the k most likely tokens; 0 = all.
    pub top_k: Option<u32>,
    /// Only the most likely tokens that together have this probability; 1 = all.
    pub top_p: Option<f32>,
    /// Only tokens at least this fraction as likely as the likeliest; 0 = all.
    pub min_p: Option<f32>,
    /// Makes the last tokens less likely; 1 = off.
    pub repeat_penalty: Option<f32>,
    /// How many of the last tokens `repeat_penalty` looks at.
    pub repeat_last_n: Option<u32>,
    /// Strength of the DRY penalty against repeated sequences; 0 = off.
    pub dry_multiplier: Option<f32>,
    /// How fast the DRY penalty grows with the sequence's length.
    pub dry_base: Option<f32>,
    /// The longest repeated sequence, in tokens, that DRY leaves alone.
    pub dry_allowed_length: Option<u32>,
}
