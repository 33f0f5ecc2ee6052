//! Messages to Discord. What they say is decided elsewhere.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use serenity::all::{ChannelId, LightMethod, MessageId as DiscordMessage, Route};

use super::faces::{Face, Faces};
use super::menu;
use super::rest::{Body, Rest};
use super::tickets::{Answer, Seen, Ticket, Tickets};
use crate::identity::{PersonId, Rank};
use crate::outlet::Form;
use crate::platforms::reaction::Reaction;
use crate::platforms::text::clean::clean_reply;
use crate::platforms::text::discord;
use crate::platforms::text::split::{Rules, pieces};
use crate::platforms::text::styled::Styled;
use crate::platforms::{
    Address, Button, File, Manners, MessageId, Messenger, Post, PostKey, Reach, SendError, Voice,
};
use crate::store::Store;

/// Discord as a place to send messages to.
#[derive(Debug)]
pub(super) struct Discord {
    rest: Arc<Rest>,
    faces: Faces,
    pub(super) tickets: Tickets,
}

impl Discord {
    pub(super) fn new(rest: Arc<Rest>, store: Arc<dyn Store>) -> Self {
        Self {
            faces: Faces::new(Arc::clone(&rest), store),
            tickets: Tickets::default(),
            rest,
        }
    }
}

#[async_trait]
impl Messenger for Discord {
    fn manners(&self, _at: &Address) -> Manners {
        Manners {
            // Discord takes about five changes in five seconds in a channel.
            pace: Duration::from_millis(1_200),
            pace_between: Duration::from_millis(250),
            typing_lasts: Duration::from_secs(10),
        }
    }

    fn pieces(&self, text: &str, voice: &Voice) -> Vec<Styled> {
        // Whether there will be a face in place of the name is not known yet, and cuts must stay.
        let lead = lead(voice).encode_utf16().count();
        let rules = Rules {
            lead,
            first_lead: lead,
            ..discord::RULES
        };
        pieces(&clean_reply(text), &rules)
    }

    async fn reach(&self, at: &Address) -> Result<Reach, SendError> {
        Ok(if at.shared && at.ticket.is_none() {
            // Only answers to what was chosen or pressed can be shown to one person alone.
            Reach::Menu
        } else {
            Reach::Open
        })
    }

    async fn posts_once(&self, at: &Address, post: &Post) -> bool {
        // Neither webhooks nor answers to interactions know nonces. Where it cannot be found out who speaks, the post will fail the same way.
        ticket(at).is_none() && matches!(self.face(at, &post.voice).await, Ok(None))
    }

    async fn post(&self, at: &Address, post: &Post, key: &PostKey) -> Result<MessageId, SendError> {
        if let Some(ticket) = ticket(at) {
            let answer = Answer {
                body: body(post),
                file: post.file.as_ref(),
                seen: Seen::by_asker_if(post.discreet),
            };
            match self.tickets.answer(&ticket, answer, &self.rest).await {
                // Too late for an answer; what everybody may read is said in the channel.
                Err(SendError::Gone(_)) if !post.discreet => {}
                outcome => return outcome,
            }
        }
        if let Some(Speaker { face, thread, name }) = self.face(at, &post.voice).await? {
            match self.faces.say(&face, thread, name, faced(post)).await {
                // Somebody has deleted the webhook: the next attempt makes another.
                Err(fault) if fault.is_lost_webhook() => {
                    self.faces.lost(&face);
                    return Err(SendError::Unreachable(fault.to_string()));
                }
                sent => return Ok(sent?),
            }
        }
        let mut body = body(post);
        body["nonce"] = json!(nonce(key));
        body["enforce_nonce"] = json!(true);
        if let Some(answers) = &post.answers {
            // Whoever deletes their message meanwhile still gets the answer.
            body["message_reference"] =
                json!({ "message_id": answers.0, "fail_if_not_exists": false });
        }
        let route = Route::ChannelMessages {
            channel_id: channel(at)?,
        };
        let with_file = with_file(&body, post.file.as_ref());
        let sent: Value = self.rest.ask(route, LightMethod::Post, with_file).await?;
        let message = id_of(&sent)?;
        // A second attempt under one nonce gives the first one's message back, which may show less.
        let content = |message: &Value| {
            message["content"]
                .as_str()
                .map(|text| text.trim().to_owned())
        };
        if content(&sent) != content(&body) {
            self.edit(at, &message, post).await?;
        }
        Ok(message)
    }

