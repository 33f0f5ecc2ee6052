//! Messages to Telegram. What they say is decided elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use teloxide::payloads::{
    EditMessageTextSetters as _, SendChatActionSetters as _, SendMessageSetters as _,
    SetMessageReactionSetters as _,
};
use teloxide::requests::{Request as _, Requester as _};
use teloxide::types::{
    CallbackQueryId, ChatAction, ChatId, InlineKeyboardButton, InlineKeyboardMarkup,
    LinkPreviewOptions, MessageEntity, MessageEntityKind, MessageId as TelegramMessage,
    ReactionType, ReplyParameters, ThreadId, UserId,
};
use teloxide::{ApiError, Bot, RequestError};
use tokio::time::Instant;

use crate::identity::{PersonId, Rank};
use crate::outlet::Form;
use crate::platforms::reaction::Reaction;
use crate::platforms::text::clean::clean_reply;
use crate::platforms::text::split::{Rules, pieces};
use crate::platforms::text::styled::Styled;
use crate::platforms::text::telegram::{self, EntityKind, Words};
use crate::platforms::{Address, Manners, MessageId, Messenger, Post, PostKey, SendError, Voice};

/// Telegram as a place to send messages to.
pub(super) struct Telegram {
    bot: Bot,
    ranks: Mutex<HashMap<(ChatId, UserId), (Rank, Instant)>>,
}

/// Who is administrator may change; it is asked for again after so long.
const RANK_HOLDS: Duration = Duration::from_secs(60);

impl std::fmt::Debug for Telegram {
    /// Leaves the token out, which `Bot` would print.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telegram").finish_non_exhaustive()
    }
}

impl Telegram {
    pub(super) fn new(bot: Bot) -> Self {
        Self {
            bot,
            ranks: Mutex::default(),
        }
    }

    fn ranks(&self) -> MutexGuard<'_, HashMap<(ChatId, UserId), (Rank, Instant)>> {
        self.ranks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the sign of waiting on a button that was pressed.
    pub(super) fn acknowledge(&self, query: CallbackQueryId) {
        let answer = self.bot.answer_callback_query(query);
        tokio::spawn(async move {
            if let Err(error) = answer.send().await {
                tracing::debug!(%error, "A pressed button was not acknowledged.");
            }
        });
    }
}

#[async_trait]
impl Messenger for Telegram {
    fn manners(&self, at: &Address) -> Manners {
        // Telegram allows about one message a second in a chat and twenty a minute in a group, and counts edits as messages.
        let pace = if at.shared {
            Duration::from_millis(3_000)
        } else {
            Duration::from_millis(1_200)
        };
        Manners {
            pace,
            pace_between: Duration::from_millis(300),
            typing_lasts: Duration::from_secs(5),
            posts_once: false,
        }
    }

    fn pieces(&self, text: &str, voice: &Voice) -> Vec<Styled> {
        let lead = lead(voice).encode_utf16().count();
        let rules = Rules {
            lead,
            first_lead: lead,
            ..telegram::RULES
        };
        pieces(&clean_reply(text), &rules)
    }

    async fn post(
        &self,
        at: &Address,
        post: &Post,
        _key: &PostKey,
    ) -> Result<MessageId, SendError> {
        let (text, entities) = content(post);
        let mut request = self
            .bot
            .send_message(chat(at)?, text)
            .entities(entities)
            .link_preview_options(no_preview())
            .reply_markup(keyboard(post));
        if let Some(thread) = thread(at)? {
            request = request.message_thread_id(thread);
        }
        if let Some(answers) = &post.answers {
            request = request.reply_parameters(
                // Whoever deletes their message meanwhile still gets the answer.
                ReplyParameters::new(message(answers)?).allow_sending_without_reply(),
            );
        }
        let sent = request
            .send()
            .await
            .map_err(|error| trouble(error, Repeatable::No))?;
        Ok(MessageId(sent.id.0.to_string()))
    }

    async fn ask(&self, _at: &Address, _form: &Form) -> Result<(), SendError> {
        Err(SendError::Refused("forms are not shown here".to_owned()))
    }

    async fn edit(&self, at: &Address, of: &MessageId, post: &Post) -> Result<(), SendError> {
        let (text, entities) = content(post);
        let request = self
            .bot
            .edit_message_text(chat(at)?, message(of)?, text)
            .entities(entities)
            .link_preview_options(no_preview())
            .reply_markup(keyboard(post));
        match request.send().await {
            Ok(_) | Err(RequestError::Api(ApiError::MessageNotModified)) => Ok(()),
            Err(error) => Err(trouble(error, Repeatable::Yes)),
        }
    }

