//! Messages in the making, which Telegram shows in private chats without posting them. teloxide does not know the method yet, so it is called
//! here: <https://core.telegram.org/bots/api#sendmessagedraft>

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use teloxide::Bot;
use teloxide::types::{ChatId, MessageEntity, ThreadId};

use crate::platforms::{PostKey, SendError};

/// Whether the server knows drafts. One that does not is not asked again before the next start.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    unknown: AtomicBool,
}

/// An answer of the Bot API.
#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Debug, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

impl Drafts {
    pub(super) fn are_known(&self) -> bool {
        !self.unknown.load(Ordering::Relaxed)
    }

    pub(super) async fn show(
        &self,
        bot: &Bot,
        chat: ChatId,
        thread: Option<ThreadId>,
        (text, entities): (String, Vec<MessageEntity>),
        key: &PostKey,
    ) -> Result<(), SendError> {
        let mut draft = json!({
            "chat_id": chat,
            "draft_id": number(key),
            "text": text,
            "entities": entities,
        });
        if let Some(thread) = thread {
            draft["message_thread_id"] = json!(thread);
        }
        // The address holds the token, which no message must show.
        let unreachable =
            |error: reqwest::Error| SendError::Unreachable(error.without_url().to_string());
        let mut address = bot.api_url();
        if let Ok(mut path) = address.path_segments_mut() {
            path.pop_if_empty()
                .push(&format!("bot{}", bot.token()))
                .push("sendMessageDraft");
        }
        let request = bot.client().post(address).json(&draft);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let Ok(answer) = response.json::<Answer>().await else {
            return Err(SendError::Unreachable(format!("status {status}")));
        };
        if answer.ok {
            return Ok(());
        }
        let cause = answer.description.unwrap_or_default();
        let retry_after = answer.parameters.and_then(|it| it.retry_after);
        match (answer.error_code.unwrap_or(status), retry_after) {
            (_, Some(seconds)) => Err(SendError::Throttled {
                retry_after: Duration::from_secs(seconds),
            }),
            (400 | 404, None) => {
                tracing::info!(%cause, "This Bot API server shows no messages in the making; replies grow by edits.");
                self.unknown.store(true, Ordering::Relaxed);
                Err(SendError::Refused(cause))
            }
            (403, None) => Err(SendError::Gone(cause)),
            _ => Err(SendError::Unreachable(cause)),
        }
    }
}

/// The same for the same message, another one for others, and never 0.
fn number(key: &PostKey) -> i32 {
    let digest = Sha256::digest(key.0.as_bytes());
    let number = i32::from_be_bytes([digest[0] & 0x7f, digest[1], digest[2], digest[3]]);
    number.max(1)
}
