//! Templates together with the model they are for: compiled once, and tried before anyone waits for a reply.

use std::collections::HashMap;
use std::sync::Arc;

use super::llama::Llama;
use super::scheduler::{Token, common};
use crate::generate::{EngineError, Message, Role};
use crate::gguf::Gguf;
use crate::template::Template;

/// The templates asked for so far; `None` is the model's own.
#[derive(Debug, Default)]
pub(super) struct Templates(HashMap<Option<String>, Arc<Template>>);

impl Templates {
    /// The template for a source. One under which the model would never end its turn is refused.
    pub(super) fn get(
        &mut self,
        llama: &Llama,
        base: &Gguf,
        source: Option<&str>,
    ) -> Result<Arc<Template>, EngineError> {
        let key = source.map(ToOwned::to_owned);
        if let Some(template) = self.0.get(&key) {
            return Ok(Arc::clone(template));
        }
        let source = source.or(base.chat_template.as_deref()).ok_or_else(|| {
            let name = "name one in the persona's `template`, such as \"chatml\"";
            EngineError::Refused(format!("this model came without a chat template: {name}"))
        })?;
        let template = Arc::new(Template::new(source, llama.marks())?);
        if !llama.begins_with_end(template.turn_end()) {
            let end: String = template.turn_end().trim().chars().take(40).collect();
            return Err(EngineError::Refused(format!(
                "the chat template ends the model's turn with \"{end}\", which this model does not end its replies with: \
                 it would talk on for ever; choose the template that the model was trained with"
            )));
        }
        self.0.insert(key, Arc::clone(&template));
        Ok(template)
    }
}

/// The tokens with which every prompt begins whose first messages are these, whatever a person says after them.
pub(super) fn beginning(
    llama: &Llama,
    template: &Template,
    messages: &[Message],
) -> Result<Vec<Token>, EngineError> {
    // Where content and template meet, tokens may depend on both: only what two very different words leave alone is certain.
    let followed_by = |word: &str| -> Result<Vec<Token>, EngineError> {
        let said = Message {
            role: Role::User,
            content: word.into(),
        };
        let messages: Vec<Message> = messages.iter().cloned().chain([said]).collect();
        Ok(llama.tokens(&template.render(&messages)?))
    };
    let (mut tokens, other) = (followed_by("x")?, followed_by("가")?);
    tokens.truncate(common(&tokens, &other));
    Ok(tokens)
}

/// Upper bound of what the template adds to a message, measured on chats of one, two and three; the first bears what stands once.
pub(super) fn message_overhead(llama: &Llama, template: &Template) -> Result<u32, EngineError> {
    const WORD: &str = "x";
    let said = |role| Message {
        role,
        content: WORD.into(),
    };
    let word = llama.plain(WORD).count();
    let added = |roles: &[Role]| -> Result<usize, EngineError> {
        let messages: Vec<Message> = roles.iter().map(|role| said(*role)).collect();
        let tokens: Vec<Token> = llama.tokens(&template.render(&messages)?);
        Ok(tokens.len().saturating_sub(word * messages.len()))
    };
    let alone = added(&[Role::User])?;
    let with_system = added(&[Role::System, Role::User])?;
    let further = added(&[Role::User, Role::Assistant, Role::User])?;
    let a_further_one = further.saturating_sub(alone).div_ceil(2);
    let most = alone.max(with_system.div_ceil(2)).max(a_further_one);
    // Words can fall apart differently where content and template meet.
    Ok(u32::try_from(most + 2).unwrap_or(u32::MAX))
}
