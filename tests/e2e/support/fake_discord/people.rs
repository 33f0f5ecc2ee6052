//! The people and places of a test, and what people do there.

use std::sync::Arc;

use serde_json::{Value, json};

use super::drafts::{Draft, Post};
use super::permissions::{OF_EVERYBODY, OF_THE_BOT};
use super::sessions::{GUILD_TYPING, GUILD_WEBHOOKS, GUILDS, PRIVATE_TYPING};
use super::world::{
    GuildState, Id, PRIVATE_THREAD, PUBLIC_THREAD, RoleState, TEXT, UserState, World,
};
use super::{FakeDiscord, Served};

#[derive(Clone)]
pub(crate) struct Person {
    pub(super) served: Arc<Served>,
    pub(super) id: Id,
}

#[derive(Clone)]
pub(crate) struct Guild {
    served: Arc<Served>,
    id: Id,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Role(pub(crate) Id);

/// A channel of a guild, a thread, or a private channel.
#[derive(Clone)]
pub(crate) struct Channel {
    pub(super) served: Arc<Served>,
    pub(super) id: Id,
}

impl FakeDiscord {
    /// Somebody new. They use Discord in English unless told otherwise.
    pub(crate) fn person(&self, name: &str) -> Person {
        self.user(name, false)
    }

    /// Another bot.
    pub(crate) fn other_bot(&self, name: &str) -> Person {
        self.user(name, true)
    }

    fn user(&self, name: &str, is_bot: bool) -> Person {
        Person {
            id: self.served.change(|world| world.add_user(name, is_bot)),
            served: Arc::clone(&self.served),
        }
    }

    /// A new guild in which the bot is, with an owner of its own.
    pub(crate) fn guild(&self, name: &str) -> Guild {
        let id = self.served.change(|world| {
            let owner = world.add_user(&format!("owner of {name}"), false);
            let (id, role) = (world.new_id(), world.new_id());
            let everybody = RoleState {
                id,
                name: "@everyone".to_owned(),
                permissions: OF_EVERYBODY,
            };
            let of_the_bot = RoleState {
                id: role,
                name: "friends".to_owned(),
                permissions: OF_THE_BOT,
            };
            let guild = GuildState {
                id,
                name: name.to_owned(),
                owner,
                roles: vec![everybody, of_the_bot],
                members: [(owner, Vec::new()), (world.bot, vec![role])].into(),
            };
            world.guilds.insert(id, guild);
            let event = world.guild_event(id);
            world.tell("GUILD_CREATE", &event);
            id
        });
        Guild {
            served: Arc::clone(&self.served),
            id,
        }
    }

    /// The private channel with somebody.
    pub(crate) fn private(&self, person: &Person) -> Channel {
        Channel {
            id: self.served.change(|world| world.private_channel(person.id)),
            served: Arc::clone(&self.served),
        }
    }
}

impl Person {
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// How a message names them.
    pub(crate) fn mention(&self) -> String {
        format!("<@{}>", self.id)
    }

    /// The same person, using Discord in another language.
    pub(crate) fn speaking(self, locale: &str) -> Self {
        self.change(|user| locale.clone_into(&mut user.locale))
    }

    /// The same person with a name that is shown instead of the account's.
    pub(crate) fn shown_as(self, name: &str) -> Self {
        self.change(|user| user.global_name = Some(name.to_owned()))
    }

    /// Bots may no longer write to them.
    pub(crate) fn refuses_messages(&self) {
        self.clone().change(|user| user.takes_messages = false);
    }

    fn change(self, act: impl FnOnce(&mut UserState)) -> Self {
        self.served
            .change(|world| act(world.users.get_mut(&self.id).expect("people stay")));
        self
    }
}

impl Guild {
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    pub(crate) fn owner(&self) -> Person {
        Person {
            id: self.served.read(|world| world.guilds[&self.id].owner),
            served: Arc::clone(&self.served),
        }
    }

    pub(crate) fn channel(&self, name: &str) -> Channel {
        self.add_channel(TEXT, name, None)
    }

    fn add_channel(&self, kind: u64, name: &str, parent: Option<Id>) -> Channel {
        let id = self.served.change(|world| {
            let channel = world.add_channel(kind, name);
            (channel.guild, channel.parent) = (Some(self.id), parent);
            let id = channel.id;
            let event = world.channel(&world.channels[&id]);
            let name = if parent.is_some() {
                "THREAD_CREATE"
            } else {
                "CHANNEL_CREATE"
            };
            world.tell(name, &event);
            id
        });
        Channel {
            served: Arc::clone(&self.served),
            id,
        }
    }

