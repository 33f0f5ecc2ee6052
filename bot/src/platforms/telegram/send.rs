//! Messages to Telegram. What they say is decided elsewhere.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chatfriends_personas::Language;
use teloxide::payloads::{
    AnswerCallbackQuerySetters as _, EditMessageTextSetters as _, SendChatActionSetters as _,
    SendDocumentSetters as _, SendMessageSetters as _, SetMessageReactionSetters as _,
};
use teloxide::requests::{Request as _, Requester as _};
use teloxide::types::{
    CallbackQueryId, ChatAction, ChatId, InlineKeyboardButton, InlineKeyboardMarkup, InputFile,
    LinkPreviewOptions, Message, MessageEntity, MessageEntityKind, MessageId as TelegramMessage,
    ReactionType, ReplyParameters, ThreadId, UserId,
};
use teloxide::{Bot, RequestError};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};
use unicode_segmentation::UnicodeSegmentation as _;

use super::drafts::Drafts;
use super::trouble::{Repeatable, placed, told, trouble, was_done};
use crate::commands;
use crate::identity::{PersonId, Rank};
use crate::outlet::Form;
use crate::platforms::reaction::Reaction;
use crate::platforms::text::clean::clean_reply;
use crate::platforms::text::split::{Rules, pieces};
use crate::platforms::text::styled::Styled;
use crate::platforms::text::telegram::{self, EntityKind, Words};
use crate::platforms::{
    Address, Manners, MessageId, Messenger, Post, PostKey, Reach, SendError, Voice,
};

/// Telegram as a place to send messages to.
pub(super) struct Telegram {
    bot: Bot,
    /// The bot's name, which leads to its private chat.
    username: String,
    drafts: Drafts,
    /// Where groups go that turn out to have moved.
    moves: UnboundedSender<(ChatId, ChatId)>,
    /// Buttons that were pressed and still show that somebody waits.
    pressed: Arc<Mutex<HashSet<String>>>,
    /// Of groups, and since when they are known.
    administrators: Mutex<HashMap<ChatId, (HashSet<UserId>, Instant)>>,
}

/// Who is administrator may change; it is asked for again after so long.
const ADMINISTRATORS_HOLD: Duration = Duration::from_secs(60);

/// How long the sign of waiting on a pressed button stays at most. Until then an answer for the one who pressed can be shown in its place.
const PRESS_WAITS: Duration = Duration::from_millis(1_500);
/// UTF-16 units of a group's title and what follows it, where that leads a message.
const TITLE_UNITS: usize = 64;

impl std::fmt::Debug for Telegram {
    /// Leaves the token out, which `Bot` would print.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telegram").finish_non_exhaustive()
    }
}

impl Telegram {
    pub(super) fn new(bot: Bot, username: &str, moves: UnboundedSender<(ChatId, ChatId)>) -> Self {
        Self {
            bot,
            username: username.to_owned(),
            moves,
            drafts: Drafts::default(),
            pressed: Arc::default(),
            administrators: Mutex::default(),
        }
    }

    /// Ends the sign of waiting on a button that was pressed, unless an answer does before.
    pub(super) fn acknowledge(&self, query: &CallbackQueryId) {
        lock(&self.pressed).insert(query.to_string());
        let (bot, query) = (self.bot.clone(), query.clone());
        let pressed = Arc::clone(&self.pressed);
        tokio::spawn(async move {
            sleep(PRESS_WAITS).await;
            if !lock(&pressed).remove(&query.to_string()) {
                return;
            }
            if let Err(error) = bot.answer_callback_query(query).send().await {
                tracing::debug!(
                    error = told(&error),
                    "A pressed button was not acknowledged."
                );
            }
        });
    }

    /// Tells something to whoever has just pressed a button, and to nobody else; `false` when that is no longer possible.
    async fn whisper(&self, at: &Address, post: &Post) -> bool {
        let Some(query) = &at.ticket else {
            return false;
        };
        let text = content(post).0;
        if text.chars().count() > WHISPER || !lock(&self.pressed).remove(query) {
            return false;
        }
        let request = self
            .bot
            .answer_callback_query(CallbackQueryId(query.clone()))
            .text(text)
            .show_alert(true);
        match request.send().await {
            Ok(_) => true,
            Err(error) => {
                tracing::debug!(
                    error = told(&error),
                    "What was said to somebody who pressed a button was not shown."
                );
                false
            }
        }
    }

