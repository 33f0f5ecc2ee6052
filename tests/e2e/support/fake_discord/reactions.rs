//! Reactions to messages.

use serde_json::json;

use super::permissions::{ADD_REACTIONS, READ_MESSAGE_HISTORY};
use super::refusal::{Outcome, Refusal, Reply};
use super::sessions::{GUILD_REACTIONS, PRIVATE_REACTIONS};
use super::world::{Id, ReactionState, World};

impl World {
    pub(super) fn add_reaction(&mut self, channel: Id, id: &str, emoji: &str) -> Outcome {
        let id = self.message_id(channel, id)?;
        if !self.bot_may(
            ADD_REACTIONS | READ_MESSAGE_HISTORY,
            &self.channels[&channel],
        ) {
            return Err(Refusal::missing_permissions());
        }
        if emoji.is_ascii() {
            return Err(Refusal::new(400, 10_014, "Unknown Emoji"));
        }
        self.react(channel, id, self.bot, emoji);
        Ok(Reply::Nothing)
    }

    pub(super) fn remove_reaction(&mut self, channel: Id, id: &str, emoji: &str) -> Outcome {
        let (id, bot) = (self.message_id(channel, id)?, self.bot);
        let state = self.channels.get_mut(&channel).expect("found above");
        state.reactions.retain(|reaction| {
            reaction.message != id || reaction.user != bot || reaction.emoji != emoji
        });
        Ok(Reply::Nothing)
    }

    pub(super) fn react(&mut self, channel: Id, message: Id, user: Id, emoji: &str) {
        let state = self
            .channels
            .get_mut(&channel)
            .expect("checked by the caller");
        state.reactions.push(ReactionState {
            message,
            user,
            emoji: emoji.to_owned(),
        });
        let (guild, author) = (
            state.guild,
            state.message(message).map(|message| message.author),
        );
        let mut event = json!({
            "user_id": user.to_string(),
            "channel_id": channel.to_string(),
            "message_id": message.to_string(),
            "message_author_id": author.map(|author| author.to_string()),
            "emoji": { "id": null, "name": emoji },
            "burst": false,
            "burst_colors": [],
            "type": 0,
        });
        if let Some(guild) = guild {
            event["member"] = self.member(guild, user);
        }
        self.announce_in(
            "MESSAGE_REACTION_ADD",
            channel,
            (GUILD_REACTIONS, PRIVATE_REACTIONS),
            &event,
        );
    }
}