    /// A new role with permission bits.
    pub(crate) fn role(&self, name: &str, permissions: u64) -> Role {
        self.served.change(|world| {
            let role = RoleState {
                id: world.new_id(),
                name: name.to_owned(),
                permissions,
            };
            let id = role.id;
            self.state(world).roles.push(role);
            Role(id)
        })
    }

    /// Somebody becomes a member. Whoever does something in a guild becomes one too.
    pub(crate) fn joins(&self, person: &Person, roles: &[Role]) {
        self.served.change(|world| {
            let roles = roles.iter().map(|role| role.0).collect();
            self.state(world).members.insert(person.id, roles);
        });
    }

    /// Gives the bot permissions in the whole guild.
    pub(crate) fn bot_may(&self, permissions: u64) {
        self.served
            .change(|world| self.state(world).roles[1].permissions |= permissions);
    }

    /// Takes permissions from the bot, also those that everybody has.
    pub(crate) fn bot_may_not(&self, permissions: u64) {
        self.served.change(|world| {
            for role in &mut self.state(world).roles[..2] {
                role.permissions &= !permissions;
            }
        });
    }

    /// The bot is thrown out.
    pub(crate) fn removes_bot(&self) {
        self.served.change(|world| {
            let bot = world.bot;
            self.state(world).members.remove(&bot);
            world.tell("GUILD_DELETE", &json!({ "id": self.id.to_string() }));
        });
    }

    fn state<'a>(&self, world: &'a mut World) -> &'a mut GuildState {
        world.guilds.get_mut(&self.id).expect("guilds stay")
    }
}

impl Channel {
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// A public thread of this channel.
    pub(crate) fn thread(&self, name: &str) -> Self {
        self.guild().add_channel(PUBLIC_THREAD, name, Some(self.id))
    }

    /// A private thread, to which the bot was added.
    pub(crate) fn private_thread(&self, name: &str) -> Self {
        self.guild()
            .add_channel(PRIVATE_THREAD, name, Some(self.id))
    }

    /// Takes permissions from the bot here only.
    pub(crate) fn bot_may_not(&self, permissions: u64) {
        self.served.change(|world| {
            let channel = world.channels.get_mut(&self.id).expect("channels stay");
            channel.denied |= permissions;
        });
    }

    pub(crate) fn says(&self, person: &Person, text: &str) -> Id {
        self.posts(person, said(text), None)
    }

    pub(crate) fn replies(&self, person: &Person, to: Id, text: &str) -> Id {
        self.posts(person, said(text), Some(to))
    }

    /// A message with a picture and no words.
    pub(crate) fn shows_picture(&self, person: &Person, file: &str) -> Id {
        let attachment = json!({
            "id": "1",
            "filename": file,
            "size": 1024,
            "url": format!("https://cdn.discordapp.com/attachments/1/1/{file}"),
            "proxy_url": format!("https://media.discordapp.net/attachments/1/1/{file}"),
            "content_type": "image/png",
            "width": 64,
            "height": 64,
        });
        let draft = Draft {
            attachments: json!([attachment]),
            ..said("")
        };
        self.posts(person, draft, None)
    }

    /// A message with a sticker and no words.
    pub(crate) fn shows_sticker(&self, person: &Person, name: &str) -> Id {
        let draft = Draft {
            stickers: json!([{ "id": "749054660769218631", "name": name, "format_type": 1 }]),
            ..said("")
        };
        self.posts(person, draft, None)
    }

    /// A message through a webhook that is not the bot's.
    pub(crate) fn webhook_says(&self, name: &str, text: &str) -> Id {
        self.served.change(|world| {
            let webhook = world.add_webhook(self.id, name, None, false);
            world.post_by_webhook(webhook, self.id, None, None, said(text))
        })
    }

    /// What Discord says itself: 6 somebody pinned a message, 7 somebody joined, 18 somebody began a thread.
    pub(crate) fn tells(&self, person: &Person, kind: u64) -> Id {
        self.served.change(|world| {
            world.enters(self.id, person.id);
            let post = Post {
                kind,
                ..Post::of(world, self.id, person.id, said(""))
            };
            world.post(post)
        })
    }

    /// The names of the bot's webhooks here.
    pub(crate) fn webhooks(&self) -> Vec<String> {
        self.served.read(|world| {
            let all = world.webhooks.values();
            let ours = all.filter(|webhook| webhook.channel == self.id && webhook.is_ours);
            ours.map(|webhook| webhook.name.clone()).collect()
        })
    }