    async fn send(&self, at: &Address, post: &Post) -> Result<MessageId, SendError> {
        let (text, entities) = content_at(at, post);
        let (thread, answers) = (thread(at)?, answered(at, post)?);
        // Whoever deletes their message meanwhile still gets the answer.
        let answers = answers.map(|it| ReplyParameters::new(it).allow_sending_without_reply());
        let Some(file) = &post.file else {
            let request = self
                .bot
                .send_message(chat(at)?, text)
                .entities(entities)
                .link_preview_options(no_preview())
                .reply_markup(self.keyboard(post));
            let mut here = request.clone();
            here.message_thread_id = thread;
            here.reply_parameters = answers;
            return self
                .follow(at, here.send(), |to| {
                    let mut there = request;
                    there.chat_id = to.into();
                    there.send()
                })
                .await;
        };
        let content = InputFile::memory(file.text.clone()).file_name(file.name.clone());
        let mut request = self.bot.send_document(chat(at)?, content);
        if !text.is_empty() {
            request = request.caption(text).caption_entities(entities);
        }
        let mut here = request.clone();
        here.message_thread_id = thread;
        here.reply_parameters = answers;
        self.follow(at, here.send(), |to| {
            let mut there = request;
            there.chat_id = to.into();
            there.send()
        })
        .await
    }

    /// A group that has become a supergroup gets it there.
    async fn follow<Sending>(
        &self,
        at: &Address,
        here: Sending,
        there: impl FnOnce(ChatId) -> Sending,
    ) -> Result<MessageId, SendError>
    where
        Sending: Future<Output = Result<Message, RequestError>>,
    {
        let sent = match here.await {
            Err(RequestError::MigrateToChatId(to)) => {
                // Fails at the daemon's end, and is heard again at the next attempt.
                self.moves.send((chat(at)?, to)).ok();
                there(to).await
            }
            result => result,
        };
        let (chat, id) = placed(sent).map_err(|error| trouble(error, Repeatable::No))?;
        Ok(MessageId(if chat.to_string() == at.place {
            id.to_string()
        } else {
            format!("{chat}/{id}")
        }))
    }

    fn keyboard(&self, post: &Post) -> InlineKeyboardMarkup {
        let buttons = post.buttons.iter().map(|button| {
            InlineKeyboardButton::callback(button.label(post.language), button.word())
        });
        let invitation = post.invitation.as_ref().and_then(|token| {
            let link = format!("https://t.me/{}?start={}", self.username, token.0);
            let label = match post.language {
                Language::English => "Open a private chat",
                Language::Korean => "개인 대화 열기",
            };
            Some(InlineKeyboardButton::url(label, link.parse().ok()?))
        });
        let row: Vec<_> = buttons.chain(invitation).collect();
        InlineKeyboardMarkup::new((!row.is_empty()).then_some(row))
    }
}

#[async_trait]
impl Messenger for Telegram {
    fn manners(&self, at: &Address) -> Manners {
        // Telegram allows about one message a second in a chat and twenty a minute in a group, whoever is answered, and counts edits as
        // messages.
        let (pace, pace_between) = if at.shared {
            (Duration::from_secs(3), Duration::from_secs(3))
        } else {
            (Duration::from_millis(1_200), Duration::from_millis(300))
        };
        Manners {
            pace,
            pace_between,
            typing_lasts: Duration::from_secs(5),
        }
    }

    fn pieces(&self, text: &str, voice: &Voice) -> Vec<Styled> {
        let lead = match voice {
            // Its discreet answers may be led by a group's title.
            Voice::Bot | Voice::Draft => TITLE_UNITS,
            Voice::Persona { .. } => lead(voice).encode_utf16().count(),
        };
        let rules = Rules {
            lead,
            ..telegram::RULES
        };
        pieces(&clean_reply(text), &rules)
    }

    fn worded(&self, at: &Address, text: &str) -> String {
        // With privacy mode on, as it is at first, Telegram brings us only commands in Latin letters from groups:
        // https://core.telegram.org/bots/features#privacy-mode. What is told alone is about the group in which it was asked.
        if at.shared {
            commands::in_latin(text)
        } else {
            text.to_owned()
        }
    }

    async fn reach(&self, at: &Address) -> Result<Reach, SendError> {
        if !at.shared {
            return Ok(Reach::Open);
        }
        let Some(alone) = alone(at) else {
            return Ok(Reach::Nobody);
        };
        match self.typing(&alone).await {
            Ok(()) => Ok(Reach::Open),
            Err(SendError::Gone(_) | SendError::Refused(_)) => Ok(Reach::Unmet),
            Err(error) => Err(error),
        }
    }

    async fn post(
        &self,
        at: &Address,
        post: &Post,
        _key: &PostKey,
    ) -> Result<MessageId, SendError> {
        if post.discreet && at.shared {
            if post.file.is_none() && self.whisper(at, post).await {
                return Ok(MessageId(WHISPERED.to_owned()));
            }
            let nobody = || SendError::Gone("its asker is nobody certain".to_owned());
            let alone = alone(at).ok_or_else(nobody)?;
            let sent = self.send(&alone, post).await?;
            return Ok(MessageId(format!("{}/{}", alone.place, sent.0)));
        }
        self.send(at, post).await
    }

