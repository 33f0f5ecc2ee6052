//! Settings: read as written, check all of it, then give it its meaning. Of what a setting names only a token's file is opened, for it holds a
//! setting; no other file and no socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatfriends_engine::{FlashAttention, GpuLayers, KvType};
use chatfriends_personas::{Library, PersonaId};
use config::{Config, Environment, File, FileFormat, Value, ValueKind};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use crate::identity::Level;
use crate::quiet::QuietHours;
use crate::rules::{Answers, Quiet, Rules};
use crate::safety::{Contact, Safety};

/// The reference of all settings, compiled in.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Settings that also have the names in the environment under which other programs look for them.
const TOKEN_VARIABLES: [(&str, &str); 2] = [
    ("discord.token", "DISCORD_TOKEN"),
    ("telegram.token", "TELEGRAM_BOT_TOKEN"),
];

/// The settings of whoever runs it, where they stand in the folder that the program is started in.
const LOCAL: &str = "config/local.toml";

/// What `web.listen` is in [`DEFAULTS`].
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8787";

/// Everything that can be set, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the web surface listens.
    pub listen: SocketAddr,
    /// Folder for memory and the unpacked starter.
    pub store_path: PathBuf,
    /// MiB of records that the store keeps in memory.
    pub store_cache_mib: u32,
    /// What answers.
    pub brain: Brain,
    /// How the worker computes.
    pub engine: EngineSettings,
    /// Folder of the operator's persona files.
    pub personas_path: PathBuf,
    /// Who answers where nobody was chosen.
    pub default_persona: PersonaId,
    /// Who writes summaries.
    pub summariser: SummariserChoice,
    /// Tokens a summary may have.
    pub summary_tokens: u32,
    /// The rules of places.
    pub routes: BTreeMap<Level, Rules>,
    /// Discord, where there is a token for it.
    pub discord: Option<DiscordSettings>,
    /// Telegram, where there is a token for it.
    pub telegram: Option<TelegramSettings>,
    /// What one message and one reply may take.
    pub limits: Limits,
    /// What brings the help card, and what stands on it.
    pub safety: Safety,
    /// What is logged.
    pub log_filter: String,
    /// How it is logged.
    pub log_format: LogFormat,
}

/// What answers for personas without a model of their own.
#[derive(Debug, Clone)]
pub enum Brain {
    /// The compiled-in starter model.
    Starter,
    /// A GGUF file.
    File(PathBuf),
    /// A model server.
    Server(ServerChoice),
}

/// An OpenAI-compatible server as the operator named it.
#[derive(Clone)]
pub struct ServerChoice {
    /// Base address, ending before `/chat/completions`.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// Its key.
    pub key: Option<String>,
    /// Tokens of prompt and reply together.
    pub context: u32,
    /// tokenizer.json of that model.
    pub tokenizer: Option<PathBuf>,
}

impl std::fmt::Debug for ServerChoice {
    /// Leaves the key out: settings are logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerChoice")
            .field("url", &self.url)
            .field("model", &self.model)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// How Discord is reached.
#[derive(Debug, Clone)]
pub struct DiscordSettings {
    /// The bot's token.
    pub token: Secret,
    /// A proxy or another server in place of Discord's own.
    pub api_url: Option<reqwest::Url>,
}

/// How Telegram is reached.
#[derive(Debug, Clone)]
pub struct TelegramSettings {
    /// The bot's token.
    pub token: Secret,
    /// A Bot API server in place of Telegram's own.
    pub api_url: Option<reqwest::Url>,
    /// How it brings updates to us, where it does.
    pub webhook: Option<WebhookSettings>,
}

/// How a chat app brings updates to us.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// The public address.
    pub url: reqwest::Url,
    /// What proves that they come from the app; `None` = one of our own making.
    pub secret: Option<Secret>,
}

/// A text that must not be shown anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A text as a secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for whoever sends it on.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// How the worker computes; the meaning of each is in config/default.toml.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "config/default.toml explains every key once")]
pub struct EngineSettings {
    pub gpu_layers: GpuLayers,
    pub devices: Vec<String>,
    pub slots: u32,
    pub context: Option<u32>,
    pub kv_type: KvType,
    pub flash_attention: FlashAttention,
    pub threads: Option<u32>,
    /// MiB for what conversations that are not being answered have computed.
    pub cache_ram: u32,
    pub mmap: bool,
    pub mlock: bool,
}

/// What one message and one reply may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest message, in characters.
    pub message_characters: usize,
    /// Longest time for one reply.
    pub reply: Duration,
    /// Messages of one person that may wait for their answer.
    pub waiting_per_person: usize,
}

