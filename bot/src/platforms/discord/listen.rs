//! What an event of Discord means. Plain functions: nothing is sent or stored here.

use chatfriends_personas::Language;
use serenity::all::{
    CurrentUser, InteractionId, Member, Message as Written, MessageId as DiscordMessage,
    MessageType, MessageUpdateEvent, Permissions, Reaction, ReactionType, User,
};

use super::channels::{Spot, ThreadOf};
use super::tickets::Ticket;
use crate::commands::Asked;
use crate::identity::{
    Audience, EventId, Level, LevelKind, PersonId, PlaceId, Platform, Rank, ThreadId,
};
use crate::platforms::event::{Attachment, Author, Event, Happening, Message, Venue};
use crate::platforms::{Address, Button, MessageId};

/// A message; `None` for what nobody wrote, such as "Yun joined".
pub(super) fn message(written: &Written, spot: &Spot, me: &CurrentUser) -> Option<Event> {
    if !matches!(
        written.kind,
        MessageType::Regular | MessageType::InlineReply
    ) {
        return None;
    }
    let (text, leads) = words(&written.content, &written.mentions, me);
    let answered = written.referenced_message.as_deref();
    let answers_bot = answered.is_some_and(|answered| answered.author.id == me.id);
    let attachment = match (&written.attachments[..], &written.sticker_items[..]) {
        ([_, ..], _) => Some(Attachment::File),
        ([], [_, ..]) => Some(Attachment::Sticker),
        ([], []) => None,
    };
    Some(Event {
        id: Event::of_message(
            Platform::Discord,
            &address(spot, written.author.id),
            &MessageId(written.id.to_string()),
        ),
        platform: Platform::Discord,
        at: address(spot, written.author.id),
        venue: venue(spot),
        by: Author {
            person: person(&written.author),
            name: name(
                &written.author,
                written
                    .member
                    .as_deref()
                    .and_then(|member| member.nick.as_deref()),
            ),
            is_bot: written.author.bot || written.webhook_id.is_some(),
            language: Language::of(&text),
            rank: None,
        },
        happened: Happening::Message(Message {
            id: MessageId(written.id.to_string()),
            text,
            mentions_bot: leads
                || answers_bot
                || written.mentions.iter().any(|user| user.id == me.id),
            answers: answered.and_then(|answered| ours(answered, me)),
            attachment,
        }),
        at_ms: created_ms(written.id.get()),
    })
}

/// A message that its author has changed. Updates in which nobody did, such as those with the preview of a link, are none.
pub(super) fn edited(changed: &MessageUpdateEvent, spot: &Spot, me: &CurrentUser) -> Option<Event> {
    let at = changed.edited_timestamp?;
    let author = changed.author.as_ref()?;
    let by_webhook = changed.webhook_id.flatten().is_some();
    if author.bot
        || by_webhook
        || !matches!(
            changed.kind,
            None | Some(MessageType::Regular | MessageType::InlineReply)
        )
    {
        return None;
    }
    let files = changed.attachments.as_deref().unwrap_or_default();
    let stickers = changed.sticker_items.as_deref().unwrap_or_default();
    let content = changed.content.as_deref()?;
    if content.is_empty() && files.is_empty() && stickers.is_empty() {
        // Nobody can empty a message: its words are kept from us, since it names us no more.
        return None;
    }
    let mentions = changed.mentions.as_deref().unwrap_or_default();
    let (text, leads) = words(content, mentions, me);
    let answered = changed
        .referenced_message
        .as_ref()
        .and_then(Option::as_deref);
    let answers_bot = answered.is_some_and(|answered| answered.author.id == me.id);
    let member = changed.member.as_ref().and_then(Option::as_deref);
    let id = format!("edit/{}/{at}", changed.id);
    Some(Event {
        id: EventId::new(Platform::Discord, &id),
        platform: Platform::Discord,
        at: address(spot, author.id),
        venue: venue(spot),
        by: Author {
            person: person(author),
            name: name(author, member.and_then(|member| member.nick.as_deref())),
            is_bot: false,
            language: Language::of(&text),
            rank: None,
        },
        happened: Happening::Edited(Message {
            id: MessageId(changed.id.to_string()),
            mentions_bot: leads || answers_bot || mentions.iter().any(|user| user.id == me.id),
            text,
            answers: answered.and_then(|answered| ours(answered, me)),
            attachment: match (files, stickers) {
                ([_, ..], _) => Some(Attachment::File),
                ([], [_, ..]) => Some(Attachment::Sticker),
                ([], []) => None,
            },
        }),
        at_ms: created_ms(changed.id.get()),
    })
}

