//! Chat templates: from messages to the text that a model was trained on, in pieces that tell whose words they are.
//! It knows text only; what becomes of special tokens is decided where the vocabulary is known.

mod known;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};

use minijinja::{Environment, Error, ErrorKind, context};
use serde::Serialize;

use crate::generate::{EngineError, Message, Role};

/// Instructions of the template language that one prompt may take; a hundred times what long chats need.
const FUEL: u64 = 5_000_000;

/// Part of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// The message whose content it is, by its place. Everything else are the template's own words, in which special tokens count.
    pub(crate) message: Option<usize>,
}

impl Piece {
    /// Whether these are the template's own words.
    pub(crate) fn is_templates(&self) -> bool {
        self.message.is_none()
    }
}

/// What a template may ask of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) bos: String,
    pub(crate) eos: String,
}

/// Checks a template by itself, without a model: that its name is known, or that its text compiles and tells people from the model.
///
/// # Errors
/// What is wrong with it.
pub fn check_template(source: &str) -> Result<(), EngineError> {
    let marks = Marks {
        bos: "<s>".to_owned(),
        eos: "</s>".to_owned(),
    };
    Template::new(source, marks).map(|_| ())
}

/// A template that has passed its probes.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    marks: Marks,
    /// Begins every placeholder; drawn at random, so that no template can contain it.
    nonce: String,
    /// The template knows no system role; its text goes before the first message of the person.
    fold_system: bool,
    /// What the template writes between the model's words and the next message.
    turn_end: String,
}

/// A message as Jinja sees it.
#[derive(Debug, Serialize)]
struct Seen {
    role: Role,
    content: String,
}

impl Template {
    /// Compiles a known name or Jinja text, and tries it out.
    pub(crate) fn new(source: &str, marks: Marks) -> Result<Self, EngineError> {
        let jinja = known::jinja(source)?;
        let mut environment = environment();
        environment
            .add_template_owned("chat", jinja.to_owned())
            .map_err(|error| broken(&error))?;
        let nonce = format!("cf{:016x}", RandomState::new().hash_one(0));
        let mut template = Self {
            environment,
            marks,
            nonce,
            fold_system: false,
            turn_end: String::new(),
        };
        template.probe()?;
        Ok(template)
    }

    /// The prompt for these messages, up to where the model's reply begins.
    pub(crate) fn render(&self, messages: &[Message]) -> Result<Vec<Piece>, EngineError> {
        let contents: Vec<&str> = messages
            .iter()
            .map(|message| message.content.as_str())
            .collect();
        let placeholders: Vec<String> = (0..messages.len())
            .map(|index| self.placeholder(index))
            .collect();
        let roles = messages
            .iter()
            .zip(placeholders)
            .map(|(message, content)| Seen {
                role: message.role,
                content,
            });
        let seen = if self.fold_system {
            fold_system(roles.collect())
        } else {
            roles.collect()
        };
        let text = self.fill(&seen).map_err(|error| broken(&error))?;
        self.split(&text, &contents)
    }

    /// What the template writes right after the model's words: it must begin with a token that the model ends its turn with.
    pub(crate) fn turn_end(&self) -> &str {
        &self.turn_end
    }

    /// Learns how the template treats the roles, and refuses one that loses or repeats what is said.
    fn probe(&mut self) -> Result<(), EngineError> {
        let said = |role| Message {
            role,
            content: "x".into(),
        };
        self.render(&[said(Role::User)])?;
        if self
            .render(&[said(Role::System), said(Role::User)])
            .is_err()
        {
            self.fold_system = true;
            self.render(&[said(Role::System), said(Role::User)])?;
        }
        let pieces = self.render(&[said(Role::User), said(Role::Assistant), said(Role::User)])?;
        let after_reply = pieces
            .iter()
            .skip_while(|piece| piece.is_templates())
            .skip(1)
            .skip_while(|piece| piece.is_templates())
            .nth(1);
        self.turn_end = after_reply
            .filter(|piece| piece.is_templates())
            .map(|piece| piece.text.clone())
            .unwrap_or_default();
        Ok(())
    }

    fn placeholder(&self, index: usize) -> String {
        format!("{}m{index:06}", self.nonce)
    }

    fn fill(&self, messages: &[Seen]) -> Result<String, Error> {
        self.environment.get_template("chat")?.render(context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.marks.bos,
            eos_token => self.marks.eos,
            // Models that can think aloud first are asked not to: a chat is no place for it.
            enable_thinking => false,
            tools => None::<()>,
            documents => None::<()>,
        })
    }

    /// Cuts the filled template at its placeholders and puts the contents in. Each must be there once, in order.
    fn split(&self, text: &str, contents: &[&str]) -> Result<Vec<Piece>, EngineError> {
        let mark = format!("{}m", self.nonce);
        let mut parts = text.split(&mark);
        let mut pieces = Vec::new();
        let push = |pieces: &mut Vec<Piece>, text: &str, message| {
            if !text.is_empty() {
                pieces.push(Piece {
                    text: text.to_owned(),
                    message,
                });
            }
        };
        push(&mut pieces, parts.next().unwrap_or_default(), None);
        let mut expected = contents.iter().enumerate();
        for part in parts {
            let (digits, own) = part.split_at_checked(6).unwrap_or_default();
            match expected.next() {
                Some((index, content)) if digits == format!("{index:06}") => {
                    push(&mut pieces, content, Some(index))
                }
                _ => {
                    return Err(EngineError::Refused(
                        "the chat template repeats or reorders messages: choose another one".into(),
                    ));
                }
            }
            push(&mut pieces, own, None);
        }
        match expected.next() {
            None => Ok(pieces),
            Some(_) => Err(EngineError::Refused(
                "the chat template leaves messages out: choose another one".into(),
            )),
        }
    }
}

/// Puts the system's text before the first message of the person.
fn fold_system(mut messages: Vec<Seen>) -> Vec<Seen> {
    if messages
        .first()
        .is_some_and(|first| first.role == Role::System)
    {
        let system = messages.remove(0);
        match messages
            .iter_mut()
            .find(|message| message.role == Role::User)
        {
            Some(user) => user
                .content
                .insert_str(0, &format!("{}\n\n", system.content)),
            None => messages.insert(
                0,
                Seen {
                    role: Role::User,
                    ..system
                },
            ),
        }
    }
    messages
}

/// Jinja as Hugging Face's templates expect it.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function(
        "raise_exception",
        |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        },
    );
    environment.add_function("strftime_now", |format: String| -> Result<String, Error> {
        let mut text = String::new();
        // An unknown directive is an error of formatting.
        write!(text, "{}", chrono::Utc::now().format(&format)).map_err(|_| {
            Error::new(
                ErrorKind::InvalidOperation,
                format!("unknown date format \"{format}\""),
            )
        })?;
        Ok(text)
    });
    environment
}

fn broken(error: &Error) -> EngineError {
    let mut text = format!("the chat template is broken: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    EngineError::Refused(format!(
        "{text}; correct the persona's `template` or choose {}",
        known::NAMES
    ))
}
