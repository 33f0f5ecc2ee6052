//! What an update of Telegram means. Plain functions: nothing is sent or stored here.

use chatfriends_personas::Language;
use teloxide::types::{
    CallbackQuery, Chat, ChatId, ChatKind, MaybeAnonymousUser, Me, Message as Written,
    MessageEntityKind, MessageReactionUpdated, Update, UpdateKind, User,
};

use super::update::SoundUpdate;
use crate::commands;
use crate::identity::{
    Audience, EventId, Level, LevelKind, PersonId, PlaceId, Platform, Rank, ThreadId,
};
use crate::platforms::event::{Attachment, Author, Event, Happening, Message, Venue};
use crate::platforms::{Address, Button, MessageId};

/// What happened, if it is of any concern.
pub(super) fn event(update: &SoundUpdate, me: &Me) -> Option<Event> {
    let update = update.get();
    match &update.kind {
        UpdateKind::Message(written) => message(written, me),
        UpdateKind::EditedMessage(written) => edited(update, written, me),
        UpdateKind::MessageReaction(reaction) => reacted(update, reaction),
        UpdateKind::CallbackQuery(query) => pressed(query),
        _ => None,
    }
}

/// The album to which a new message belongs.
pub(super) fn album(update: &SoundUpdate) -> Option<&str> {
    match &update.get().kind {
        UpdateKind::Message(written) => Some(written.media_group_id()?.0.as_str()),
        _ => None,
    }
}

/// Whether something is said below a picture.
pub(super) fn has_words(update: &SoundUpdate) -> bool {
    matches!(&update.get().kind, UpdateKind::Message(written) if written.caption().is_some())
}

fn message(written: &Written, me: &Me) -> Option<Event> {
    // Told twice: in the old group, and in the new one.
    let here = written.chat.id;
    match (written.migrate_to_chat_id(), written.migrate_from_chat_id()) {
        (Some(to), _) => return Some(moved(here, *to)),
        (_, Some(from)) => return Some(moved(*from, here)),
        (None, None) => {}
    }
    let author = author(written)?;
    let (text, attachment) = match (written.text(), written.caption()) {
        (Some(text), _) => (text, None),
        (None, Some(caption)) => (caption, Some(Attachment::File)),
        (None, None) if written.sticker().is_some() => ("", Some(Attachment::Sticker)),
        (None, None) if has_file(written) => ("", Some(Attachment::File)),
        // A service message: somebody came, a title changed.
        (None, None) => return None,
    };
    let (text, addressed) = addressed(written, text, me)?;
    let answers = written
        .reply_to_message()
        .filter(|to| to.from.as_ref().is_some_and(|user| user.id == me.id))
        .map(|to| MessageId(to.id.0.to_string()));
    Some(Event {
        id: Event::of_message(
            Platform::Telegram,
            &address(written, &author.person),
            &MessageId(written.id.0.to_string()),
        ),
        platform: Platform::Telegram,
        at: address(written, &author.person),
        venue: venue(written),
        by: author,
        happened: Happening::Message(Message {
            id: MessageId(written.id.0.to_string()),
            text,
            // Whoever answers a message of ours calls us, whether or not it is still known what that was about.
            mentions_bot: addressed || answers.is_some(),
            answers,
            attachment,
        }),
        at_ms: u64::try_from(written.date.timestamp_millis()).unwrap_or(0),
    })
}

/// A changed message. The update's own number tells two changes in one second apart, which the date does not.
fn edited(update: &Update, written: &Written, me: &Me) -> Option<Event> {
    let event = message(written, me)?;
    let Happening::Message(message) = event.happened else {
        return None;
    };
    let id = format!("edit/{}/{}/{}", written.chat.id, written.id, update.id.0);
    Some(Event {
        id: EventId::new(Platform::Telegram, &id),
        happened: Happening::Edited(message),
        ..event
    })
}