    async fn react(
        &self,
        at: &Address,
        to: &MessageId,
        reaction: Reaction,
    ) -> Result<(), SendError> {
        let sign = ReactionType::Emoji {
            emoji: reaction.emoji().to_owned(),
        };
        let request = self
            .bot
            .set_message_reaction(chat(at)?, message(to)?)
            .reaction([sign]);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| trouble(error, Repeatable::Yes))
    }

    async fn remove(&self, at: &Address, of: &MessageId, _voice: &Voice) -> Result<(), SendError> {
        let request = self.bot.delete_message(chat(at)?, message(of)?);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| trouble(error, Repeatable::Yes))
    }

    async fn rank(&self, at: &Address, person: &PersonId) -> Result<Rank, SendError> {
        let (chat, user) = (chat(at)?, person.raw().parse().map(UserId));
        // Whoever speaks as a channel is no member.
        let Ok(user) = user else {
            return Ok(Rank::Member);
        };
        let known = self.ranks().get(&(chat, user)).copied();
        if let Some((rank, since)) = known
            && since.elapsed() < RANK_HOLDS
        {
            return Ok(rank);
        }
        let request = self.bot.get_chat_member(chat, user);
        let member = request
            .send()
            .await
            .map_err(|error| trouble(error, Repeatable::Yes))?;
        let rank = if member.is_privileged() {
            Rank::ManagesAll
        } else {
            Rank::Member
        };
        let mut ranks = self.ranks();
        ranks.retain(|_, (_, since)| since.elapsed() < RANK_HOLDS);
        ranks.insert((chat, user), (rank, Instant::now()));
        Ok(rank)
    }

    async fn typing(&self, at: &Address) -> Result<(), SendError> {
        let mut request = self.bot.send_chat_action(chat(at)?, ChatAction::Typing);
        if let Some(thread) = thread(at)? {
            request = request.message_thread_id(thread);
        }
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| trouble(error, Repeatable::Yes))
    }
}

/// What leads a persona's message where several answer: its name in bold.
fn lead(voice: &Voice) -> String {
    match voice {
        Voice::Persona {
            name, named: true, ..
        } => format!("{name}:\n"),
        Voice::Persona { .. } | Voice::Bot => String::new(),
    }
}

/// The words and their styles; no parse mode could be broken out of.
fn content(post: &Post) -> (String, Vec<MessageEntity>) {
    let words = match post.voice {
        Voice::Bot => Words::Bot,
        Voice::Persona { .. } => Words::Model,
    };
    let lead = lead(&post.voice);
    let offset = lead.encode_utf16().count();
    let message = telegram::render(&post.text, words);
    let named = (offset > 0).then(|| MessageEntity {
        kind: MessageEntityKind::Bold,
        offset: 0,
        length: offset - 1,
    });
    let styles = message.entities.into_iter().map(|entity| MessageEntity {
        kind: match entity.kind {
            EntityKind::Bold => MessageEntityKind::Bold,
            EntityKind::Italic => MessageEntityKind::Italic,
            EntityKind::Code => MessageEntityKind::Code,
            EntityKind::Pre { language } => MessageEntityKind::Pre { language },
        },
        offset: offset + entity.offset,
        length: entity.length,
    });
    (
        lead + &message.text,
        named.into_iter().chain(styles).collect(),
    )
}

fn chat(at: &Address) -> Result<ChatId, SendError> {
    at.place
        .parse()
        .map(ChatId)
        .map_err(|_| SendError::Refused(format!("{:?} is no chat of Telegram", at.place)))
}

fn thread(at: &Address) -> Result<Option<ThreadId>, SendError> {
    let parse = |thread: &String| {
        thread
            .parse()
            .map(|id| ThreadId(TelegramMessage(id)))
            .map_err(|_| SendError::Refused(format!("{thread:?} is no topic of Telegram")))
    };
    at.thread.as_ref().map(parse).transpose()
}

fn message(id: &MessageId) -> Result<TelegramMessage, SendError> {
    id.0.parse()
        .map(TelegramMessage)
        .map_err(|_| SendError::Refused(format!("{:?} is no message of Telegram", id.0)))
}

/// A link that a model made up shall not show another site's picture.
fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn keyboard(post: &Post) -> InlineKeyboardMarkup {
    let row = post
        .buttons
        .iter()
        .map(|button| InlineKeyboardButton::callback(button.label(post.language), button.word()));
    let row: Vec<_> = row.collect();
    InlineKeyboardMarkup::new((!row.is_empty()).then_some(row))
}

/// Whether doing something twice is the same as doing it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeatable {
    Yes,
    No,
}

fn trouble(error: RequestError, repeatable: Repeatable) -> SendError {
    let cause = error.to_string();
    match error {
        RequestError::RetryAfter(seconds) => SendError::Throttled {
            retry_after: seconds.duration(),
        },
        RequestError::Network(network) if network.is_connect() || repeatable == Repeatable::Yes => {
            SendError::Unreachable(cause)
        }
        RequestError::Network(_) => SendError::Unconfirmed(cause),
        // A proxy's or the server's own page in place of an answer.
        RequestError::InvalidJson { .. } | RequestError::Io(_) => SendError::Unreachable(cause),
        RequestError::MigrateToChatId(_) => SendError::Gone(cause),
        RequestError::Api(error) => of_api(&error, cause),
    }
}

fn of_api(error: &ApiError, cause: String) -> SendError {
    match error {
        // A new token may be set; the inbox keeps what is not answered.
        ApiError::InvalidToken => SendError::Unreachable(cause),
        ApiError::ChatNotFound
        | ApiError::BotBlocked
        | ApiError::BotKicked
        | ApiError::BotKickedFromSupergroup
        | ApiError::BotKickedFromChannel
        | ApiError::UserDeactivated
        | ApiError::GroupDeactivated
        | ApiError::CantInitiateConversation
        | ApiError::MessageToEditNotFound
        | ApiError::MessageToDeleteNotFound
        | ApiError::MessageCantBeEdited
        | ApiError::MessageCantBeDeleted
        | ApiError::MessageIdInvalid => SendError::Gone(cause),
        ApiError::Unknown(text) if text.starts_with("Forbidden") => SendError::Gone(cause),
        ApiError::Unknown(text)
            if text.starts_with("Internal Server Error") || text.starts_with("Bad Gateway") =>
        {
            SendError::Unreachable(cause)
        }
        _ => SendError::Refused(cause),
    }
}