/// A message that is gone. Discord does not tell whose it was, or who deleted it.
pub(super) fn deleted(message: DiscordMessage, spot: &Spot) -> Event {
    Event {
        id: EventId::new(Platform::Discord, &format!("delete/{message}")),
        platform: Platform::Discord,
        at: address(spot, ""),
        venue: venue(spot),
        by: Author {
            person: PersonId::new(Platform::Discord, "unknown"),
            name: String::new(),
            is_bot: false,
            language: Language::English,
            rank: None,
        },
        happened: Happening::Deleted(MessageId(message.to_string())),
        at_ms: created_ms(message.get()),
    }
}

/// A sign that somebody put below a message.
pub(super) fn reacted(reaction: &Reaction, spot: &Spot, me: &CurrentUser) -> Option<Event> {
    let user = reaction.user_id.filter(|user| *user != me.id)?;
    let ReactionType::Unicode(emoji) = &reaction.emoji else {
        return None;
    };
    let on = reaction.message_id;
    let member = reaction.member.as_ref().map(|member| &member.user);
    Some(Event {
        id: EventId::new(Platform::Discord, &format!("reaction/{on}/{user}/{emoji}")),
        platform: Platform::Discord,
        at: address(spot, user),
        venue: venue(spot),
        by: Author {
            person: PersonId::new(Platform::Discord, &user.to_string()),
            name: member.map_or_else(String::new, |user| name(user, None)),
            is_bot: member.is_some_and(|user| user.bot),
            language: Language::English,
            rank: None,
        },
        happened: Happening::Reacted {
            on: MessageId(on.to_string()),
            emoji: emoji.clone(),
        },
        at_ms: created_ms(on.get()),
    })
}

/// Who chose, pressed or submitted something, as every interaction tells it.
pub(super) struct Doer<'a> {
    pub(super) id: InteractionId,
    pub(super) token: &'a str,
    pub(super) user: &'a User,
    pub(super) member: Option<&'a Member>,
    pub(super) locale: &'a str,
}

/// A button below a message of ours, which Discord acknowledges by itself.
pub(super) fn pressed(on: DiscordMessage, button: Button, by: &Doer<'_>, spot: &Spot) -> Event {
    let happened = Happening::Pressed {
        on: MessageId(on.to_string()),
        button,
    };
    by.did("press", happened, spot)
}

/// A command from the menu, or a form that was filled in.
pub(super) fn command(asked: Asked, by: &Doer<'_>, spot: &Spot) -> Event {
    by.did("command", Happening::Command(asked), spot)
}

impl Doer<'_> {
    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            interaction: self.id,
            token: self.token.to_owned(),
        }
    }

    fn did(&self, what: &str, happened: Happening, spot: &Spot) -> Event {
        Event {
            id: EventId::new(Platform::Discord, &format!("{what}/{}", self.id)),
            platform: Platform::Discord,
            at: Address {
                ticket: Some(self.ticket().write()),
                ..address(spot, self.user.id)
            },
            venue: venue(spot),
            by: Author {
                person: person(self.user),
                name: name(
                    self.user,
                    self.member.and_then(|member| member.nick.as_deref()),
                ),
                is_bot: self.user.bot,
                language: language(self.locale),
                rank: self.member.and_then(|member| member.permissions).map(rank),
            },
            happened,
            at_ms: created_ms(self.id.get()),
        }
    }
}

