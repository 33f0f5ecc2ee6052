//! A recorded session: a student, a friend group and a moderator with the shipped starter, on both apps at once.
//!
//! `CHATFRIENDS_RECORD=docs/SESSION.md cargo test --workspace --test e2e session::` writes it down anew; otherwise it only must work.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_discord::permissions::MANAGE_GUILD;
use crate::support::fake_telegram::FakeTelegram;
use crate::support::home::Home;
use crate::support::{fake_discord, fake_telegram};

const OPENING: &str = "# A session

Recorded by `tests/e2e/session.rs`: the program with the shipped starter model, on Discord and Telegram at once. Nothing is edited; the starter
is a very small model, and sometimes it shows. Lines in *italics* say where and what somebody pressed or chose.
";

/// What was said, as it will be read.
struct Session(String);

impl Session {
    fn scene(&mut self, title: &str) {
        write!(self.0, "\n## {title}\n").expect("a string takes it");
    }

    fn stage(&mut self, direction: &str) {
        write!(self.0, "\n*{direction}*\n").expect("a string takes it");
    }

    fn line(&mut self, who: &str, words: &str) {
        let words = words.trim().replace('\n', "  \n> ");
        write!(self.0, "\n> **{who}** {words}\n").expect("a string takes it");
    }

    /// What stands below a place's first reply.
    fn told(&mut self, that_it_is_an_ai: &[String]) {
        for sentence in that_it_is_an_ai {
            self.line("🤖", sentence);
        }
    }
}

/// Somebody in a chat of Telegram.
struct OnTelegram<'a> {
    chat: &'a fake_telegram::Chat,
    person: &'a fake_telegram::Person,
}

impl OnTelegram<'_> {
    /// Says something and waits for the whole reply.
    async fn talks(&self, session: &mut Session, words: &str) {
        let before = self.chat.messages().len();
        session.line(&self.person.first_name, words);
        self.chat.says(self.person, words);
        let whole = |shown: &[fake_telegram::Shown]| {
            let ends = |shown: &fake_telegram::Shown| {
                shown.buttons.iter().any(|(_, word)| word == "regenerate")
            };
            shown.len() > before && shown.last().is_some_and(ends)
        };
        let shown = self.chat.until("the whole reply", whole).await;
        for message in &shown[before..] {
            session.line("🤖", &message.text);
        }
    }

    /// Gives a command and waits for its answer.
    async fn commands(&self, session: &mut Session, words: &str) {
        let before = self.chat.messages().len();
        session.line(&self.person.first_name, words);
        self.chat.says(self.person, words);
        let shown = self.chat.until_count(before + 1).await;
        session.line("🤖", &shown[before].text);
    }
}

/// Somebody in a channel of Discord.
struct OnDiscord<'a> {
    channel: &'a fake_discord::people::Channel,
    person: &'a fake_discord::people::Person,
    name: &'a str,
}

impl OnDiscord<'_> {
    async fn talks(&self, session: &mut Session, words: &str) -> u64 {
        let before = self.channel.by_bot().len();
        session.line(self.name, words);
        self.channel.says(self.person, words);
        self.whole_reply(session, before).await
    }

    async fn whole_reply(&self, session: &mut Session, before: usize) -> u64 {
        self.channel.until_count(before + 1).await;
        let whole = |all: &[fake_discord::shown::Shown]| {
            let last = all.last();
            last.is_some_and(|shown| {
                shown
                    .buttons
                    .iter()
                    .any(|button| button.custom_id == "regenerate")
            })
        };
        self.channel.until("the whole reply", whole).await;
        let said = self.channel.by_bot();
        for message in &said[before..] {
            session.line(&format!("{} 🤖", message.name), &message.content);
        }
        said.last().expect("there is a reply").id
    }

    async fn commands(&self, session: &mut Session, command: &str, options: Value) {
        session.stage(&format!(
            "{} chooses /{command} {}",
            self.name,
            plain(&options)
        ));
        let used = self.channel.commands(self.person, command, options).await;
        let response = used.response().await;
        let whom = if response.is_ephemeral {
            "🤖 (only for the one who asked)"
        } else {
            "🤖"
        };
        session.line(whom, &response.content);
    }
}

/// Options as somebody would type them.
fn plain(options: &Value) -> String {
    match options {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::Object(_) => format!("{name} {}", plain(value)),
                Value::Bool(true) => name.clone(),
                other => plain(other),
            })
            .collect::<Vec<_>>()
            .join(" "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
    .trim()
    .to_owned()
}

