//! The Telegram Bot API on loopback, held to its documents: what the platform refuses is refused here in its words.
//!
//! People write in chats, the bot gets updates by polling or by webhook, and the test looks at what the chats show. What a bot
//! does wrong is kept and fails the test when the server is dropped: unknown methods and parameters, and every refusal that the
//! test neither caused nor expects. Not here: files to download, inline mode, payments, business accounts, Markdown.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::middleware::from_fn_with_state;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

mod calls;
mod chat;
mod room;
mod script;
mod sending;
mod server;
mod settings;
mod shown;
mod text;
mod updates;
mod world;

pub(crate) use chat::{Chat, Person};
pub(crate) use room::{Pace, Role};
pub(crate) use script::Next;
pub(crate) use shown::{Answered, Document, Shown};
pub(crate) use updates::Webhook;

use super::crossings::{Crossings, cross};
use super::serving;
use room::Kind;
use world::World;

pub(crate) struct FakeTelegram {
    url: String,
    shared: Arc<Shared>,
    _stop: [DropGuard; 2],
}

/// What the server's handlers and the chats share with the test.
pub(crate) struct Shared {
    world: Mutex<World>,
    /// Counts changes, so that waiting needs no clock.
    changed: watch::Sender<u64>,
}

impl FakeTelegram {
    pub(crate) async fn start() -> Self {
        Self::start_behind(Crossings::new()).await
    }

