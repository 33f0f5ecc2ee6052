//! The daemon is killed again and again, and afterwards what people sent is compared with what they saw.
//!
//! Here in short; `./scripts/torture` sets `TORTURE` to how many times as long it is to take, and docs/RELIABILITY.md tells what came of it.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::support::crossings::{Crossings, Fate};
use crate::support::daemon::Daemon;
use crate::support::fake_discord::{FakeDiscord, people};
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::{self, FakeTelegram};
use crate::support::home::Home;
use crate::support::{eventually, eventually_or};

/// How many times as long as usual.
fn times() -> usize {
    let times = std::env::var("TORTURE").unwrap_or_default();
    times.parse().unwrap_or(1)
}

/// What stands below a reply of which nobody can know whether all of it arrived.
const UNSURE: &str = "not sure that all";

/// One person on each app, in private, and everything that the daemon talks to.
struct World {
    crossings: Crossings,
    home: Home,
    telegram: FakeTelegram,
    yun: fake_telegram::Person,
    on_telegram: fake_telegram::Chat,
    discord: FakeDiscord,
    min: people::Person,
    on_discord: people::Channel,
    _model: FakeModel,
}

/// The conversations as the two see them.
struct Seen {
    telegram: Vec<String>,
    discord: Vec<String>,
}

impl Seen {
    fn count(texts: &[String], words: &str) -> usize {
        let has = |text: &&String| text.contains(words);
        texts.iter().filter(has).count()
    }
}

impl World {
    async fn new() -> Self {
        let crossings = Crossings::new();
        let model = FakeModel::start_behind(crossings.clone()).await;
        model.replies(|prompt| {
            let words = prompt.last().rsplit('\n').next().unwrap_or_default();
            format!("Answer to {words}")
        });
        let telegram = FakeTelegram::start_behind(crossings.clone()).await;
        let discord = FakeDiscord::start_behind(crossings.clone()).await;
        let home = Home::with(&model)
            .on_telegram(&telegram)
            .on_discord(&discord);
        // An edit that was done and not answered is made again, which changes nothing.
        telegram.expect_refusals_of("not modified");
        // Its pace has tests of its own, and makes these long.
        telegram.set_pace(None);
        let (yun, min) = (telegram.person("Yun"), discord.person("min"));
        Self {
            crossings,
            home,
            on_telegram: telegram.private(&yun),
            telegram,
            yun,
            on_discord: discord.private(&min),
            discord,
            min,
            _model: model,
        }
    }

    async fn start(&self) -> Daemon {
        let daemon = self.home.start().await;
        self.discord.until_connected().await;
        self.telegram.until_listening().await;
        daemon
    }

    /// The two have talked with it. Of a private channel that it has never heard of, Discord does not tell it after a restart.
    async fn met(&self) -> Daemon {
        let daemon = self.start().await;
        self.says("zero.");
        self.until_settled("zero.", 0).await;
        daemon
    }

    fn says(&self, words: &str) {
        self.on_telegram.says(&self.yun, words);
        self.on_discord.says(&self.min, words);
    }

    fn seen(&self) -> Seen {
        let posts = self.on_discord.by_bot();
        Seen {
            telegram: self.on_telegram.texts(),
            discord: posts.into_iter().map(|shown| shown.content).collect(),
        }
    }

    /// Whether both have an answer to these words, or know that one may be missing.
    fn is_settled(&self, words: &str, unsure_before: usize) -> bool {
        let answer = format!("Answer to {words}");
        let seen = self.seen();
        let is_known = Seen::count(&seen.telegram, &answer) > 0
            || Seen::count(&seen.telegram, UNSURE) > unsure_before;
        is_known && Seen::count(&seen.discord, &answer) > 0
    }

    async fn until_settled(&self, words: &str, unsure_before: usize) {
        let settled = eventually_or(async || self.is_settled(words, unsure_before)).await;
        let seen = self.seen();
        assert!(
            settled,
            "{words:?} was not answered. Telegram: {:?}, Discord: {:?}",
            seen.telegram, seen.discord
        );
    }

    fn unsure(&self) -> usize {
        Seen::count(&self.seen().telegram, UNSURE)
    }

    /// Nothing is lost and nothing is there twice.
    fn check(&self, words: &str, unsure_before: usize, when: &str) {
        let answer = format!("Answer to {words}");
        let seen = self.seen();
        assert_eq!(
            Seen::count(&seen.discord, &answer),
            1,
            "{when}, Discord: {:?}",
            seen.discord
        );
        let shown = Seen::count(&seen.telegram, &answer);
        let is_told = Seen::count(&seen.telegram, UNSURE) > unsure_before;
        assert!(
            shown == 1 || (shown == 0 && is_told),
            "{when}, Telegram: {:?}",
            seen.telegram
        );
    }
}

/// Killed at each request that it makes while it answers: when that gets nowhere, and when it was done but not answered. Of the requests only some
/// are tried in the short form, others each time.
#[tokio::test]
async fn killed_at_every_request_nothing_is_lost_or_said_twice() {
    let step = if times() > 1 { 1 } else { 6 };
    for (fate, first) in [(Fate::Lost, 0), (Fate::Unanswered, 3)] {
        for after in (first % step..).step_by(step) {
            let world = World::new().await;
            let daemon = world.met().await;
            world.crossings.arm(after, fate);
            world.says("one.");
            eventually("a request is reached, or all is over", async || {
                world.crossings.reached().is_some() || world.is_settled("one.", 0)
            })
            .await;
            let reached = world.crossings.reached();
            daemon.kill();
            world.crossings.disarm();
            let daemon = world.start().await;
            world.until_settled("one.", 0).await;
            // What comes late comes before the answer to what is said next.
            let unsure = world.unsure();
            world.says("two.");
            world.until_settled("two.", unsure).await;
            let when = format!("{fate:?} behind {after} requests, {reached:?}");
            world.check("one.", 0, &when);
            world.check("two.", unsure, &when);
            drop(daemon);
            if reached.is_none() {
                break;
            }
        }
    }
}

/// Killed at moments drawn at random, in one long life of a store.
#[tokio::test]
async fn killed_at_random_moments_nothing_is_lost_or_said_twice() {
    let mut random = StdRng::seed_from_u64(11);
    for life in 0..times() {
        let world = World::new().await;
        world.met().await.kill();
        for round in 0..10 {
            let words = format!("message {life}-{round}.");
            let unsure = world.unsure();
            let daemon = world.start().await;
            world.says(&words);
            tokio::time::sleep(Duration::from_millis(random.random_range(0..400))).await;
            daemon.kill();
            let daemon = world.start().await;
            world.until_settled(&words, unsure).await;
            daemon.kill();
            world.check(&words, unsure, &words);
        }
        let seen = world.seen();
        for round in 0..10 {
            let answer = format!("Answer to message {life}-{round}.");
            assert_eq!(Seen::count(&seen.discord, &answer), 1, "{:?}", seen.discord);
            assert!(
                Seen::count(&seen.telegram, &answer) < 2,
                "{:?}",
                seen.telegram
            );
        }
    }
}
