//! Who the bot is, and what it can ask about users, channels and guilds.

use serde_json::{Value, json};

use super::calls::Call;
use super::form::Form;
use super::permissions::VIEW_CHANNEL;
use super::refusal::{Outcome, Refusal, Reply};
use super::world::{Id, World};

impl World {
    /// All other requests.
    pub(super) fn take_place(&mut self, call: &Call, segments: &[&str]) -> Outcome {
        match (call.method.as_str(), segments) {
            ("GET", ["users", "@me"]) => Ok(Reply::Json(self.own_user())),
            ("PATCH", ["users", "@me"]) => self.rename(call),
            ("GET", ["users", "@me", "guilds"]) => {
                let guilds = self.guilds.values();
                let guilds = guilds.filter(|guild| guild.members.contains_key(&self.bot));
                Ok(Reply::Json(
                    guilds.map(|guild| self.guild(guild.id)).collect(),
                ))
            }
            ("POST", ["users", "@me", "channels"]) => self.open_private_channel(call),
            ("GET", ["users", id]) => {
                let id = self.known_user(id)?;
                Ok(Reply::Json(self.user(id)))
            }
            ("GET", ["applications", "@me"] | ["oauth2", "applications", "@me"]) => {
                Ok(Reply::Json(self.application()))
            }
            ("GET", ["channels", id]) => {
                let id = self.visible_channel(id)?;
                Ok(Reply::Json(self.channel(&self.channels[&id])))
            }
            ("POST", ["channels", id, "typing"]) => {
                let id = self.visible_channel(id)?;
                self.check_may_send(&self.channels[&id])?;
                self.channels.get_mut(&id).expect("found above").typing += 1;
                Ok(Reply::Nothing)
            }
            ("GET", ["guilds", guild, rest @ ..]) => {
                let guild = guild
                    .parse()
                    .ok()
                    .filter(|guild| self.guilds.contains_key(guild));
                let guild: Id = guild.ok_or_else(|| Refusal::unknown("Guild"))?;
                if !self.guilds[&guild].members.contains_key(&self.bot) {
                    return Err(Refusal::missing_access());
                }
                self.take_guild(call, guild, rest)
            }
            _ => self.unknown_route(call),
        }
    }

    /// What this server does not know is a fault even where a test expects refusals.
    pub(super) fn unknown_route(&mut self, call: &Call) -> Outcome {
        self.faults
            .push(format!("no such route here: {}", call.shown()));
        Err(Refusal::new(404, 0, "404: Not Found"))
    }

    fn take_guild(&mut self, call: &Call, guild: Id, rest: &[&str]) -> Outcome {
        match rest {
            [] => Ok(Reply::Json(self.guild(guild))),
            ["roles"] => Ok(Reply::Json(self.roles(guild))),
            ["channels"] => {
                let here = self.channels.values().filter(|channel| {
                    channel.guild == Some(guild)
                        && !channel.is_thread()
                        && self.bot_may(VIEW_CHANNEL, channel)
                });
                Ok(Reply::Json(
                    here.map(|channel| self.channel(channel)).collect(),
                ))
            }
            ["members", id] => {
                let id = self.known_user(id)?;
                match self.guilds[&guild].members.contains_key(&id) {
                    true => Ok(Reply::Json(self.member(guild, id))),
                    false => Err(Refusal::unknown("Member")),
                }
            }
            _ => self.unknown_route(call),
        }
    }

    fn own_user(&self) -> Value {
        let mut user = self.user(self.bot);
        user["verified"] = json!(true);
        user["mfa_enabled"] = json!(true);
        user["locale"] = json!("en-US");
        user["email"] = Value::Null;
        user["flags"] = json!(0);
        user
    }

    fn application(&self) -> Value {
        let bot = self.user(self.bot);
        json!({
            "id": self.bot.to_string(),
            "name": bot["username"],
            "icon": null,
            "description": "",
            "summary": "",
            "bot": bot,
            "bot_public": true,
            "bot_require_code_grant": false,
            "owner": bot,
            "team": null,
            "verify_key": "0".repeat(64),
            "flags": self.application_flags(),
            "approximate_guild_count": self.guilds.len(),
            "redirect_uris": [],
            "interactions_endpoint_url": null,
            "role_connections_verification_url": null,
            "install_params": null,
        })
    }

    fn rename(&mut self, call: &Call) -> Outcome {
        let mut form = Form::of(call.body()?.as_ref(), &["username", "avatar", "banner"])?;
        let name = form.get("username").clone();
        if !name.is_null()
            && let Some(name) = form.text_in("username", &name, 2, 32)
        {
            let bot = self.users.get_mut(&self.bot).expect("the bot is a user");
            bot.name = name;
        }
        self.finish(call, &form)?;
        Ok(Reply::Json(self.own_user()))
    }

    fn open_private_channel(&mut self, call: &Call) -> Outcome {
        let mut form = Form::of(call.body()?.as_ref(), &["recipient_id"])?;
        let recipient = form.get("recipient_id").clone();
        // A number would lose its last digits in many languages; Discord takes it, and a client had better not send it.
        let recipient = match recipient.as_u64() {
            Some(number) => number.to_string(),
            None => form
                .text_in("recipient_id", &recipient, 1, 20)
                .unwrap_or_default(),
        };
        self.finish(call, &form)?;
        let user = self.known_user(&recipient)?;
        if user == self.bot {
            return Err(Refusal::new(
                400,
                50_007,
                "Cannot send messages to this user",
            ));
        }
        let channel = self.private_channel(user);
        Ok(Reply::Json(self.channel(&self.channels[&channel])))
    }

    fn known_user(&self, id: &str) -> Result<Id, Refusal> {
        let user = id.parse().ok().and_then(|id: Id| self.users.get(&id));
        user.map(|user| user.id)
            .ok_or_else(|| Refusal::unknown("User"))
    }
}