/// An answered message, if the bot may have written it: itself or by a webhook.
fn ours(answered: &Written, me: &CurrentUser) -> Option<MessageId> {
    let perhaps = answered.author.id == me.id || answered.webhook_id.is_some();
    perhaps.then(|| MessageId(answered.id.to_string()))
}

/// What is written, with names in place of Discord's marks for them, and without the bot's own at its beginning. Also whether it stood there.
fn words(content: &str, mentions: &[User], me: &CurrentUser) -> (String, bool) {
    let mut text = content.trim().to_owned();
    let marks_of = |id: &dyn std::fmt::Display| [format!("<@{id}>"), format!("<@!{id}>")];
    let mut leads = false;
    for mark in marks_of(&me.id) {
        if let Some(rest) = text.strip_prefix(&mark) {
            text = rest.trim_start_matches([',', ':', ' ']).to_owned();
            leads = true;
        }
        text = text.replace(&mark, &format!("@{}", me.name));
    }
    for user in mentions {
        for mark in marks_of(&user.id) {
            text = text.replace(&mark, &format!("@{}", name(user, None)));
        }
    }
    (text.trim().to_owned(), leads)
}

fn language(locale: &str) -> Language {
    if locale.starts_with("ko") {
        Language::Korean
    } else {
        Language::English
    }
}

/// What somebody with these permissions may change.
pub(super) fn rank(permissions: Permissions) -> Rank {
    if permissions.intersects(Permissions::MANAGE_GUILD | Permissions::ADMINISTRATOR) {
        Rank::ManagesAll
    } else if permissions.contains(Permissions::MANAGE_CHANNELS) {
        Rank::ManagesChannel
    } else {
        Rank::Member
    }
}

/// When an id was made: its upper bits count milliseconds since 2015. <https://discord.com/developers/docs/reference#snowflakes>
fn created_ms(id: u64) -> u64 {
    (id >> 22) + 1_420_070_400_000
}

fn person(user: &User) -> PersonId {
    PersonId::new(Platform::Discord, &user.id.to_string())
}

fn name(user: &User, nick: Option<&str>) -> String {
    nick.or(user.global_name.as_deref())
        .unwrap_or(&user.name)
        .to_owned()
}

fn address(spot: &Spot, asker: impl std::fmt::Display) -> Address {
    Address {
        place: spot
            .thread
            .map_or(spot.channel, |thread| thread.parent)
            .to_string(),
        thread: spot.thread.map(|_| spot.channel.to_string()),
        title: None,
        shared: spot.guild.is_some(),
        asker: asker.to_string(),
        ticket: None,
    }
}

fn venue(spot: &Spot) -> Venue {
    let place = |id: &dyn std::fmt::Display| PlaceId::new(Platform::Discord, &id.to_string());
    let level =
        |kind, id: &dyn std::fmt::Display| Level::new(Platform::Discord, kind, &id.to_string());
    let Some(guild) = spot.guild else {
        return Venue {
            place: place(&spot.channel),
            thread: None,
            audience: Audience::Private,
            levels: vec![level(LevelKind::Chat, &spot.channel)],
        };
    };
    let server = level(LevelKind::Server, &guild);
    match spot.thread {
        None => Venue {
            place: place(&spot.channel),
            thread: None,
            audience: Audience::Place(place(&spot.channel)),
            levels: vec![level(LevelKind::Channel, &spot.channel), server],
        },
        Some(ThreadOf { parent, private }) => {
            // What is said in a private thread is not for everybody in the channel, so it is a place of its own.
            let (place, thread) = if private {
                (place(&spot.channel), None)
            } else {
                (
                    place(&parent),
                    Some(ThreadId::new(&spot.channel.to_string())),
                )
            };
            Venue {
                audience: Audience::Place(place.clone()),
                place,
                thread,
                levels: vec![
                    level(LevelKind::Thread, &spot.channel),
                    level(LevelKind::Channel, &parent),
                    server,
                ],
            }
        }
    }
}