/// Who writes summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummariserChoice {
    /// The model, if it is capable.
    Auto,
    /// Sentences chosen from what was said.
    Extractive,
    /// The model.
    Model,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// A `[[route]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRoute {
    at: String,
    #[serde(default)]
    personas: Vec<String>,
    answers: Option<String>,
    quiet: Option<String>,
    hourly_per_person: Option<u32>,
    hourly: Option<u32>,
}

/// The words of a setting that takes one of a few, each with what it means.
type Choices<T> = [(&'static str, T)];

const KV_TYPES: &Choices<KvType> = &[
    ("f16", KvType::F16),
    ("q8_0", KvType::Q8),
    ("q4_0", KvType::Q4),
];
const FLASH_ATTENTION: &Choices<FlashAttention> = &[
    ("auto", FlashAttention::Auto),
    ("on", FlashAttention::On),
    ("off", FlashAttention::Off),
];
const SUMMARISERS: &Choices<SummariserChoice> = &[
    ("auto", SummariserChoice::Auto),
    ("extractive", SummariserChoice::Extractive),
    ("model", SummariserChoice::Model),
];
const LOG_FORMATS: &Choices<LogFormat> = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
const ANSWERS: &Choices<Answers> = &[
    ("called", Answers::Called),
    ("everything", Answers::Everything),
    ("nothing", Answers::Nothing),
];

/// All faults of the settings, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct SettingsError(pub Vec<String>);

impl Settings {
    /// Everything that must never be shown.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let discord = self.discord.as_ref().map(|discord| discord.token.clone());
        let telegram = self.telegram.as_ref();
        let webhook = telegram.and_then(|telegram| telegram.webhook.as_ref()?.secret.clone());
        let telegram = telegram.map(|telegram| telegram.token.clone());
        let server = match &self.brain {
            Brain::Server(server) => server.key.as_deref().map(Secret::new),
            Brain::Starter | Brain::File(_) => None,
        };
        let all = [discord, telegram, webhook, server];
        all.into_iter().flatten().collect()
    }

    /// Routes that name a persona of whom there is no file, each with a line about it.
    #[must_use]
    pub fn strangers(&self, library: &Library) -> Vec<(&Level, String)> {
        let mut found = Vec::new();
        for (level, rules) in &self.routes {
            for id in rules.personas.iter().flatten() {
                if library.get(id).is_some() {
                    continue;
                }
                let hint = library
                    .nearest(id.as_str())
                    .map_or_else(String::new, |known| {
                        format!(" (did you mean {:?}?)", known.as_str())
                    });
                found.push((level, format!("no file has {:?}{hint}", id.as_str())));
            }
        }
        found
    }

    /// Reads the defaults, `config/local.toml` where it exists, `file`, and the environment; a later one wins.
    ///
    /// # Errors
    /// Every fault at once: unreadable files, unknown keys with the nearest known one, values of a wrong type or out of range.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        Self::from_sources(
            Some(Path::new(LOCAL)),
            file,
            Environment::default(),
            |name| std::env::var(name).ok().filter(|value| !value.is_empty()),
        )
    }

    fn from_sources(
        local: Option<&Path>,
        file: Option<&Path>,
        environment: Environment,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let of_crate = |error: config::ConfigError| SettingsError(vec![error.to_string()]);
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(local) = local {
            builder =
                builder.add_source(File::from(local).format(FileFormat::Toml).required(false));
        }
        if let Some(file) = file {
            builder = builder.add_source(File::from(file).format(FileFormat::Toml).required(true));
        }
        // A setting of our own stands above these.
        let mut tokens = Config::builder();
        for (key, name) in TOKEN_VARIABLES {
            if let Some(token) = variable(name) {
                tokens = tokens.set_override(key, token).map_err(of_crate)?;
            }
        }
        builder = builder.add_source(tokens.build().map_err(of_crate)?);
        builder = builder.add_source(
            environment
                .prefix("CHATFRIENDS")
                .prefix_separator("__")
                .separator("__"),
        );
        let config = builder.build().map_err(of_crate)?;
        let mut reader = Reader {
            config,
            read: Vec::new(),
            faults: Vec::new(),
        };
        let settings = reader.settings();
        reader.report_unknown();
        match settings {
            Some(settings) if reader.faults.is_empty() => Ok(settings),
            _ => Err(SettingsError(reader.faults)),
        }
    }
}

/// Takes keys one by one and remembers every fault and every key that it was asked for.
struct Reader {
    config: Config,
    read: Vec<&'static str>,
    faults: Vec<String>,
}

