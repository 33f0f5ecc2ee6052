//! Measures a model instead of letting it speak: how likely it finds given texts, and which tokens it sees in them. It computes with
//! the settings, the cache and the steps that replies are computed with, so what is measured is what people get.
//!
//! JSON lines in, one line out for each, in order.

use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::llama::{Adapters, Computer, Llama, Unloadable};
use super::scheduler::{Adapter, Entry, Token};
use super::settings::WorkerSettings;
use crate::generate::{Message, Role};
use crate::gguf;
use crate::template::{Piece, Template};

/// Tokens of one step. Each of them has scores for the whole vocabulary, so that full batches would take half a gigabyte.
const STEP: usize = 128;

/// A text whose tokens are to be scored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Passage {
    /// Its tokens, or instead
    tokens: Option<Vec<Token>>,
    /// its words, with the token that begins every text if the model wants it.
    text: Option<String>,
    /// Places after which the whole distribution of the next token is wanted, ascending.
    #[serde(default)]
    rows: Vec<usize>,
}

/// A passage's scores.
#[derive(Debug, Serialize)]
struct Scores {
    tokens: Vec<Token>,
    /// Natural logarithms of the probability of each token after those before it; nothing stands before the first.
    log_probabilities: Vec<Option<f32>>,
}

/// A text whose tokens are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    text: Option<String>,
    /// Or a conversation, laid out by the model's own template.
    messages: Option<Vec<Said>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    role: SpokenRole,
    content: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SpokenRole {
    System,
    User,
    Assistant,
}

/// A text's tokens.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Tokens {
    Text {
        /// As somebody's words: control tokens in them are not seen.
        plain: Vec<Token>,
        /// As a template's words: control tokens in them count. Where the model wants a token at the beginning, it is there.
        special: Vec<Token>,
    },
    Conversation {
        tokens: Vec<Token>,
    },
}

/// Answers each line of `input` with the scores of its tokens; whole distributions go to the file `rows`, one after another:
/// natural logarithms of probabilities, as little-endian 32-bit floating point numbers, one for each token of the vocabulary.
pub(super) fn score(
    settings: &WorkerSettings,
    adapter: Option<&Path>,
    rows: Option<&Path>,
    input: impl BufRead,
    mut output: impl Write,
) -> Result<(), String> {
    let (mut llama, base) = load(settings)?;
    let mut adapters = Adapters::default();
    let adapter = match adapter {
        Some(path) => {
            let gguf = gguf::inspect(path).map_err(|error| error.to_string())?;
            gguf.check_adapter(&base)
                .map_err(|error| error.to_string())?;
            Some(llama.load_adapter(path, &mut adapters)?)
        }
        None => None,
    };
    let mut rows = rows.map(Rows::create).transpose()?;
    let mut scorer = Scorer {
        computer: llama.computer()?,
        adapters,
        adapter,
        step: STEP.min(llama.batch_size() as usize),
        context: llama.context() as usize,
    };
    for_each_line(input, |passage: Passage| {
        let tokens = match (passage.tokens, passage.text) {
            (Some(tokens), None) => tokens,
            (None, Some(text)) => llama.tokens(&[Piece {
                text,
                message: Some(0),
            }]),
            _ => return Err("either \"tokens\" or \"text\" is wanted".into()),
        };
        let log_probabilities = scorer.score(&tokens, &passage.rows, rows.as_mut())?;
        say(
            &mut output,
            &Scores {
                tokens,
                log_probabilities,
            },
        )
    })?;
    rows.map_or(Ok(()), Rows::finish)
}

/// Answers each line of `input` with its tokens; conversations are laid out by `template`, or else by the model's own.
pub(super) fn tokenize(
    settings: &WorkerSettings,
    template: Option<&str>,
    input: impl BufRead,
    mut output: impl Write,
) -> Result<(), String> {
    let (llama, base) = load(settings)?;
    let template = template.or(base.chat_template.as_deref());
    let template = template
        .map(|source| Template::new(source, llama.marks()).map_err(|error| error.to_string()))
        .transpose();
    for_each_line(input, |words: Words| {
        let tokens = match (words.text, words.messages) {
            (Some(text), None) => Tokens::Text {
                plain: llama.plain(&text).collect(),
                special: llama.tokens(&[Piece {
                    text,
                    message: None,
                }]),
            },
            (None, Some(messages)) => {
                let template = template.as_ref().map_err(String::clone)?;
                let template = template
                    .as_ref()
                    .ok_or("this model came without a chat template: name one with --template, such as \"chatml\"")?;
                let messages: Vec<Message> = messages.into_iter().map(Said::into).collect();
                let pieces = template
                    .render(&messages)
                    .map_err(|error| error.to_string())?;
                Tokens::Conversation {
                    tokens: llama.tokens(&pieces),
                }
            }
            _ => return Err("either \"text\" or \"messages\" is wanted".into()),
        };
        say(&mut output, &tokens)
    })
}

fn load(settings: &WorkerSettings) -> Result<(Llama, gguf::Gguf), String> {
    let base = gguf::inspect(&settings.model).map_err(|error| error.to_string())?;
    base.check_model().map_err(|error| error.to_string())?;
    let llama = Llama::load(&base, settings, 0, || {}).map_err(|error| match error {
        Unloadable::NoRoom(shortage) => shortage.reason,
        Unloadable::Misset(reason) | Unloadable::Faulty(reason) => reason,
    })?;
    Ok((llama, base))
}