#[tokio::test]
async fn a_student_a_friend_group_and_a_moderator() {
    let (discord, telegram) = (FakeDiscord::start().await, FakeTelegram::start().await);
    telegram.lets_the_bot_read_everything();
    // People write faster here than anywhere, and what happens then is tested elsewhere.
    telegram.set_pace(None);
    let home = Home::new().on_discord(&discord).on_telegram(&telegram);
    let guild = discord.guild("friends");
    let daemon = home.start_and_read_personas().await;
    discord.until_connected().await;
    discord.until_registered("settings").await;
    let mut session = Session(OPENING.to_owned());

    session.scene("A moderator sets up a Discord server");
    let (jun, yun, ana) = (
        discord.person("jun").speaking("ko"),
        discord.person("yun"),
        discord.person("ana"),
    );
    let keepers = guild.role("keepers", MANAGE_GUILD);
    guild.joins(&jun, &[keepers]);
    guild.joins(&yun, &[]);
    guild.joins(&ana, &[]);
    let lounge = guild.channel("lounge");
    let moderator = OnDiscord {
        channel: &lounge,
        person: &jun,
        name: "준",
    };
    let (yun, ana) = (
        OnDiscord {
            channel: &lounge,
            person: &yun,
            name: "Yun",
        },
        OnDiscord {
            channel: &lounge,
            person: &ana,
            name: "Ana",
        },
    );
    session.stage("Discord, #lounge");
    moderator
        .commands(&mut session, "persona", json!({ "show": {} }))
        .await;
    ana.commands(
        &mut session,
        "persona",
        json!({ "set": { "name": "ross" } }),
    )
    .await;
    moderator
        .commands(
            &mut session,
            "persona",
            json!({ "set": { "name": "joey monica mechuri", "everywhere": true } }),
        )
        .await;
    moderator
        .commands(
            &mut session,
            "settings",
            json!({ "quiet": { "hours": "never" } }),
        )
        .await;
    moderator
        .commands(&mut session, "settings", json!({ "show": {} }))
        .await;

    session.stage("준 chooses /persona create nari, and fills in the form: names 나리, languages ko, a text that says who 나리 is, a greeting");
    let form = lounge
        .commands(&jun, "persona", json!({ "create": { "id": "nari" } }))
        .await;
    let filled = json!({
        "names": "나리",
        "languages": "ko",
        "system": "너는 동아리방을 지키는 나리야. 짧고 다정하게 한국어로 답해.",
        "greeting": "안녕, 나는 나리야!",
    });
    let kept = lounge.submits(&jun, &form, filled).await;
    let kept = kept.response().await;
    session.line("🤖 (only for the one who asked)", &kept.content);
    moderator
        .commands(
            &mut session,
            "persona",
            json!({ "publish": { "name": "nari" } }),
        )
        .await;

    session.scene("A friend group talks there");
    session.stage("Discord, #lounge");
    yun.talks(&mut session, "Joey, how are you doing?").await;
    session.told(&lounge.until_disclosures(1).await);
    yun.talks(&mut session, "Joey, my name is Yun").await;
    ana.talks(&mut session, "Monica, do you have any plan tonight?")
        .await;
    yun.talks(&mut session, "Joey, what's my name?").await;
    let menu = moderator
        .talks(&mut session, "메추리야 매운 음식 추천해줘")
        .await;
    session.stage("준 presses 🔄");
    lounge.presses(&jun, menu, "regenerate");
    let first = lounge.message(menu).content;
    lounge
        .until("another menu", |all| {
            all.iter().any(|shown| {
                shown.id == menu && shown.content != first && !shown.buttons.is_empty()
            })
        })
        .await;
    session.line("메추리 🤖", &lounge.message(menu).content);
    yun.commands(&mut session, "memory", json!({ "show": {} }))
        .await;
    moderator
        .commands(&mut session, "settings", json!({ "log": {} }))
        .await;

    session.scene("A student asks the campus guide");
    session.stage("Telegram, a private chat");
    let minji = telegram.person("민지").speaking("ko");
    let chat = telegram.private(&minji);
    let minji = OnTelegram {
        chat: &chat,
        person: &minji,
    };
    minji.commands(&mut session, "/start").await;
    minji
        .commands(&mut session, "/페르소나 선택 캠퍼스 길잡이")
        .await;
    minji.talks(&mut session, "1호관은 어디에 있어?").await;
    minji.talks(&mut session, "Where is Building 6?").await;
    minji.talks(&mut session, "수영장은 어디에 있어?").await;
    minji.commands(&mut session, "/왜").await;

    session.scene("A Telegram group");
    session.stage("Telegram, the group “저녁 모임”");
    let group = telegram.group("저녁 모임");
    let (suho, hana) = (
        telegram.person("수호").speaking("ko"),
        telegram.person("하나").speaking("ko"),
    );
    group.has(&suho, fake_telegram::Role::Administrator);
    group.joins(&hana);
    let (suho, hana) = (
        OnTelegram {
            chat: &group,
            person: &suho,
        },
        OnTelegram {
            chat: &group,
            person: &hana,
        },
    );
    suho.commands(&mut session, "/persona set mechuri").await;
    hana.talks(&mut session, "메추리야 저녁 메뉴 추천해줘")
        .await;
    session.told(&group.until_disclosures(1).await);
    hana.talks(&mut session, "메추리야, 다른 메뉴는?").await;

    if let Ok(file) = std::env::var("CHATFRIENDS_RECORD") {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(file);
        std::fs::write(file, &session.0).expect("the record can be written");
    }
    assert_eq!(discord.pings(), []);
    drop(daemon);
}