/// A sign that somebody put below a message. Telegram tells it where the bot is an administrator.
fn reacted(update: &Update, reaction: &MessageReactionUpdated) -> Option<Event> {
    let MaybeAnonymousUser::User(user) = &reaction.actor else {
        return None;
    };
    let added = reaction
        .new_reaction
        .iter()
        .find(|sign| !reaction.old_reaction.contains(sign))?;
    let place = Place {
        chat: &reaction.chat,
        topic: None,
    };
    Some(Event {
        id: EventId::new(Platform::Telegram, &format!("reaction/{}", update.id.0)),
        platform: Platform::Telegram,
        at: place.address(&person(user)),
        venue: place.venue(),
        by: Author {
            person: person(user),
            name: user.full_name(),
            is_bot: user.is_bot,
            language: language(user),
            rank: None,
        },
        happened: Happening::Reacted {
            on: MessageId(reaction.message_id.0.to_string()),
            emoji: added.emoji()?.clone(),
        },
        at_ms: u64::try_from(reaction.date.timestamp_millis()).unwrap_or(0),
    })
}

fn pressed(query: &CallbackQuery) -> Option<Event> {
    let on = query.regular_message()?;
    let button = Button::of(query.data.as_deref()?)?;
    Some(Event {
        id: EventId::new(Platform::Telegram, &format!("press/{}", query.id)),
        platform: Platform::Telegram,
        at: Address {
            ticket: Some(query.id.to_string()),
            ..address(on, &person(&query.from))
        },
        venue: venue(on),
        by: Author {
            person: person(&query.from),
            name: query.from.full_name(),
            is_bot: query.from.is_bot,
            language: language(&query.from),
            rank: None,
        },
        happened: Happening::Pressed {
            on: MessageId(on.id.0.to_string()),
            button,
        },
        at_ms: u64::try_from(on.date.timestamp_millis()).unwrap_or(0),
    })
}

/// A group has become a supergroup.
pub(super) fn moved(from: ChatId, to: ChatId) -> Event {
    Event {
        id: EventId::new(Platform::Telegram, &format!("{from}/moved/{to}")),
        platform: Platform::Telegram,
        at: Address {
            place: from.to_string(),
            thread: None,
            title: None,
            asker: String::new(),
            shared: true,
            ticket: None,
        },
        venue: group(from, None),
        by: Author {
            person: PersonId::new(Platform::Telegram, ""),
            name: String::new(),
            is_bot: true,
            language: Language::English,
            rank: None,
        },
        happened: Happening::Moved {
            to: group(to, None),
        },
        at_ms: 0,
    }
}

/// Who wrote it; `None` for what no one did.
fn author(written: &Written) -> Option<Author> {
    let user = written.from.as_ref()?;
    let as_chat = |chat: &Chat, rank| Author {
        person: PersonId::new(Platform::Telegram, &format!("chat/{}", chat.id)),
        name: chat.title().unwrap_or_default().to_owned(),
        is_bot: false,
        language: Language::English,
        rank,
    };
    Some(match &written.sender_chat {
        // An administrator who does not show their name: Telegram sends them as the group itself.
        Some(chat) if user.is_anonymous() && chat.id == written.chat.id => {
            as_chat(chat, Some(Rank::ManagesAll))
        }
        // A post of the linked channel that Telegram repeats in the group; nobody there said it.
        Some(_) if user.is_telegram() => return None,
        // Somebody who speaks as a channel of theirs, which makes nobody an administrator here.
        Some(chat) => as_chat(chat, Some(Rank::Member)),
        None => Author {
            person: person(user),
            name: user.full_name(),
            is_bot: user.is_bot,
            language: language(user),
            rank: None,
        },
    })
}

