//! A bot made with serenity talks to the server.

use std::sync::Arc;

use serenity::all::{
    ChannelId, Command, CommandInteraction, CommandOptionType, ComponentInteraction, Context,
    CreateAllowedMentions, CreateCommand, CreateCommandOption, EventHandler, GatewayIntents,
    GuildId, Http, HttpBuilder, Interaction, Message, MessageId, MessageUpdateEvent, Reaction,
    Ready, ResumedEvent, async_trait,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_discord::people::{Channel, Person};
use crate::support::in_time;

mod gateway;
mod interactions;
mod messages;
mod protocol;

const INTENTS: GatewayIntents = GatewayIntents::GUILDS
    .union(GatewayIntents::GUILD_MESSAGES)
    .union(GatewayIntents::GUILD_MESSAGE_REACTIONS)
    .union(GatewayIntents::DIRECT_MESSAGES)
    .union(GatewayIntents::DIRECT_MESSAGE_REACTIONS)
    .union(GatewayIntents::MESSAGE_CONTENT);

/// A connected bot that does nothing by itself.
struct Bot {
    http: Arc<Http>,
    events: UnboundedReceiver<Event>,
    client: JoinHandle<serenity::Result<()>>,
}

#[derive(Debug)]
enum Event {
    Ready,
    Resumed,
    Guild(String),
    Message(Box<Message>),
    Update(Box<MessageUpdateEvent>),
    Delete(MessageId),
    Reaction(Box<Reaction>),
    Interaction(Box<Interaction>),
}

struct Handler(UnboundedSender<Event>);

impl Handler {
    fn tell(&self, event: Event) {
        self.0.send(event).ok();
    }
}

#[async_trait]
impl EventHandler for Handler {
    async fn ready(&self, _: Context, _: Ready) {
        self.tell(Event::Ready);
    }
    async fn resume(&self, _: Context, _: ResumedEvent) {
        self.tell(Event::Resumed);
    }
    async fn guild_create(&self, _: Context, guild: serenity::all::Guild, _: Option<bool>) {
        self.tell(Event::Guild(guild.name));
    }
    async fn message(&self, _: Context, message: Message) {
        self.tell(Event::Message(Box::new(message)));
    }
    async fn message_update(
        &self,
        _: Context,
        _: Option<Message>,
        _: Option<Message>,
        event: MessageUpdateEvent,
    ) {
        self.tell(Event::Update(Box::new(event)));
    }
    async fn message_delete(
        &self,
        _: Context,
        _: ChannelId,
        message: MessageId,
        _: Option<GuildId>,
    ) {
        self.tell(Event::Delete(message));
    }
    async fn reaction_add(&self, _: Context, reaction: Reaction) {
        self.tell(Event::Reaction(Box::new(reaction)));
    }
    async fn interaction_create(&self, _: Context, interaction: Interaction) {
        self.tell(Event::Interaction(Box::new(interaction)));
    }
}

/// A bot in a channel with somebody.
async fn in_a_channel() -> (FakeDiscord, Channel, Person, Bot) {
    let discord = FakeDiscord::start().await;
    let general = discord.guild("club").channel("general");
    let yun = discord.person("yun");
    let bot = Bot::start(&discord).await;
    (discord, general, yun, bot)
}

fn http(discord: &FakeDiscord) -> HttpBuilder {
    HttpBuilder::new(discord.token())
        .proxy(discord.url())
        .ratelimiter_disabled(true)
        .default_allowed_mentions(CreateAllowedMentions::new())
}

impl Bot {
    async fn start(discord: &FakeDiscord) -> Self {
        let mut bot = Self::with_intents(discord, INTENTS).await;
        assert!(matches!(bot.next().await, Event::Ready));
        bot
    }

    async fn with_intents(discord: &FakeDiscord, intents: GatewayIntents) -> Self {
        let (sender, events) = unbounded_channel();
        let http = http(discord)
            .application_id(discord.bot_id().into())
            .build();
        let mut client = serenity::client::ClientBuilder::new_with_http(http, intents)
            .event_handler(Handler(sender))
            .await
            .expect("a client");
        let http = Arc::clone(&client.http);
        Self {
            http,
            events,
            client: tokio::spawn(async move { client.start_autosharded().await }),
        }
    }

    async fn next(&mut self) -> Event {
        in_time("an event", self.events.recv())
            .await
            .expect("the client runs")
    }

    async fn message(&mut self) -> Message {
        loop {
            if let Event::Message(message) = self.next().await {
                return *message;
            }
        }
    }

    async fn command(&mut self) -> CommandInteraction {
        let interaction = self.interaction().await;
        interaction.command().expect("a command")
    }

    async fn component(&mut self) -> ComponentInteraction {
        let interaction = self.interaction().await;
        interaction.message_component().expect("a component")
    }

    async fn interaction(&mut self) -> Interaction {
        loop {
            if let Event::Interaction(interaction) = self.next().await {
                return *interaction;
            }
        }
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.client.abort();
    }
}

async fn register(bot: &Bot) {
    let command = CreateCommand::new("persona")
        .name_localized("ko", "페르소나")
        .description("Choose who answers")
        .add_option(
            CreateCommandOption::new(CommandOptionType::SubCommand, "set", "Choose")
                .add_sub_option(
                    CreateCommandOption::new(CommandOptionType::String, "name", "Who")
                        .required(true)
                        .set_autocomplete(true),
                ),
        );
    Command::set_global_commands(&bot.http, vec![command])
        .await
        .expect("registered");
}