impl Reader {
    /// All of them, so that all faults are found; the result is complete or there is a fault.
    fn settings(&mut self) -> Option<Settings> {
        let listen = self.parsed(
            "web.listen",
            "an address and port such as \"127.0.0.1:8787\"",
        );
        let store_path = self.path("store.path");
        let store_cache_mib = self.within("store.cache", 1, 1 << 20);
        let brain = self.brain();
        let engine = self.engine();
        let personas_path = self.path("personas.path");
        let default_persona =
            self.take::<String>("personas.default")
                .and_then(|id| match PersonaId::new(&id) {
                    Ok(id) => Some(id),
                    Err(error) => self.fault("personas.default", &error.to_string()),
                });
        let routes = self.routes();
        let discord = self.discord();
        let telegram = self.telegram();
        let summariser = self.one_of("memory.summariser", SUMMARISERS);
        let summary_tokens = self.within("memory.summary_tokens", 32, 4096);
        let message_characters = self.within("limits.message_characters", 1, 100_000);
        let reply_seconds = self.within("limits.reply_seconds", 1, 3600);
        let waiting_per_person = self.within("limits.waiting_per_person", 1, 1000);
        let safety = self.safety();
        let log_filter = self.take::<String>("log.filter").and_then(|filter| {
            match EnvFilter::try_new(&filter) {
                Ok(_) => Some(filter),
                Err(error) => self.fault("log.filter", &format!("{filter:?}: {error}")),
            }
        });
        let log_format = self.one_of("log.format", LOG_FORMATS);
        Some(Settings {
            listen: listen?,
            store_path: store_path?,
            store_cache_mib: store_cache_mib?,
            brain: brain?,
            engine: engine?,
            personas_path: personas_path?,
            default_persona: default_persona?,
            routes: routes?,
            discord,
            telegram,
            summariser: summariser?,
            summary_tokens: summary_tokens?,
            limits: Limits {
                message_characters: message_characters? as usize,
                reply: Duration::from_secs(u64::from(reply_seconds?)),
                waiting_per_person: waiting_per_person? as usize,
            },
            safety: safety?,
            log_filter: log_filter?,
            log_format: log_format?,
        })
    }

