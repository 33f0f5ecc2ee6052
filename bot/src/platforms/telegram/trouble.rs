//! What Telegram's errors mean. What is done about them is decided elsewhere.

use serde_json::Value;
use teloxide::types::{ChatId, Message, MessageId};
use teloxide::{ApiError, RequestError};

use crate::platforms::SendError;

/// Whether doing something twice is the same as doing it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeatable {
    Yes,
    No,
}

/// What an error is about, for logs and for whoever runs the bot.
///
/// Invariant: `RequestError` is never written as it is, since it may hold an answer of Telegram with what people said.
pub(super) fn told(error: &RequestError) -> String {
    match error {
        RequestError::InvalidJson { source, .. } => format!(
            "its answer cannot be read (line {}, column {})",
            source.line(),
            source.column()
        ),
        other => other.to_string(),
    }
}

/// The same, where a request had no success at all.
pub(super) fn unreached(error: &RequestError) -> String {
    let told = told(error);
    let remedy = match error {
        RequestError::Network(_) | RequestError::Io(_) => {
            "; look at this machine's network and at the proxy that it needs (HTTPS_PROXY in the environment), or at telegram.api_url where it is set"
        }
        _ => "",
    };
    format!("Telegram cannot be reached: {told}{remedy}")
}

pub(super) fn trouble(error: RequestError, repeatable: Repeatable) -> SendError {
    let cause = told(&error);
    match error {
        RequestError::RetryAfter(seconds) => SendError::Throttled {
            retry_after: seconds.duration(),
        },
        RequestError::Network(network) if network.is_connect() || repeatable == Repeatable::Yes => {
            SendError::Unreachable(cause)
        }
        RequestError::Network(_) => SendError::Unconfirmed(cause),
        RequestError::InvalidJson { raw, .. } => match refusal(&raw) {
            Some(error) => of_api(&error, error.to_string()),
            // A newer answer than teloxide knows, or a proxy's own page in place of one: it may have been done all the same.
            None if repeatable == Repeatable::No => SendError::Unconfirmed(cause),
            None => SendError::Unreachable(cause),
        },
        RequestError::Io(_) => SendError::Unreachable(cause),
        RequestError::MigrateToChatId(_) => SendError::Moved(cause),
        RequestError::Api(error) => of_api(&error, cause),
    }
}

/// Where a message was put, also when Telegram shows more of it than teloxide can read.
pub(super) fn placed(
    sent: Result<Message, RequestError>,
) -> Result<(ChatId, MessageId), RequestError> {
    match sent {
        Ok(message) => Ok((message.chat.id, message.id)),
        Err(RequestError::InvalidJson { source, raw }) => {
            read_placed(&raw).ok_or(RequestError::InvalidJson { source, raw })
        }
        Err(error) => Err(error),
    }
}

/// Whether a message shows what it should although there is an error: it did before, or Telegram shows more of it than teloxide can read.
pub(super) fn was_done(error: &RequestError) -> bool {
    match error {
        RequestError::Api(error) => is_unmodified(error),
        RequestError::InvalidJson { raw, .. } => read_placed(raw).is_some(),
        _ => false,
    }
}

fn read_placed(raw: &str) -> Option<(ChatId, MessageId)> {
    let answer: Value = serde_json::from_str(raw).ok()?;
    let message = answer.get("result").filter(|_| answer["ok"] == true)?;
    let id = i32::try_from(message["message_id"].as_i64()?).ok()?;
    Some((ChatId(message["chat"]["id"].as_i64()?), MessageId(id)))
}

/// The words of an answer that says in a form of its own that nothing was done.
fn refusal(raw: &str) -> Option<ApiError> {
    let answer: Value = serde_json::from_str(raw).ok()?;
    if answer["ok"] != false {
        return None;
    }
    let words = answer["description"].as_str().unwrap_or_default();
    Some(ApiError::Unknown(words.to_owned()))
}

/// Telegram's words for what is gone for good, or never was ours. teloxide knows them in part and in older forms.
const GONE: [&str; 14] = [
    "forbidden",
    "chat not found",
    "user not found",
    "bot was blocked",
    "bot was kicked",
    "user is deactivated",
    "group is deactivated",
    "group chat was deactivated",
    "not enough rights",
    "can't initiate conversation",
    "message to edit not found",
    "message to delete not found",
    "message can't be edited",
    "message can't be deleted",
];