struct Scorer<'model> {
    computer: Computer<'model>,
    adapters: Adapters,
    adapter: Option<Adapter>,
    step: usize,
    context: usize,
}

impl Scorer<'_> {
    fn score(
        &mut self,
        tokens: &[Token],
        wanted: &[usize],
        mut rows: Option<&mut Rows>,
    ) -> Result<Vec<Option<f32>>, String> {
        self.check(tokens, wanted, rows.is_some())?;
        self.computer.clear();
        let mut scores = vec![None];
        let entries: Vec<Entry> = tokens
            .iter()
            .enumerate()
            .map(|(position, token)| Entry {
                slot: 0,
                token: *token,
                position,
                draw: true,
            })
            .collect();
        for step in entries.chunks(self.step) {
            self.computer
                .decode(step, self.adapter, &mut self.adapters)?;
            for (index, entry) in step.iter().enumerate() {
                let logits = self
                    .computer
                    .logits(index)
                    .ok_or("llama.cpp gave no scores")?;
                let normaliser = normaliser(logits);
                let log_probability = |logit: f32| (f64::from(logit) - normaliser) as f32;
                if let Some(next) = tokens.get(entry.position + 1) {
                    // Checked against the vocabulary above.
                    let logit = usize::try_from(*next)
                        .ok()
                        .and_then(|next| logits.get(next));
                    scores.push(logit.map(|logit| log_probability(*logit)));
                }
                if let Some(rows) = rows.as_mut().filter(|_| wanted.contains(&entry.position)) {
                    rows.write(logits.iter().map(|logit| log_probability(*logit)))?;
                }
            }
        }
        Ok(scores)
    }

    fn check(&self, tokens: &[Token], wanted: &[usize], has_file: bool) -> Result<(), String> {
        let vocabulary = self.computer.vocabulary();
        if tokens.is_empty() {
            return Err("there are no tokens".into());
        }
        if tokens.len() > self.context {
            return Err(format!(
                "{} tokens, but the model's context has {}: cut the text",
                tokens.len(),
                self.context
            ));
        }
        if let Some(token) = tokens
            .iter()
            .find(|token| !(0..vocabulary).contains(*token))
        {
            return Err(format!("there is no token {token} among {vocabulary}"));
        }
        if !wanted.is_empty() && !has_file {
            return Err("\"rows\" needs a file for them: add --rows FILE".into());
        }
        if !wanted.is_sorted_by(|one, next| one < next)
            || wanted.last().is_some_and(|last| *last >= tokens.len())
        {
            return Err("\"rows\" must be ascending places in the text".into());
        }
        Ok(())
    }
}

/// The logarithm of the sum of all exponentials, which turns scores into logarithms of probabilities.
fn normaliser(logits: &[f32]) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let largest = f64::from(largest);
    let sum: f64 = logits
        .iter()
        .map(|logit| (f64::from(*logit) - largest).exp())
        .sum();
    largest + sum.ln()
}

/// The file of whole distributions.
struct Rows {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Rows {
    fn create(path: &Path) -> Result<Self, String> {
        let file = File::create(path)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
        })
    }

    fn write(&mut self, row: impl Iterator<Item = f32>) -> Result<(), String> {
        for number in row {
            let outcome = self.file.write_all(&number.to_le_bytes());
            outcome
                .map_err(|error| format!("{} cannot be written: {error}", self.path.display()))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), String> {
        let outcome = self.file.flush();
        outcome.map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
    }
}

fn for_each_line<T: for<'de> Deserialize<'de>>(
    input: impl BufRead,
    mut answer: impl FnMut(T) -> Result<(), String>,
) -> Result<(), String> {
    for (number, line) in (1..).zip(input.lines()) {
        let in_line = |reason: String| format!("line {number} of standard input: {reason}");
        let line = line.map_err(|error| in_line(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(&line).map_err(|error| in_line(error.to_string()))?;
        answer(value).map_err(in_line)?;
    }
    Ok(())
}

fn say(output: &mut impl Write, value: &impl Serialize) -> Result<(), String> {
    let mut line = serde_json::to_vec(value).map_err(|error| error.to_string())?;
    line.push(b'\n');
    output
        .write_all(&line)
        .and_then(|()| output.flush())
        .map_err(|error| format!("nobody reads the answers any more: {error}"))
}

impl From<Said> for Message {
    fn from(said: Said) -> Self {
        let role = match said.role {
            SpokenRole::System => Role::System,
            SpokenRole::User => Role::User,
            SpokenRole::Assistant => Role::Assistant,
        };
        Self {
            role,
            content: said.content,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_whatever_the_scores() {
        for logits in [vec![0.0, 0.0], vec![-1e4, 3.0, 2.0], vec![1e4, 1e4 - 1.0]] {
            let normaliser = normaliser(&logits);
            let sum: f64 = logits
                .iter()
                .map(|logit| (f64::from(*logit) - normaliser).exp())
                .sum();
            assert!((sum - 1.0).abs() < 1e-9, "{logits:?}: {sum}");
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        let answer = |_: Passage| Ok(());
        for (input, expected) in [
            (
                "{\"tokens\": [1]}\n\n{\"text\": 3}",
                "line 3 of standard input: invalid type",
            ),
            (
                "{\"token\": [1]}",
                "line 1 of standard input: unknown field `token`",
            ),
        ] {
            let error = for_each_line(input.as_bytes(), answer).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