    fn brain(&mut self) -> Option<Brain> {
        let file = self.take::<String>("model.default");
        let url = self.take::<String>("server.url");
        let model = self.take::<String>("server.model");
        let key = self.take::<String>("server.key");
        let context = self.within("server.context", 256, 16_777_216);
        let tokenizer = self.take::<String>("server.tokenizer");
        let (file, url, model, key, context, tokenizer) =
            (file?, url?, model?, key?, context?, tokenizer?);
        if url.is_empty() {
            return Some(if file == "starter" {
                Brain::Starter
            } else {
                Brain::File(PathBuf::from(file))
            });
        }
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return self.fault(
                "server.url",
                &format!("{url:?} must begin with http:// or https://"),
            );
        }
        if model.is_empty() {
            return self.fault(
                "server.model",
                "the server's model needs a name when server.url is set",
            );
        }
        Some(Brain::Server(ServerChoice {
            url: url.trim_end_matches('/').to_owned(),
            model,
            key: Some(key).filter(|key| !key.is_empty()),
            context,
            tokenizer: Some(tokenizer)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
        }))
    }

    /// `None` without a token, or after a fault.
    fn discord(&mut self) -> Option<DiscordSettings> {
        let api_url = self.api_url("discord.api_url");
        let token = self.token("discord.token", "discord.token_file")?;
        Some(DiscordSettings { token, api_url })
    }

    /// `None` without a token, or after a fault.
    fn telegram(&mut self) -> Option<TelegramSettings> {
        let api_url = self.api_url("telegram.api_url");
        let token = self.token("telegram.token", "telegram.token_file");
        let webhook = self.webhook(api_url.as_ref());
        Some(TelegramSettings {
            token: token?,
            api_url,
            webhook,
        })
    }

    /// `None` for the app's own server, or after a fault.
    fn api_url(&mut self, key: &'static str) -> Option<reqwest::Url> {
        let written = self.take::<String>(key)?;
        if written.is_empty() {
            return None;
        }
        match reqwest::Url::parse(&written) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
            _ => self.fault(key, &format!("{written:?} is no http(s) address")),
        }
    }

    /// `None` where there is none, or after a fault.
    fn token(&mut self, token_key: &'static str, file_key: &'static str) -> Option<Secret> {
        let token = self.take::<String>(token_key);
        let file = self.take::<String>(file_key);
        let (token, file) = (token?, file?);
        let token = match (token.trim(), file.as_str()) {
            ("", "") => return None,
            (token, "") => token.to_owned(),
            // A file that is named is the more deliberate of the two.
            (_, file) => match std::fs::read_to_string(file) {
                Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
                Ok(_) => return self.fault(file_key, &format!("{file:?} is empty")),
                Err(error) => return self.fault(file_key, &format!("{file:?}: {error}")),
            },
        };
        // It becomes a part of addresses and headers.
        if token.chars().any(|letter| !letter.is_ascii_graphic()) {
            return self.fault(token_key, "the token holds a character that no token has");
        }
        Some(Secret(token))
    }

    /// `None` when updates are polled for, or after a fault.
    fn webhook(&mut self, api_url: Option<&reqwest::Url>) -> Option<WebhookSettings> {
        const SECRET: &str = "telegram.webhook_secret";
        const URL: &str = "telegram.webhook_url";
        let url = self.take::<String>(URL);
        let secret = self.take::<String>(SECRET);
        let (url, secret) = (url?, secret?);
        // https://core.telegram.org/bots/api#setwebhook
        let is_allowed =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        if secret.len() > 256 || !secret.chars().all(is_allowed) {
            self.note(
                SECRET,
                "the secret may have 256 letters, digits, _ and - at most",
            );
        }
        if url.is_empty() {
            return None;
        }
        let parsed = reqwest::Url::parse(&url).ok();
        let scheme = parsed.as_ref().map(reqwest::Url::scheme);
        let url = match (scheme, api_url) {
            // A Bot API server of one's own brings updates to http, too: https://core.telegram.org/bots/api#using-a-local-bot-api-server
            (Some("https"), _) | (Some("http"), Some(_)) => parsed?,
            (_, Some(_)) => return self.fault(URL, &format!("{url:?} is no http(s) address")),
            (_, None) => {
                return self.fault(
                    URL,
                    &format!("{url:?} is no https address, and Telegram brings updates to no other; give your proxy a certificate and begin with https:// (http:// is for a Bot API server of your own, named in telegram.api_url)"),
                );
            }
        };
        let secret = Some(secret).filter(|it| !it.is_empty()).map(Secret);
        Some(WebhookSettings { url, secret })
    }

    fn safety(&mut self) -> Option<Safety> {
        let country = self.take::<String>("safety.country").and_then(|code| {
            if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                Some(code.to_ascii_uppercase())
            } else {
                self.fault(
                    "safety.country",
                    &format!("{code:?} is not a two-letter country code"),
                )
            }
        });
        let phrases = self.take::<Vec<String>>("safety.phrases");
        let contacts = self.take::<Vec<Contact>>("safety.contacts");
        match Safety::new(country?, &phrases?, contacts?) {
            Ok(safety) => Some(safety),
            Err(error) => self.fault("safety.phrases", &error),
        }
    }

    fn routes(&mut self) -> Option<BTreeMap<Level, Rules>> {
        let written = self.take::<Vec<Value>>("route")?;
        let mut routes = BTreeMap::new();
        for (index, written) in written.into_iter().enumerate() {
            let route = format!("route {}", index + 1);
            match written.try_deserialize() {
                Ok(written) => self.route(&route, written, &mut routes),
                Err(error) => self.note(&route, &error.to_string()),
            }
        }
        Some(routes)
    }

    /// One of them; all that is wrong with it is reported.
    fn route(&mut self, route: &str, written: WrittenRoute, routes: &mut BTreeMap<Level, Rules>) {
        let WrittenRoute {
            at,
            personas,
            answers,
            quiet,
            hourly_per_person,
            hourly,
        } = written;
        let level = at
            .parse::<Level>()
            .map_err(|error| self.note(&format!("{route}.at"), &error.to_string()));
        let key = |name: &str| format!("{route}.{name} (at {at:?})");
        let mut ids = Vec::new();
        for id in &personas {
            match PersonaId::new(id) {
                Ok(id) => ids.push(id),
                Err(error) => self.note(&key("personas"), &error.to_string()),
            }
        }
        let answers = answers.and_then(|written| match chosen(&written, ANSWERS) {
            Ok(answers) => Some(answers),
            Err(fault) => self.fault(&key("answers"), &fault),
        });
        let quiet = match quiet.as_deref() {
            None => None,
            Some("never") => Some(Quiet::Never),
            Some(hours) => match hours.parse::<QuietHours>() {
                Ok(hours) => Some(Quiet::Hours(hours)),
                Err(error) => self.fault(&key("quiet"), &error.to_string()),
            },
        };
        let rules = Rules {
            personas: (!ids.is_empty()).then_some(ids),
            answers,
            quiet,
            hourly_per_person,
            hourly,
        };
        if let Ok(level) = level
            && routes.insert(level, rules).is_some()
        {
            self.note(route, &format!("{at:?} stands there twice"));
        }
    }

    fn engine(&mut self) -> Option<EngineSettings> {
        let gpu_layers = self.take("engine.gpu_layers");
        let devices = self.list("engine.devices");
        let slots = self.within("engine.slots", 1, 64);
        let context = self.within("engine.context", 0, 1_048_576);
        let kv_type = self.one_of("engine.kv_type", KV_TYPES);
        let flash_attention = self.one_of("engine.flash_attention", FLASH_ATTENTION);
        let threads = self.within("engine.threads", 0, 512);
        let cache_ram = self.within("engine.cache_ram", 0, 1 << 20);
        let mmap = self.take("engine.mmap");
        let mlock = self.take("engine.mlock");
        if context.is_some_and(|context| context != 0 && context < 256) {
            return self.fault(
                "engine.context",
                "fewer than 256 tokens leave no room for a conversation; 0 takes the model's own",
            );
        }
        // Every model would refuse it, one by one.
        if let (Some(KvType::Q8 | KvType::Q4), Some(FlashAttention::Off)) =
            (kv_type, flash_attention)
        {
            return self.fault(
                "engine.kv_type",
                "only \"f16\" does without flash attention; set engine.flash_attention to \"auto\" or \"on\"",
            );
        }
        Some(EngineSettings {
            gpu_layers: gpu_layers?,
            devices: devices?,
            slots: slots?,
            context: context.map(|tokens| (tokens > 0).then_some(tokens))?,
            kv_type: kv_type?,
            flash_attention: flash_attention?,
            threads: threads.map(|count| (count > 0).then_some(count))?,
            cache_ram: cache_ram?,
            mmap: mmap?,
            mlock: mlock?,
        })
    }

    fn take<T: serde::de::DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        self.read.push(key);
        match self.config.get::<T>(key) {
            Ok(value) => Some(value),
            Err(error) => {
                // The crate's message repeats the key in some variants; ours names it once, first.
                let text = error.to_string();
                let text = text.replace(&format!(" for key `{key}`"), "");
                // It tells where the value stands in some variants only.
                let from = self.origin(key).map(|origin| format!(" in {origin}"));
                let text = from
                    .and_then(|from| text.strip_suffix(&from))
                    .unwrap_or(&text);
                let message = format!("{text}{}", self.stands(key));
                self.fault(key, &message)
            }
        }
    }

    /// One of a few words, in whatever case.
    fn one_of<T: Copy>(&mut self, key: &'static str, choices: &Choices<T>) -> Option<T> {
        let written = self.take::<String>(key)?;
        match chosen(&written, choices) {
            Ok(value) => Some(value),
            Err(fault) => {
                let message = format!("{fault}{}", self.stands(key));
                self.fault(key, &message)
            }
        }
    }

    /// Where the value of a key stands, as the end of a message; empty for what stands nowhere but in the defaults.
    fn stands(&self, key: &str) -> String {
        match self.origin(key) {
            None => String::new(),
            Some(THE_ENVIRONMENT) => {
                let variable = key.to_uppercase().replace('.', "__");
                format!(" in CHATFRIENDS__{variable}")
            }
            Some(file) => format!(" in {file}"),
        }
    }

    fn origin(&self, key: &str) -> Option<&str> {
        let mut value = &self.config.cache;
        for part in key.split('.') {
            let ValueKind::Table(table) = &value.kind else {
                return None;
            };
            value = table.get(part)?;
        }
        value.origin()
    }

    fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.take::<String>(key)?;
        if text.is_empty() {
            self.fault(key, "must not be empty")
        } else {
            Some(PathBuf::from(text))
        }
    }

    fn parsed<T: std::str::FromStr>(&mut self, key: &'static str, wanted: &str) -> Option<T> {
        let text = self.take::<String>(key)?;
        text.parse()
            .ok()
            .or_else(|| self.fault(key, &format!("{text:?} is not {wanted}")))
    }

    /// Several texts; the environment separates them by commas.
    fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        if let Ok(text) = self.config.get::<String>(key) {
            self.read.push(key);
            let parts = text.split(',').map(str::trim);
            return Some(
                parts
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect(),
            );
        }
        self.take(key)
    }

    fn within(&mut self, key: &'static str, least: u32, most: u32) -> Option<u32> {
        let number = self.take::<i64>(key)?;
        match u32::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => self.fault(key, &format!("{number} is not between {least} and {most}")),
        }
    }

    fn fault<T>(&mut self, key: &str, message: &str) -> Option<T> {
        self.note(key, message);
        None
    }

    fn note(&mut self, key: &str, message: &str) {
        self.faults.push(format!("setting {key}: {message}"));
    }

    fn report_unknown(&mut self) {
        let mut written = Vec::new();
        if let Ok(table) = self.config.cache.clone().into_table() {
            for (key, value) in table {
                leaves(key, value, &mut written);
            }
        }
        written.sort();
        for (key, origin) in written {
            if self.read.contains(&key.as_str()) {
                continue;
            }
            let from = origin.map_or_else(String::new, |origin| format!(" in {origin}"));
            let hint = chatfriends_personas::nearest(&key, self.read.iter().copied())
                .map_or_else(String::new, |known| format!(" (did you mean {known:?}?)"));
            self.faults.push(format!("unknown key {key:?}{from}{hint}"));
        }
    }
}