    /// Somebody deletes all webhooks here.
    pub(crate) fn loses_webhooks(&self) {
        self.served.change(|world| {
            world
                .webhooks
                .retain(|_, webhook| webhook.channel != self.id);
            let event = json!({ "channel_id": self.id.to_string() });
            world.announce_in("WEBHOOKS_UPDATE", self.id, (GUILD_WEBHOOKS, 0), &event);
        });
    }

    pub(crate) fn edits(&self, person: &Person, message: Id, text: &str) {
        self.served.change(|world| {
            let known = world.channels[&self.id].message(message);
            assert_eq!(
                known.map(|message| message.author),
                Some(person.id),
                "only authors edit"
            );
            world
                .change_message(self.id, message, said(text))
                .expect("a text is no empty message");
        });
    }

    pub(crate) fn deletes(&self, message: Id) {
        self.served
            .change(|world| world.remove_message(self.id, message));
    }

    /// A moderator deletes several messages of a guild at once.
    pub(crate) fn deletes_all(&self, messages: &[Id]) {
        self.served.change(|world| {
            let is_in_guild = world.channels[&self.id].guild.is_some();
            assert!(
                is_in_guild && (2..=100).contains(&messages.len()),
                "Discord does not do that"
            );
            world.remove_messages(self.id, messages);
        });
    }

    pub(crate) fn reacts(&self, person: &Person, message: Id, emoji: &str) {
        self.served.change(|world| {
            world.enters(self.id, person.id);
            world.react(self.id, message, person.id, emoji);
        });
    }

    /// Discord adds the preview of a link: an update in which nobody has edited anything.
    pub(crate) fn unfurls(&self, message: Id, title: &str) {
        self.served.change(|world| {
            let channel = world.channels.get_mut(&self.id).expect("channels stay");
            let known = channel.message_mut(message).expect("the message is here");
            known.json["embeds"] =
                json!([{ "type": "link", "title": title, "url": "https://example.org/" }]);
            world.announce("MESSAGE_UPDATE", self.id, message);
        });
    }

    /// Somebody begins to type.
    pub(crate) fn types(&self, person: &Person) {
        let event = json!({
            "channel_id": self.id.to_string(),
            "user_id": person.id.to_string(),
            "timestamp": 1_767_225_600,
        });
        let intents = (GUILD_TYPING, PRIVATE_TYPING);
        self.served
            .change(|world| world.announce_in("TYPING_START", self.id, intents, &event));
    }

    /// The channel is deleted, with its threads and webhooks.
    pub(crate) fn vanishes(&self) {
        self.served.change(|world| {
            let event = world.channel(&world.channels[&self.id]);
            world.announce_in("CHANNEL_DELETE", self.id, (GUILDS, 0), &event);
            let id = self.id;
            world
                .channels
                .retain(|_, channel| channel.id != id && channel.parent != Some(id));
            world.webhooks.retain(|_, webhook| webhook.channel != id);
        });
    }

    fn posts(&self, person: &Person, draft: Draft, reply_to: Option<Id>) -> Id {
        self.served.change(|world| {
            world.enters(self.id, person.id);
            let post = Post {
                reply_to,
                kind: if reply_to.is_some() { 19 } else { 0 },
                ..Post::of(world, self.id, person.id, draft)
            };
            world.post(post)
        })
    }

    fn guild(&self) -> Guild {
        let guild = self.served.read(|world| world.channels[&self.id].guild);
        Guild {
            served: Arc::clone(&self.served),
            id: guild.expect("only channels of guilds have threads"),
        }
    }
}

impl World {
    /// Who does something in a guild is a member of it.
    pub(super) fn enters(&mut self, channel: Id, user: Id) {
        let guild = self.channels[&channel].guild;
        if let Some(guild) = guild.and_then(|guild| self.guilds.get_mut(&guild)) {
            guild.members.entry(user).or_default();
        }
    }

    /// Tells those sessions that asked for guilds.
    fn tell(&mut self, event: &str, data: &Value) {
        self.sessions.send(event, |session| {
            (session.intents & GUILDS != 0).then(|| data.clone())
        });
    }
}

fn said(text: &str) -> Draft {
    assert!(text.chars().count() <= 4000, "nobody writes more");
    Draft {
        content: Some(text.to_owned()),
        attachments: json!([]),
        stickers: json!([]),
        ..Draft::default()
    }
}