/// Its words for what may pass. A new token may be set; the inbox keeps what is not answered.
const PASSING: [&str; 6] = [
    "internal server error",
    "bad gateway",
    "service unavailable",
    "gateway time",
    "invalid bot token",
    "invalid token specified",
];

fn is_unmodified(error: &ApiError) -> bool {
    let text = error.to_string().to_lowercase();
    text.contains("message is not modified")
}

fn of_api(error: &ApiError, cause: String) -> SendError {
    let text = error.to_string().to_lowercase();
    let has = |words: &[&str]| words.iter().any(|words| text.contains(words));
    if *error == ApiError::InvalidToken || has(&PASSING) {
        SendError::Unreachable(cause)
    } else if *error == ApiError::MessageIdInvalid || has(&GONE) {
        SendError::Gone(cause)
    } else {
        SendError::Refused(cause)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq)]
    enum Next {
        GiveUp,
        Again,
        Look,
        Doubt,
    }

    fn next_after(error: RequestError) -> Next {
        match trouble(error, Repeatable::No) {
            SendError::Gone(_) => Next::GiveUp,
            SendError::Unreachable(_) => Next::Again,
            SendError::Unconfirmed(_) => Next::Doubt,
            _ => Next::Look,
        }
    }

    fn check(description: &str, next: Next) {
        let error: ApiError = serde_json::from_value(json!(description)).unwrap();
        let found = next_after(RequestError::Api(error));
        assert_eq!(found, next, "{description}");
    }

    /// What the server says today, which is not always what teloxide expects.
    #[test]
    fn telegram_is_understood_in_its_own_words() {
        check(
            "Forbidden: bot can't initiate conversation with a user",
            Next::GiveUp,
        );
        check("Forbidden: bot was blocked by the user", Next::GiveUp);
        check(
            "Forbidden: bot is not a member of the supergroup chat",
            Next::GiveUp,
        );
        check("Bad Request: chat not found", Next::GiveUp);
        check("Bad Request: message to edit not found", Next::GiveUp);
        check(
            "Bad Request: not enough rights to send text messages to the chat",
            Next::GiveUp,
        );
        check("Unauthorized", Next::Again);
        check("Unauthorized: invalid token specified", Next::Again);
        check("Internal Server Error", Next::Again);
        check("Bad Gateway", Next::Again);
        check("Bad Request: message text is empty", Next::Look);
    }

    fn unreadable(raw: &str) -> RequestError {
        RequestError::InvalidJson {
            source: serde_json::from_str::<u8>(raw).unwrap_err().into(),
            raw: raw.into(),
        }
    }

    #[test]
    fn what_cannot_be_read_is_only_repeated_when_it_says_that_nothing_was_done() {
        let check = |raw: &str, next: Next| assert_eq!(next_after(unreadable(raw)), next, "{raw}");
        check("<html>504 Gateway Time-out</html>", Next::Doubt);
        check("<html>502</html>", Next::Doubt);
        check(r#"{"ok":true,"result":{"message_id":"5"}}"#, Next::Doubt);
        check(
            r#"{"ok":false,"description":"Bad Gateway","parameters":{"new":1}}"#,
            Next::Again,
        );
        check(
            r#"{"ok":false,"description":"Forbidden: no","parameters":{"new":1}}"#,
            Next::GiveUp,
        );
        check(r#"{"ok":false}"#, Next::Look);
    }

    #[test]
    fn a_message_of_a_newer_telegram_was_sent() {
        let raw = r#"{"ok":true,"result":{"message_id":5,"chat":{"id":-100,"type":"planet"}}}"#;
        let found = placed(Err(unreadable(raw))).unwrap();
        assert_eq!(found, (ChatId(-100), MessageId(5)));
        assert!(was_done(&unreadable(raw)));
        assert!(placed(Err(unreadable(r#"{"ok":true,"result":{}}"#))).is_err());
    }

    #[test]
    fn what_people_wrote_is_in_no_error() {
        for raw in [r#"{"ok":true,"result":"my secret"}"#, r#""my secret""#] {
            let error = unreadable(raw);
            assert!(!told(&error).contains("secret"));
            assert!(
                !trouble(error, Repeatable::No)
                    .to_string()
                    .contains("secret")
            );
        }
    }
}