    fn sketches(&self, at: &Address) -> bool {
        !at.shared && self.drafts.are_known()
    }

    async fn sketch(&self, at: &Address, post: &Post, key: &PostKey) -> Result<(), SendError> {
        let (text, entities) = content_at(at, post);
        self.drafts
            .show(&self.bot, chat(at)?, thread(at)?, (text, entities), key)
            .await
    }

    fn shows_forms(&self) -> bool {
        false
    }

    async fn ask(&self, _at: &Address, _form: &Form) -> Result<(), SendError> {
        Err(SendError::Refused("forms are not shown here".to_owned()))
    }

    async fn edit(&self, at: &Address, of: &MessageId, post: &Post) -> Result<(), SendError> {
        if post.file.is_some() {
            return Ok(());
        }
        let (text, entities) = content_at(at, post);
        let (chat, message) = spot(at, of)?;
        let request = self
            .bot
            .edit_message_text(chat, message, text)
            .entities(entities)
            .link_preview_options(no_preview())
            .reply_markup(self.keyboard(post));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if was_done(&error) => Ok(()),
            Err(error) => Err(trouble(error, Repeatable::Yes)),
        }
    }

    async fn react(
        &self,
        at: &Address,
        to: &MessageId,
        reaction: Reaction,
    ) -> Result<(), SendError> {
        let (chat, message) = spot(at, to)?;
        let sign = ReactionType::Emoji {
            emoji: reaction.emoji().to_owned(),
        };
        let request = self
            .bot
            .set_message_reaction(chat, message)
            .reaction([sign]);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| trouble(error, Repeatable::Yes))
    }

    async fn remove(&self, at: &Address, of: &MessageId, _voice: &Voice) -> Result<(), SendError> {
        let (chat, message) = spot(at, of)?;
        let request = self.bot.delete_message(chat, message);
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
        // Of a private chat Telegram tells no administrators.
        if !at.shared {
            return Ok(Rank::Member);
        }
        let rank = |administrators: &HashSet<UserId>| match administrators.contains(&user) {
            true => Rank::ManagesAll,
            false => Rank::Member,
        };
        if let Some((administrators, since)) = lock(&self.administrators).get(&chat)
            && since.elapsed() < ADMINISTRATORS_HOLD
        {
            return Ok(rank(administrators));
        }
        // Who a single member is Telegram promises to tell only to a bot that is an administrator itself.
        // https://core.telegram.org/bots/api#getchatmember
        let request = self.bot.get_chat_administrators(chat);
        let administrators = request
            .send()
            .await
            .map_err(|error| trouble(error, Repeatable::Yes))?;
        let administrators = administrators.into_iter().map(|one| one.user.id).collect();
        let rank = rank(&administrators);
        let mut known = lock(&self.administrators);
        known.retain(|_, (_, since)| since.elapsed() < ADMINISTRATORS_HOLD);
        known.insert(chat, (administrators, Instant::now()));
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

/// A text that appears on a pressed button may have so many characters.
const WHISPER: usize = 200;
/// What such a text is called; it cannot be changed.
const WHISPERED: &str = "whispered";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The private chat of whoever asked in a group, which has the number of the person; `None` for those who write as a group or channel.
fn alone(at: &Address) -> Option<Address> {
    at.asker.parse::<u64>().ok()?;
    Some(Address {
        place: at.asker.clone(),
        thread: None,
        shared: false,
        ticket: None,
        ..at.clone()
    })
}

/// What leads a persona's message where several answer: its name in bold. Whoever made the persona may have called it "@somebody".
fn lead(voice: &Voice) -> String {
    match voice {
        Voice::Persona {
            name, named: true, ..
        } => telegram::render(&Styled::plain(format!("{name}:\n")), Words::Model).text,
        Voice::Persona { .. } | Voice::Bot | Voice::Draft => String::new(),
    }
}

/// Whether it is about a group and shown in its asker's private chat.
fn is_elsewhere(at: &Address, post: &Post) -> bool {
    post.discreet && at.title.is_some()
}

fn content_at(at: &Address, post: &Post) -> (String, Vec<MessageEntity>) {
    let (text, entities) = content(post);
    if is_elsewhere(at, post) && !matches!(post.voice, Voice::Persona { .. }) {
        titled(at, &text, entities)
    } else {
        (text, entities)
    }
}

/// Names the group that a message in a private chat is about.
fn titled(at: &Address, text: &str, entities: Vec<MessageEntity>) -> (String, Vec<MessageEntity>) {
    let title = at.title.as_deref().unwrap_or_default();
    // Nothing can be bold that is not there.
    if title.trim().is_empty() {
        return (text.to_owned(), entities);
    }
    let mut lead = String::new();
    for letter in title.graphemes(true) {
        // Room for what closes it and the longest mark of what was left out.
        if lead.encode_utf16().count() + letter.encode_utf16().count() > TITLE_UNITS - 6 {
            lead.push('…');
            break;
        }
        lead.push_str(letter);
    }
    let units = lead.encode_utf16().count();
    lead.push_str(":\n\n");
    let offset = units + 3;
    // In code Telegram makes no mentions and links of what somebody has called their group.
    let named = MessageEntity {
        kind: MessageEntityKind::Code,
        offset: 0,
        length: units,
    };
    let moved = entities.into_iter().map(|entity| MessageEntity {
        offset: entity.offset + offset,
        ..entity
    });
    (lead + text, [named].into_iter().chain(moved).collect())
}

/// The words and their styles; no parse mode could be broken out of.
fn content(post: &Post) -> (String, Vec<MessageEntity>) {
    let words = match post.voice {
        Voice::Bot => Words::Bot,
        Voice::Persona { .. } | Voice::Draft => Words::Model,
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

/// The message to which this one replies, where both stand in one chat.
fn answered(at: &Address, post: &Post) -> Result<Option<TelegramMessage>, SendError> {
    let here = |id: &&MessageId| !is_elsewhere(at, post) && !id.0.contains('/');
    post.answers.as_ref().filter(here).map(message).transpose()
}

/// The chat and the number of a message of ours, which may have gone to its asker's private chat.
fn spot(at: &Address, of: &MessageId) -> Result<(ChatId, TelegramMessage), SendError> {
    match of.0.split_once('/') {
        Some((place, number)) => {
            let there = Address {
                place: place.to_owned(),
                ..at.clone()
            };
            Ok((chat(&there)?, message(&MessageId(number.to_owned()))?))
        }
        None => Ok((chat(at)?, message(of)?)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn address(asker: &str, title: &str) -> Address {
        Address {
            place: "-100".to_owned(),
            thread: Some("7".to_owned()),
            title: Some(title.to_owned()),
            shared: true,
            asker: asker.to_owned(),
            ticket: None,
        }
    }

    #[test]
    fn only_people_have_a_private_chat() {
        let there = alone(&address("42", "club")).unwrap();
        assert_eq!((there.place.as_str(), there.thread), ("42", None));
        assert_eq!(alone(&address("chat/-100", "club")), None);
        assert_eq!(alone(&address("-100", "club")), None);
    }

    #[test]
    fn a_message_may_stand_in_another_chat_than_its_event() {
        let at = address("42", "club");
        let found = |id: &str| {
            let (chat, message) = spot(&at, &MessageId(id.to_owned())).unwrap();
            (chat.0, message.0)
        };
        assert_eq!(found("5"), (-100, 5));
        assert_eq!(found("42/5"), (42, 5));
        assert!(spot(&at, &MessageId(WHISPERED.to_owned())).is_err());
    }

    /// The name stood there as it was written, and called people and commands.
    #[test]
    fn a_name_calls_nobody_and_leaves_room_for_its_message() {
        for (name, shown) in [
            ("Joey", "Joey:"),
            ("@durov", "@\u{2060}durov:"),
            ("/start /stop", "/\u{2060}start /\u{2060}stop:"),
        ] {
            let voice = Voice::Persona {
                id: chatfriends_personas::PersonaId::new("p").unwrap(),
                name: name.to_owned(),
                named: true,
            };
            let bot = Bot::with_client("1:x", reqwest::Client::new());
            let telegram = Telegram::new(
                bot,
                "chatting_bot",
                tokio::sync::mpsc::unbounded_channel().0,
            );
            let pieces = telegram.pieces(&"가".repeat(5_000), &voice);
            let [first, _] = pieces.as_slice() else {
                panic!("{pieces:?}")
            };
            let post = Post {
                voice,
                text: first.clone(),
                buttons: Vec::new(),
                answers: None,
                discreet: false,
                invitation: None,
                language: Language::English,
                file: None,
            };
            let (text, entities) = content(&post);
            assert_eq!(text.split_once('\n').unwrap().0, shown);
            assert_eq!(text.encode_utf16().count(), 4_096);
            let units = shown.encode_utf16().count();
            assert_eq!(entities, [MessageEntity::bold(0, units)]);
        }
    }

    #[test]
    fn a_title_leaves_room_for_what_it_leads() {
        for title in ["club", &"동아리".repeat(60), &"👨‍👩‍👧‍👦".repeat(60)] {
            let (text, entities) = titled(&address("42", title), "words", Vec::new());
            let lead = text.encode_utf16().count() - "words".len();
            assert!(lead <= TITLE_UNITS, "{lead}");
            assert!(text.ends_with(":\n\nwords"));
            assert!(entities.len() <= 1);
        }
    }
}