/// What [`Environment`] calls itself.
const THE_ENVIRONMENT: &str = "the environment";

/// What a word means.
///
/// # Errors
/// Which ones there are, when it is none of them.
fn chosen<T: Copy>(written: &str, choices: &Choices<T>) -> Result<T, String> {
    let mut all = choices.iter();
    if let Some((_, meant)) = all.find(|(word, _)| word.eq_ignore_ascii_case(written)) {
        return Ok(*meant);
    }
    let quoted: Vec<String> = choices
        .iter()
        .map(|(word, _)| format!("{word:?}"))
        .collect();
    let wanted = match quoted.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        all => all.concat(),
    };
    Err(format!(
        "invalid value: string {written:?}, expected {wanted}"
    ))
}

/// Full names and origins of all values below `value`.
fn leaves(name: String, value: Value, found: &mut Vec<(String, Option<String>)>) {
    let origin = value.origin().map(str::to_owned);
    match value.kind {
        ValueKind::Table(table) => {
            for (key, value) in table {
                leaves(format!("{name}.{key}"), value, found);
            }
        }
        _ => found.push((name, origin)),
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "the texts of these tests are ASCII")]
mod tests {
    use std::collections::HashMap;

    use expect_test::{Expect, expect};

    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, toml).unwrap();
        let variables: HashMap<String, String> = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let settings = Settings::from_sources(
            None,
            Some(&file),
            Environment::default().source(Some(variables.clone())),
            |name| variables.get(name).cloned(),
        );
        // The folder's name differs from run to run.
        let plain = |fault: String| match fault.split_once(" in ") {
            Some((start, rest)) if rest.contains("mine.toml") => {
                format!("{start} in {}", &rest[rest.find("mine.toml").unwrap()..])
            }
            _ => fault,
        };
        settings
            .map_err(|SettingsError(faults)| SettingsError(faults.into_iter().map(plain).collect()))
    }

    fn check_faults(toml: &str, faults: Expect) {
        faults.assert_eq(&load(toml, &[]).unwrap_err().to_string());
    }

    #[test]
    fn the_defaults_are_complete_and_valid() {
        let settings = load("", &[]).unwrap();
        assert_eq!(settings.listen.to_string(), DEFAULT_LISTEN);
        assert_eq!(settings.default_persona.as_str(), "joey");
        assert!(matches!(settings.brain, Brain::Starter));
    }

    #[test]
    fn every_key_of_the_reference_has_a_comment() {
        let mut previous = "";
        for line in DEFAULTS.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(previous.starts_with('#'), "{line} has no comment above it");
            }
            previous = line;
        }
    }

    #[test]
    fn a_webhook_needs_an_address_and_may_have_a_secret() {
        check_faults(
            "[telegram]\nwebhook_url = \"bot.example.org\"\nwebhook_secret = \"a b\"",
            expect![[r#"
                setting telegram.webhook_secret: the secret may have 256 letters, digits, _ and - at most
                setting telegram.webhook_url: "bot.example.org" is no https address, and Telegram brings updates to no other; give your proxy a certificate and begin with https:// (http:// is for a Bot API server of your own, named in telegram.api_url)"#]],
        );
    }

    /// Telegram would have refused it after the start.
    #[test]
    fn a_webhook_without_encryption_is_for_a_server_of_ones_own() {
        let http = "[telegram]\ntoken = \"1:x\"\nwebhook_url = \"http://bot.example.org/\"\n";
        check_faults(
            http,
            expect![[
                r#"setting telegram.webhook_url: "http://bot.example.org/" is no https address, and Telegram brings updates to no other; give your proxy a certificate and begin with https:// (http:// is for a Bot API server of your own, named in telegram.api_url)"#
            ]],
        );
        let own = format!("{http}api_url = \"http://127.0.0.1:8081\"");
        let webhook = load(&own, &[]).unwrap().telegram.unwrap().webhook.unwrap();
        assert_eq!(webhook.url.as_str(), "http://bot.example.org/");
        check_faults(
            &own.replace("http://bot", "ftp://bot"),
            expect![[
                r#"setting telegram.webhook_url: "ftp://bot.example.org/" is no http(s) address"#
            ]],
        );
    }

    #[test]
    fn a_token_has_one_name_in_the_environment() {
        let named = |name: &str| load("", &[(name, "1:x")]).unwrap();
        assert!(named("DISCORD_TOKEN").discord.is_some());
        assert!(named("TELEGRAM_BOT_TOKEN").telegram.is_some());
        for other in ["DISCORD_BOT_TOKEN", "TELOXIDE_TOKEN"] {
            let settings = named(other);
            assert!(settings.discord.is_none() && settings.telegram.is_none());
        }
    }

    /// The log leaves these out wherever they stand; the webhook's stood in it.
    #[test]
    fn everything_that_must_not_be_shown_is_known() {
        let settings = load(
            r#"
                [discord]
                token = "discord-token"
                [telegram]
                token = "telegram-token"
                webhook_url = "https://bot.example.org/"
                webhook_secret = "webhook-secret"
                [server]
                url = "http://127.0.0.1:1/v1"
                model = "m"
                key = "server-key"
            "#,
            &[],
        )
        .unwrap();
        let secrets = settings.secrets();
        let secrets: Vec<&str> = secrets.iter().map(Secret::reveal).collect();
        assert_eq!(
            secrets,
            [
                "discord-token",
                "telegram-token",
                "webhook-secret",
                "server-key"
            ]
        );
    }

    #[test]
    fn a_word_that_a_setting_does_not_know_is_answered_with_those_it_does() {
        check_faults(
            r#"
                [engine]
                gpu_layers = "some"
                kv_type = "q3"
                flash_attention = "perhaps"
                [memory]
                summariser = "me"
                [log]
                format = "xml"
                [[route]]
                at = "discord:server/1"
                answers = "loudly"
            "#,
            expect![[r#"
                setting engine.gpu_layers: invalid value: string "some", expected "auto" or a number of layers in mine.toml
                setting engine.kv_type: invalid value: string "q3", expected "f16", "q8_0" or "q4_0" in mine.toml
                setting engine.flash_attention: invalid value: string "perhaps", expected "auto", "on" or "off" in mine.toml
                setting route 1.answers (at "discord:server/1"): invalid value: string "loudly", expected "called", "everything" or "nothing"
                setting memory.summariser: invalid value: string "me", expected "auto", "extractive" or "model" in mine.toml
                setting log.format: invalid value: string "xml", expected "text" or "json" in mine.toml"#]],
        );
        let of_environment = [
            ("CHATFRIENDS__ENGINE__KV_TYPE", "q3"),
            ("CHATFRIENDS__ENGINE__MMAP", "maybe"),
        ];
        assert_eq!(
            load("", &of_environment).unwrap_err().0,
            [
                r#"setting engine.kv_type: invalid value: string "q3", expected "f16", "q8_0" or "q4_0" in CHATFRIENDS__ENGINE__KV_TYPE"#,
                r#"setting engine.mmap: invalid type: string "maybe", expected a boolean in CHATFRIENDS__ENGINE__MMAP"#,
            ]
        );
        let known = "[engine]\nkv_type = \"Q8_0\"\nflash_attention = \"on\"";
        let engine = load(known, &[]).unwrap().engine;
        assert_eq!(
            (engine.kv_type, engine.flash_attention),
            (KvType::Q8, FlashAttention::On)
        );
    }

    /// `check` found nothing wrong with it, and then no model could be loaded.
    #[test]
    fn a_quantised_cache_without_flash_attention_is_refused() {
        check_faults(
            "[engine]\nkv_type = \"q4_0\"\nflash_attention = \"off\"",
            expect![[
                r#"setting engine.kv_type: only "f16" does without flash attention; set engine.flash_attention to "auto" or "on""#
            ]],
        );
        assert!(load("[engine]\nflash_attention = \"off\"", &[]).is_ok());
    }

    /// A persona's file showed up in `git status`.
    #[test]
    fn git_leaves_what_people_write_alone() {
        let settings = load("", &[]).unwrap();
        let ignored = include_str!("../../.gitignore");
        for path in [
            LOCAL.to_owned(),
            format!("{}/", settings.personas_path.display()),
            format!("{}/", settings.store_path.display()),
        ] {
            let line = format!("/{path}");
            assert!(ignored.lines().any(|known| known == line), "{line}");
        }
    }

    #[test]
    fn a_later_source_wins() {
        let settings = load(
            "[web]\nlisten = \"127.0.0.1:1\"\n[engine]\nslots = 2",
            &[("CHATFRIENDS__WEB__LISTEN", "127.0.0.1:2")],
        )
        .unwrap();
        assert_eq!((settings.listen.port(), settings.engine.slots), (2, 2));
    }

    #[test]
    fn the_environment_can_set_what_is_no_text() {
        let environment = [
            ("CHATFRIENDS__ENGINE__DEVICES", "CUDA0,CUDA1"),
            ("CHATFRIENDS__ENGINE__GPU_LAYERS", "20"),
            ("CHATFRIENDS__ENGINE__MMAP", "false"),
            ("CHATFRIENDS__SERVER__URL", "http://127.0.0.1:1/v1"),
            ("CHATFRIENDS__SERVER__KEY", "0123"),
            ("CHATFRIENDS__SERVER__MODEL", "2.0"),
            ("CHATFRIENDS__SERVER__CONTEXT", "4096"),
        ];
        let settings = load("", &environment).unwrap();
        let Brain::Server(server) = settings.brain else {
            panic!("{:?}", settings.brain);
        };
        // Texts stay as they were written.
        assert_eq!(
            (server.key.as_deref(), server.model.as_str(), server.context),
            (Some("0123"), "2.0", 4096)
        );
        let engine = settings.engine;
        assert_eq!(engine.devices, ["CUDA0", "CUDA1"]);
        assert_eq!(engine.gpu_layers, GpuLayers::Count(20));
        assert!(!engine.mmap);
    }

    #[test]
    fn all_faults_come_at_once_and_name_the_nearest_key() {
        check_faults(
            "[web]\nlisten = \"here\"\nlissten = 3\n[engine]\nslots = 0\nmmap = \"maybe\"\n[memroy]\nsummariser = \"auto\"\n",
            expect![[r#"
                setting web.listen: "here" is not an address and port such as "127.0.0.1:8787"
                setting engine.slots: 0 is not between 1 and 64
                setting engine.mmap: invalid type: string "maybe", expected a boolean in mine.toml
                unknown key "memroy.summariser" in mine.toml (did you mean "memory.summariser"?)
                unknown key "web.lissten" in mine.toml (did you mean "web.listen"?)"#]],
        );
    }

    #[test]
    fn all_faults_of_all_routes_come_at_once() {
        check_faults(
            r#"
                [[route]]
                at = "discord:planet/1"
                personas = ["Joey!", "joey", "No"]
                [[route]]
                at = "discord:server/1"
                persona = ["joey"]
                [[route]]
                at = "discord:server/2"
                quiet = "at night"
                [[route]]
                at = "discord:server/2"
            "#,
            expect![[r#"
                setting route 1.at: "discord:planet/1" is not a place such as "discord:server/ID", "discord:channel/ID", "discord:thread/ID", "telegram:group/ID" or "telegram:thread/ID/TOPIC"
                setting route 1.personas (at "discord:planet/1"): "Joey!" cannot be the id of a persona: it takes 1 to 32 of the characters a-z, 0-9, _ and -
                setting route 1.personas (at "discord:planet/1"): "No" cannot be the id of a persona: it takes 1 to 32 of the characters a-z, 0-9, _ and -
                setting route 2: unknown field `persona`, expected one of `at`, `personas`, `answers`, `quiet`, `hourly_per_person`, `hourly`
                setting route 3.quiet (at "discord:server/2"): "at night" is not like "23:00-07:00 Asia/Seoul"
                setting route 4: "discord:server/2" stands there twice"#]],
        );
    }

    #[test]
    fn a_route_to_nobody_is_named_with_the_nearest() {
        let toml = "[[route]]\nat = \"discord:server/1\"\npersonas = [\"jooey\", \"monica\"]";
        let library = Library::load(None).library;
        let settings = load(toml, &[]).unwrap();
        let found = settings.strangers(&library);
        let found: Vec<String> = found
            .into_iter()
            .map(|(level, fault)| format!("{level}: {fault}"))
            .collect();
        assert_eq!(
            found,
            [r#"discord:server/1: no file has "jooey" (did you mean "joey"?)"#]
        );
    }

    #[test]
    fn a_server_needs_a_model_name_and_hides_its_key() {
        check_faults(
            "[server]\nurl = \"http://127.0.0.1:1/v1\"",
            expect![[
                r#"setting server.model: the server's model needs a name when server.url is set"#
            ]],
        );
        let settings = load(
            "[server]\nurl = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\nkey = \"hidden-key\"",
            &[],
        )
        .unwrap();
        assert!(!format!("{settings:?}").contains("hidden-key"));
    }
}
