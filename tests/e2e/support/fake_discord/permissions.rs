//! Permission bits, and who has which.

use super::world::{ChannelState, Id, World};

pub(crate) const ADMINISTRATOR: u64 = 1 << 3;
pub(crate) const MANAGE_CHANNELS: u64 = 1 << 4;
pub(crate) const MANAGE_GUILD: u64 = 1 << 5;
pub(crate) const ADD_REACTIONS: u64 = 1 << 6;
pub(crate) const VIEW_CHANNEL: u64 = 1 << 10;
pub(crate) const SEND_MESSAGES: u64 = 1 << 11;
pub(crate) const MANAGE_MESSAGES: u64 = 1 << 13;
pub(crate) const READ_MESSAGE_HISTORY: u64 = 1 << 16;
pub(crate) const MENTION_EVERYONE: u64 = 1 << 17;
pub(crate) const MANAGE_WEBHOOKS: u64 = 1 << 29;
pub(crate) const USE_APPLICATION_COMMANDS: u64 = 1 << 31;
pub(crate) const SEND_MESSAGES_IN_THREADS: u64 = 1 << 38;

/// What everybody may do in a new guild.
pub(super) const OF_EVERYBODY: u64 = VIEW_CHANNEL
    | SEND_MESSAGES
    | SEND_MESSAGES_IN_THREADS
    | READ_MESSAGE_HISTORY
    | ADD_REACTIONS
    | USE_APPLICATION_COMMANDS;

/// What a bot is given besides. It may ping everybody, so that one that forgets `allowed_mentions` is found out.
pub(super) const OF_THE_BOT: u64 = MANAGE_WEBHOOKS | MENTION_EVERYONE;

const ALL: u64 = (1 << 53) - 1;

impl World {
    /// What somebody may do in a channel.
    pub(super) fn permissions(&self, user: Id, channel: &ChannelState) -> u64 {
        let Some(guild) = channel.guild.and_then(|guild| self.guilds.get(&guild)) else {
            return OF_EVERYBODY | MENTION_EVERYONE;
        };
        let Some(roles) = guild.members.get(&user) else {
            return 0;
        };
        let held =
            |role: &&super::world::RoleState| role.id == guild.id || roles.contains(&role.id);
        let granted = guild
            .roles
            .iter()
            .filter(held)
            .fold(0, |bits, role| bits | role.permissions);
        if guild.owner == user || granted & ADMINISTRATOR != 0 {
            return ALL;
        }
        let parent = channel.parent.and_then(|parent| self.channels.get(&parent));
        let denied = match user == self.bot {
            true => channel.denied | parent.map_or(0, |parent| parent.denied),
            false => 0,
        };
        let left = granted & !denied;
        // Who cannot see a channel can do nothing there.
        if left & VIEW_CHANNEL == 0 { 0 } else { left }
    }

    pub(super) fn bot_may(&self, permission: u64, channel: &ChannelState) -> bool {
        self.permissions(self.bot, channel) & permission == permission
    }
}