    async fn ask(&self, at: &Address, form: &Form) -> Result<(), SendError> {
        let ticket = ticket(at).ok_or_else(|| {
            SendError::Refused("Discord shows forms in answer to its own commands only".to_owned())
        })?;
        self.tickets
            .ask(&ticket, &menu::modal(form), &self.rest)
            .await
    }

    async fn edit(&self, at: &Address, of: &MessageId, post: &Post) -> Result<(), SendError> {
        if let Some(ticket) = ticket(at) {
            let changed = self
                .tickets
                .change(&ticket, message(of)?, &body(post), &self.rest)
                .await;
            match changed {
                Err(SendError::Gone(_)) if !post.discreet => {}
                outcome => return outcome,
            }
        }
        if let Some(Speaker { face, thread, .. }) = self.face(at, &post.voice).await? {
            match self
                .faces
                .say_instead(&face, thread, message(of)?, &faced(post))
                .await
            {
                // It was said before there was a webhook.
                Err(fault) if fault.is_gone() => {}
                outcome => return Ok(outcome?),
            }
        }
        let route = Route::ChannelMessage {
            channel_id: channel(at)?,
            message_id: message(of)?,
        };
        let body = body(post);
        Ok(self
            .rest
            .call(route, LightMethod::Patch, Body::Json(&body))
            .await?)
    }

    async fn react(
        &self,
        at: &Address,
        to: &MessageId,
        reaction: Reaction,
    ) -> Result<(), SendError> {
        let route = Route::ChannelMessageReactionMe {
            channel_id: channel(at)?,
            message_id: message(to)?,
            reaction: &in_address(reaction.emoji()),
        };
        Ok(self
            .rest
            .call(route, LightMethod::Put, Body::Nothing)
            .await?)
    }

    async fn remove(&self, at: &Address, of: &MessageId, voice: &Voice) -> Result<(), SendError> {
        // The bot may take away its own messages everywhere, and a webhook's only through the webhook.
        if let Some(Speaker { face, thread, .. }) = self.face(at, voice).await? {
            match self.faces.take_back(&face, thread, message(of)?).await {
                // It was said before there was a webhook.
                Err(fault) if fault.is_gone() => {}
                outcome => return Ok(outcome?),
            }
        }
        let route = Route::ChannelMessage {
            channel_id: channel(at)?,
            message_id: message(of)?,
        };
        Ok(self
            .rest
            .call(route, LightMethod::Delete, Body::Nothing)
            .await?)
    }

    fn tells_ranks(&self, at: &Address) -> bool {
        // Discord tells them with every command from its menu, and only there.
        !at.shared || at.ticket.is_some()
    }

    async fn rank(&self, _at: &Address, _person: &PersonId) -> Result<Rank, SendError> {
        Ok(Rank::Member)
    }

    async fn typing(&self, at: &Address) -> Result<(), SendError> {
        if at.ticket.is_some() {
            // Discord shows by itself that a command is being worked on.
            return Ok(());
        }
        let route = Route::ChannelTyping {
            channel_id: channel(at)?,
        };
        Ok(self
            .rest
            .call(route, LightMethod::Post, Body::Nothing)
            .await?)
    }
}