/// The words without the bot's own name at their beginning, and whether they name it. `None` for another bot's commands.
fn addressed(written: &Written, text: &str, me: &Me) -> Option<(String, bool)> {
    let entities = match written.text() {
        Some(_) => written.parse_entities(),
        None => written.parse_caption_entities(),
    };
    let mention = format!("@{}", me.username()).to_lowercase();
    let mut text = text.to_owned();
    let mut named = false;
    for entity in entities.unwrap_or_default() {
        match entity.kind() {
            MessageEntityKind::BotCommand if entity.start() == 0 => {
                let command = entity.text();
                let Some((name, of)) = command.split_once('@') else {
                    named = commands::exists(command.trim_start_matches('/'));
                    continue;
                };
                if !of.eq_ignore_ascii_case(me.username()) {
                    return None;
                }
                named = true;
                text = text.replacen(command, name, 1);
            }
            MessageEntityKind::Mention if entity.text().to_lowercase() == mention => {
                named = true;
                if entity.start() == 0 {
                    text = text.replacen(entity.text(), "", 1);
                }
            }
            MessageEntityKind::TextMention { user } if user.id == me.id => named = true,
            _ => {}
        }
    }
    let text = text.trim();
    // Telegram marks commands in Latin letters only.
    let Some(typed) = unmarked_command(text) else {
        return Some((text.to_owned(), named));
    };
    match typed.split_once('@') {
        None => Some((text.to_owned(), true)),
        Some((name, of)) if of.eq_ignore_ascii_case(me.username()) => {
            Some((text.replacen(typed, name, 1), true))
        }
        Some(_) => None,
    }
}

/// The first word after the slash, where it is a command of ours, perhaps with the name of a bot behind it.
fn unmarked_command(text: &str) -> Option<&str> {
    let typed = text.strip_prefix('/')?.split_whitespace().next()?;
    let name = typed.split_once('@').map_or(typed, |(name, _)| name);
    commands::exists(name).then_some(typed)
}

fn has_file(written: &Written) -> bool {
    written.photo().is_some()
        || written.voice().is_some()
        || written.video().is_some()
        || written.video_note().is_some()
        || written.audio().is_some()
        || written.document().is_some()
        || written.animation().is_some()
}

fn person(user: &User) -> PersonId {
    PersonId::new(Platform::Telegram, &user.id.to_string())
}

fn language(user: &User) -> Language {
    match &user.language_code {
        Some(code) if code.starts_with("ko") => Language::Korean,
        _ => Language::English,
    }
}

/// The topic of a forum; in other groups a thread is only a chain of answers.
fn topic(written: &Written) -> Option<String> {
    written
        .thread_id
        .filter(|_| written.is_topic_message)
        .map(|thread| thread.to_string())
}

fn address(written: &Written, asker: &PersonId) -> Address {
    Place::of(written).address(asker)
}

fn venue(written: &Written) -> Venue {
    Place::of(written).venue()
}

/// A chat, or a topic in it.
struct Place<'a> {
    chat: &'a Chat,
    topic: Option<String>,
}

impl<'a> Place<'a> {
    fn of(written: &'a Written) -> Self {
        Self {
            chat: &written.chat,
            topic: topic(written),
        }
    }

    fn address(&self, asker: &PersonId) -> Address {
        Address {
            place: self.chat.id.to_string(),
            thread: self.topic.clone(),
            title: self.chat.title().map(str::to_owned),
            asker: asker.raw().to_owned(),
            shared: !matches!(self.chat.kind, ChatKind::Private(_)),
            ticket: None,
        }
    }

    fn venue(&self) -> Venue {
        venue_of(self.chat, self.topic.as_deref())
    }
}

fn venue_of(chat: &Chat, topic: Option<&str>) -> Venue {
    if !matches!(chat.kind, ChatKind::Private(_)) {
        return group(chat.id, topic);
    }
    let chat = chat.id.to_string();
    Venue {
        place: PlaceId::new(Platform::Telegram, &chat),
        thread: None,
        audience: Audience::Private,
        levels: vec![Level::new(Platform::Telegram, LevelKind::Chat, &chat)],
    }
}

fn group(chat: ChatId, topic: Option<&str>) -> Venue {
    let chat = chat.to_string();
    let place = PlaceId::new(Platform::Telegram, &chat);
    let level = |kind, raw: &str| Level::new(Platform::Telegram, kind, raw);
    let of_topic = topic.map(|topic| level(LevelKind::Thread, &format!("{chat}/{topic}")));
    Venue {
        audience: Audience::Place(place.clone()),
        place,
        thread: topic.map(ThreadId::new),
        levels: of_topic
            .into_iter()
            .chain([level(LevelKind::Group, &chat)])
            .collect(),
    }
}