    /// Its requests are counted there.
    pub(crate) async fn start_behind(crossings: Crossings) -> Self {
        let (listener, address) = serving::listen().await;
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new()),
            changed: watch::channel(0).0,
        });
        let router = Router::new()
            .fallback(server::answer)
            .with_state(Arc::clone(&shared))
            .layer(from_fn_with_state(crossings, cross));
        let answering = axum::serve(listener, router).into_future();
        let delivering = server::deliver(Arc::clone(&shared));
        Self {
            url: format!("http://{address}"),
            shared,
            _stop: [
                serving::until_dropped(answering),
                serving::until_dropped(delivering),
            ],
        }
    }

    /// What the bot uses instead of `https://api.telegram.org`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn token(&self) -> String {
        self.shared.world().token.clone()
    }

    /// Calls a method with the bot's token, as its operator would by hand, and gives the result.
    pub(crate) async fn by_hand(&self, method: &str, arguments: Value) -> Value {
        let address = format!("{}/bot{}/{method}", self.url, self.token());
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client without files");
        let asking = client.post(address).json(&arguments).send();
        let response = asking.await.expect("the server answers");
        let answer: Value = response.json().await.expect("its answers are JSON");
        let result = answer["result"].clone();
        assert_eq!(answer, json!({ "ok": true, "result": result }));
        result
    }

    /// The bot's name, without the `@`.
    pub(crate) fn bot_username(&self) -> String {
        self.shared.world().username.clone()
    }

    pub(crate) fn bot_id(&self) -> i64 {
        world::BOT
    }

    /// Switches privacy mode off, as BotFather does.
    pub(crate) fn lets_the_bot_read_everything(&self) {
        self.shared.change(|world| world.reads_all = true);
    }

    /// Someone new, with a username if the name allows one.
    pub(crate) fn person(&self, name: &str) -> Person {
        self.shared.change(|world| {
            let person = Person::new(world.next_person, name);
            world.next_person += 1;
            world.people.insert(person.id, person.clone());
            person
        })
    }

    /// Another bot, whose messages no bot gets.
    pub(crate) fn other_bot(&self, name: &str) -> Person {
        let person = self.person(name).into_other_bot();
        let known = person.clone();
        self.shared
            .change(|world| world.people.insert(known.id, known));
        person
    }

    /// The private chat of a person with the bot. The bot cannot write there before the person has.
    pub(crate) fn private(&self, person: &Person) -> Chat {
        let (id, partner) = (person.id, Some(person.clone()));
        self.shared.change(|world| {
            if !world.rooms.contains_key(&id) {
                world.open(id, Kind::Private, &person.first_name, partner);
            }
        });
        Chat::new(Arc::clone(&self.shared), id)
    }

    /// A supergroup with the bot as an ordinary member.
    pub(crate) fn group(&self, title: &str) -> Chat {
        self.open(title, Kind::Supergroup)
    }

    /// A group of the old kind, which may become a supergroup.
    pub(crate) fn basic_group(&self, title: &str) -> Chat {
        self.open(title, Kind::Group)
    }

    /// A supergroup with topics.
    pub(crate) fn forum(&self, title: &str) -> Chat {
        self.open(title, Kind::Forum)
    }

    fn open(&self, title: &str, kind: Kind) -> Chat {
        let id = self.shared.change(|world| {
            let id = world.next_chat_id(kind);
            world.open(id, kind, title, None);
            id
        });
        Chat::new(Arc::clone(&self.shared), id)
    }

    /// An update of a kind that this version of the Bot API does not know.
    pub(crate) fn sends_unknown_update(&self) {
        let surprise = json!({ "surprise": true });
        self.shared
            .change(|world| world.updates.push("something_of_the_future", surprise));
    }

    /// The highest update that the bot has confirmed; 0 before the first.
    pub(crate) fn confirmed(&self) -> i64 {
        self.shared.world().updates.confirmed
    }

    /// How many updates wait to be confirmed.
    pub(crate) fn pending(&self) -> usize {
        self.shared.world().updates.pending()
    }

    /// Waits until the bot has confirmed everything.
    pub(crate) async fn until_confirmed(&self) {
        super::in_time(
            "the bot confirms all updates",
            self.shared.until(|world| world.updates.pending() == 0),
        )
        .await;
    }

    /// Waits until the bot asks for updates, or has set a webhook: from then on its `allowed_updates` count.
    pub(crate) async fn until_listening(&self) {
        let listens = |world: &World| world.updates.poll > 0 || world.updates.webhook.is_some();
        super::in_time("the bot listens", self.shared.until(listens)).await;
    }

    pub(crate) fn webhook(&self) -> Option<Webhook> {
        self.shared.world().updates.webhook.clone()
    }

    /// Each update comes twice, with the same number, as after a lost confirmation.
    pub(crate) fn duplicate_updates(&self, twice: bool) {
        self.shared.change(|world| world.updates.twice = twice);
    }

    /// All updates so far are gone, as after a day.
    pub(crate) fn forgets_updates(&self) {
        self.shared.change(|world| world.updates.drop_pending());
    }

    /// The next so many updates are held back until the last is there and come in the reverse order, numbered as they come.
    pub(crate) fn reorder_next(&self, updates: usize) {
        self.shared.change(|world| world.updates.reorder(updates));
    }

    /// Says what happens to the next call of a method.
    pub(crate) fn next(&self, method: &str) -> Next<'_> {
        Next {
            shared: &self.shared,
            method: method.to_owned(),
        }
    }

    /// Answers everything with this status. teloxide waits ten seconds after 500 and above.
    pub(crate) fn fails_all(&self, status: u16) {
        self.shared
            .change(|world| world.script.failing = Some(status));
    }

    pub(crate) fn recovers(&self) {
        self.shared.change(|world| world.script.failing = None);
    }

    /// From now on the token is nobody's.
    pub(crate) fn revoke_token(&self) {
        self.shared.change(|world| world.revoked = true);
    }

    /// How fast a chat takes messages; `None` takes all.
    pub(crate) fn set_pace(&self, pace: Option<Pace>) {
        self.shared.change(|world| world.pace = pace);
    }

    /// From now on no refusal is a fault.
    pub(crate) fn expect_refusals(&self) {
        self.expect_refusals_of("");
    }

    /// From now on refusals with these words are no faults.
    pub(crate) fn expect_refusals_of(&self, words: &str) {
        self.shared
            .change(|world| world.refusals_expected.push(words.to_owned()));
    }

    /// Every refusal so far that the test did not cause itself, as `method: description`.
    pub(crate) fn refusals(&self) -> Vec<String> {
        self.shared.world().refusals.clone()
    }

    /// What the bot did wrong so far. Whoever takes it has looked at it.
    pub(crate) fn take_faults(&self) -> Vec<String> {
        self.shared
            .change(|world| std::mem::take(&mut world.faults))
    }

    /// Each call of a method so far with what it carried; those that a mishap kept from being done are left out.
    pub(crate) fn calls(&self, method: &str) -> Vec<Value> {
        let world = self.shared.world();
        let calls = world.calls.iter();
        calls
            .filter(|(name, _)| name.eq_ignore_ascii_case(method))
            .map(|(_, arguments)| arguments.clone())
            .collect()
    }

    /// The commands with their descriptions that people of a language see in a scope, such as "default" or "all_private_chats";
    /// the empty language is everybody else's.
    pub(crate) fn commands(&self, scope: &str, language: &str) -> Vec<(String, String)> {
        let world = self.shared.world();
        let mut lists = world.commands.iter();
        let list = lists.find(|list| list.scope["type"] == scope && list.language == language);
        let commands = list.and_then(|list| list.commands.as_array()).cloned();
        let text =
            |command: &Value, key: &str| command[key].as_str().unwrap_or_default().to_owned();
        let commands = commands.unwrap_or_default();
        commands
            .iter()
            .map(|command| (text(command, "command"), text(command, "description")))
            .collect()
    }

    /// The bot's "name", "description" or "short_description" in a language.
    pub(crate) fn profile(&self, what: &str, language: &str) -> Option<String> {
        let key = (what.to_owned(), language.to_owned());
        self.shared.world().profile.get(&key).cloned()
    }

    /// The presses of buttons that the bot has answered.
    pub(crate) fn answered_callbacks(&self) -> Vec<Answered> {
        let world = self.shared.world();
        world.callbacks.iter().filter_map(Answered::of).collect()
    }

    /// Waits until the bot has answered the press of a button.
    pub(crate) async fn until_answered(&self, callback: &str) -> Answered {
        let find = |world: &World| {
            let mut answered = world.callbacks.iter().filter_map(Answered::of);
            answered.find(|answered| answered.id == callback)
        };
        super::in_time(
            "the press of a button is answered",
            self.shared.until(|world| find(world).is_some()),
        )
        .await;
        find(&self.shared.world()).expect("waited for")
    }

    /// How many presses of buttons the bot owes an answer; people see a spinning wheel meanwhile.
    pub(crate) fn unanswered_callbacks(&self) -> usize {
        let world = self.shared.world();
        let mut callbacks = world.callbacks.iter();
        callbacks
            .by_ref()
            .filter(|callback| callback.answer.is_none())
            .count()
    }

    /// All presses of buttons so far become too old to be answered.
    pub(crate) fn expire_callbacks(&self) {
        self.shared.change(|world| {
            for callback in &mut world.callbacks {
                callback.expired = true;
            }
        });
    }
}

impl Drop for FakeTelegram {
    fn drop(&mut self) {
        let world = self.shared.world();
        let mut faults = world.faults.clone();
        for method in world.script.left() {
            faults.push(format!(
                "the bot never made the call of {method} that something was to happen to"
            ));
        }
        assert!(
            faults.is_empty() || std::thread::panicking(),
            "what no bot should do:\n{}",
            faults.join("\n")
        );
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and tells those who wait.
    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let changed = change(&mut self.world());
        self.changed.send_modify(|changes| *changes += 1);
        changed
    }

    /// Waits until something that the caller looks at is so.
    async fn until_seen(&self, holds: impl Fn() -> bool) {
        let mut changed = self.changed.subscribe();
        changed
            .wait_for(|_| holds())
            .await
            .expect("the sender lives in self");
    }

    /// Waits until something is so.
    async fn until(&self, holds: impl Fn(&World) -> bool) {
        self.until_seen(|| holds(&self.world())).await;
    }
}