impl Discord {
    /// As whom a persona speaks here; `None` where the bot speaks itself.
    async fn face<'v>(
        &self,
        at: &Address,
        voice: &'v Voice,
    ) -> Result<Option<Speaker<'v>>, SendError> {
        let Voice::Persona { id, name, .. } = voice else {
            return Ok(None);
        };
        if !at.shared {
            // Private chats have no webhooks.
            return Ok(None);
        }
        let parent = parse(&at.place)?;
        let thread = at.thread.as_deref().map(parse).transpose()?;
        let face = self.faces.of(parent, id, name).await?;
        Ok(face.map(|face| Speaker { face, thread, name }))
    }
}

/// A persona that speaks through its webhook.
struct Speaker<'v> {
    face: Face,
    thread: Option<ChannelId>,
    name: &'v str,
}

/// The interaction that is answered, where it is one.
fn ticket(at: &Address) -> Option<Ticket> {
    at.ticket.as_deref().and_then(Ticket::read)
}

/// A message in which the bot itself seems to speak, so that a persona's name is told where it must be.
fn body(post: &Post) -> Value {
    with_content(post, lead(&post.voice) + &discord::render(&post.text))
}

/// A message that bears the name and the face of its persona.
fn faced(post: &Post) -> Value {
    with_content(post, discord::render(&post.text))
}

/// What stands above a persona's words.
fn lead(voice: &Voice) -> String {
    match voice {
        Voice::Persona {
            name, named: true, ..
        } => format!("**{}:**\n", discord::render(&Styled::plain(name.as_str()))),
        Voice::Persona { .. } | Voice::Bot | Voice::Draft => String::new(),
    }
}

/// What every way of sending has in common. Nobody is ever pinged, and links show no pictures.
fn with_content(post: &Post, content: String) -> Value {
    const SUPPRESS_EMBEDS: u32 = 1 << 2;
    let mut body = json!({
        "content": content,
        "allowed_mentions": { "parse": [], "replied_user": false },
        "components": rows(post),
        "flags": SUPPRESS_EMBEDS,
    });
    if let Some(file) = &post.file {
        body["attachments"] = json!([{ "id": 0, "filename": file.name }]);
    }
    body
}

/// A message with the file that it names, if it does.
pub(super) fn with_file<'a>(body: &'a Value, file: Option<&'a File>) -> Body<'a> {
    match file {
        Some(file) => Body::WithFile(body, file),
        None => Body::Json(body),
    }
}

fn rows(post: &Post) -> Vec<Value> {
    const ROW: u8 = 1;
    const BUTTON: u8 = 2;
    const GREY: u8 = 2;
    let button = |button: &Button| json!({ "type": BUTTON, "style": GREY, "label": button.label(post.language), "custom_id": button.word() });
    let buttons: Vec<Value> = post.buttons.iter().map(button).collect();
    if buttons.is_empty() {
        return Vec::new();
    }
    vec![json!({ "type": ROW, "components": buttons })]
}

/// At most 25 characters. Discord forgets it after a few minutes, so a later attempt may post twice.
fn nonce(key: &PostKey) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(key.0.as_bytes());
    digest
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn channel(at: &Address) -> Result<ChannelId, SendError> {
    parse(at.thread.as_deref().unwrap_or(&at.place))
}

fn parse(id: &str) -> Result<ChannelId, SendError> {
    match id.parse::<u64>() {
        Ok(id) if id != 0 => Ok(ChannelId::new(id)),
        _ => Err(SendError::Refused(format!(
            "{id:?} is no channel of Discord"
        ))),
    }
}

fn message(id: &MessageId) -> Result<DiscordMessage, SendError> {
    match id.0.parse::<u64>() {
        Ok(id) if id != 0 => Ok(DiscordMessage::new(id)),
        _ => Err(SendError::Refused(format!(
            "{:?} is no message of Discord",
            id.0
        ))),
    }
}

/// An emoji as a part of an address.
fn in_address(emoji: &str) -> String {
    emoji.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub(super) fn id_of(message: &Value) -> Result<MessageId, SendError> {
    message["id"]
        .as_str()
        .map(|id| MessageId(id.to_owned()))
        .ok_or_else(|| SendError::Unconfirmed("the answer names no message".to_owned()))
}
