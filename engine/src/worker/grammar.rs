//! The form that a reply must have: which tokens may come next. llguidance knows, within limits; llama.cpp's own grammars take all memory,
//! or never end, on a few bytes (`"a"{2,1}`, rules that begin with themselves by a detour, an integer of at least 10^16).

mod gbnf;

use std::sync::Arc;

use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{ApproximateTokEnv, SimpleVob, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};

use super::scheduler::Token;
use crate::generate::Grammar;

/// A vocabulary, ready for grammars.
pub(super) struct Vocabulary(ParserFactory);

/// How far a reply has come in its form.
pub(super) struct Form(Matcher);

impl Vocabulary {
    /// `bytes` are those of every token, none where a text cannot hold it; `ends` end a reply. Takes some tenths of a second for a large
    /// vocabulary.
    ///
    /// # Errors
    /// A model without an end.
    pub(super) fn new(bytes: &[Vec<u8>], ends: &[Token]) -> Result<Self, String> {
        let number = |token: &Token| u32::try_from(*token).ok();
        let ends: Vec<u32> = ends.iter().filter_map(number).collect();
        let (Some(end), Ok(size)) = (ends.first(), u32::try_from(bytes.len())) else {
            return Err("this model cannot end a reply, and so cannot keep to a form".into());
        };
        let trie = TokTrie::from(&TokRxInfo::new(size, *end), bytes).with_eos_tokens(&ends);
        let tokens: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&tokens).map_err(|error| error.to_string())?;
        factory.quiet();
        // A step of all chats waits for each of these: some hundredths of a second, and some MiB.
        *factory.limits_mut() = ParserLimits {
            max_lexer_states: 20_000,
            // What the grammar leaves of it is for the whole reply.
            initial_lexer_fuel: 5_000_000,
            max_grammar_size: 50_000,
            verbose_errors: false,
            ..ParserLimits::default()
        };
        Ok(Self(factory))
    }

    /// A reply's form before its first token.
    ///
    /// # Errors
    /// What is wrong with the grammar.
    pub(super) fn form(&self, grammar: &Grammar) -> Result<Form, String> {
        let grammar = match grammar {
            Grammar::Gbnf(rules) => TopLevelGrammar::from_lark(gbnf::to_lark(rules)?),
            Grammar::JsonSchema { schema, .. } => {
                TopLevelGrammar::from_json_schema(compact(schema.clone()))
            }
        };
        let parser = self.0.create_parser(grammar);
        let parser = parser.map_err(|error| plain(&format!("{error:#}")))?;
        let matcher = Matcher::new(Ok(parser));
        match matcher.get_error() {
            Some(error) => Err(plain(&error)),
            None => Ok(Form(matcher)),
        }
    }
}

/// What an error says, without the traces behind it.
fn plain(error: &str) -> String {
    match error.lines().next() {
        Some(line) if !line.starts_with("panic") => line.trim_end_matches(':').to_owned(),
        _ => "it cannot be understood".to_owned(),
    }
}

/// A schema whose JSON has no line breaks and no spaces but one behind each comma and colon: small models fill what is left open with
/// white space for ever. Of several that `oneOf` names, two may fit.
fn compact(mut schema: Value) -> Value {
    if schema == Value::Bool(true) {
        schema = json!({});
    }
    if let Some(schema) = schema.as_object_mut() {
        let form = json!({ "whitespace_flexible": false, "item_separator": ", ", "key_separator": ": ", "coerce_one_of": true });
        schema.insert("x-guidance".into(), form);
    }
    schema
}

impl Form {
    /// Whether this token may come next.
    pub(super) fn allows(&mut self, token: Token) -> bool {
        let Ok(token) = u32::try_from(token) else {
            return false;
        };
        self.is_complete_with(token) || matches!(self.0.validate_tokens(&[token]), Ok(1))
    }

    /// All tokens that may come next; `None` where so many ways are open that finding them all would take too long.
    pub(super) fn allowed(&self) -> Option<SimpleVob> {
        // One that has met a limit is of no more use, nor is any that shares its lexer.
        self.0.deep_clone().compute_mask_or_eos().ok()
    }

    /// Goes on with a token; false where it may not come next.
    pub(super) fn accept(&mut self, token: Token) -> bool {
        let Ok(token) = u32::try_from(token) else {
            return false;
        };
        self.is_complete_with(token) || matches!(self.0.try_consume_tokens(&[token]), Ok(1))
    }

    /// Whether nothing but an end may follow.
    pub(super) fn is_complete(&self) -> bool {
        self.0.is_stopped() && !self.0.is_error()
    }

    /// Whether nothing but an end may follow, and this is one.
    fn is_complete_with(&mut self, token: u32) -> bool {
        if !self.0.is_stopped() {
            return false;
        }
        let ends = self.0.compute_mask_or_eos();
        ends.is_ok_and(|ends| ends.is_allowed(token))
    }
}

#[cfg(test)]
mod tests;
