//! Every metric of the daemon by name, and the page that shows them. No other file names a metric.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Things that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Messages handed to the turn.
    Messages,
    /// Messages of chat apps that were not meant for the bot, or that its rules keep it from answering.
    MessagesIgnored,
    /// Events of kinds that this version does not know.
    UnknownEvents,
    /// Replies that were shown as far as they were wanted and allowed: also those that a limit or their reader ended.
    Replies,
    /// Replies that broke off or never came.
    RepliesFailed,
    /// Reactions of people that praise a reply.
    RepliesLiked,
    /// Reactions of people that blame a reply.
    RepliesDisliked,
    /// Help cards shown.
    HelpCards,
    /// Turns that ended in a panic.
    TurnPanics,
    /// Windows compacted.
    Compactions,
    /// Tokens generated.
    TokensGenerated,
    /// Prompt tokens sent to the engine.
    PromptTokens,
    /// Prompt tokens that did not have to be computed.
    PromptTokensCached,
}

impl Count {
    const ALL: [Self; 13] = [
        Self::Messages,
        Self::MessagesIgnored,
        Self::UnknownEvents,
        Self::Replies,
        Self::RepliesFailed,
        Self::RepliesLiked,
        Self::RepliesDisliked,
        Self::HelpCards,
        Self::TurnPanics,
        Self::Compactions,
        Self::TokensGenerated,
        Self::PromptTokens,
        Self::PromptTokensCached,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Messages => "chatfriends_messages_total",
            Self::MessagesIgnored => "chatfriends_messages_ignored_total",
            Self::UnknownEvents => "chatfriends_unknown_events_total",
            Self::Replies => "chatfriends_replies_total",
            Self::RepliesFailed => "chatfriends_replies_failed_total",
            Self::RepliesLiked => "chatfriends_replies_liked_total",
            Self::RepliesDisliked => "chatfriends_replies_disliked_total",
            Self::HelpCards => "chatfriends_help_cards_total",
            Self::TurnPanics => "chatfriends_turn_panics_total",
            Self::Compactions => "chatfriends_compactions_total",
            Self::TokensGenerated => "chatfriends_tokens_generated_total",
            Self::PromptTokens => "chatfriends_prompt_tokens_total",
            Self::PromptTokensCached => "chatfriends_prompt_tokens_cached_total",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Messages => "Messages handed to the turn.",
            Self::MessagesIgnored => "Messages that were not meant for the bot.",
            Self::UnknownEvents => "Events of unknown kinds.",
            Self::Replies => "Replies shown as far as they were wanted and allowed.",
            Self::RepliesFailed => "Replies that broke off or never came.",
            Self::RepliesLiked => "Reactions that praise a reply.",
            Self::RepliesDisliked => "Reactions that blame a reply.",
            Self::HelpCards => "Help cards shown.",
            Self::TurnPanics => "Turns that ended in a panic.",
            Self::Compactions => "Windows compacted.",
            Self::TokensGenerated => "Tokens generated.",
            Self::PromptTokens => "Prompt tokens sent to the engine.",
            Self::PromptTokensCached => "Prompt tokens that did not have to be computed.",
        }
    }
}

/// Things of which there are more and fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Messages that have a place in somebody's line: those being answered, and those behind them.
    InLine,
}

impl Level {
    const ALL: [Self; 1] = [Self::InLine];

    fn name(self) -> &'static str {
        match self {
            Self::InLine => "chatfriends_messages_in_line",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::InLine => "Messages being answered or waiting for it.",
        }
    }
}

/// Seconds that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// From the request to the first piece of its reply.
    FirstText,
    /// From the request to the reply's end.
    Reply,
}

impl Timing {
    const ALL: [Self; 2] = [Self::FirstText, Self::Reply];

    fn name(self) -> &'static str {
        match self {
            Self::FirstText => "chatfriends_first_text_seconds",
            Self::Reply => "chatfriends_reply_seconds",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::FirstText => "From the request to the first piece of its reply.",
            Self::Reply => "From the request to the reply's end.",
        }
    }
}

/// Counts one.
pub fn count(what: Count) {
    add(what, 1);
}

/// Counts several.
pub fn add(what: Count, many: u64) {
    metrics::counter!(what.name()).increment(many);
}

/// One more of them.
pub fn raise(what: Level) {
    metrics::gauge!(what.name()).increment(1.0);
}

/// One fewer of them.
pub fn lower(what: Level) {
    metrics::gauge!(what.name()).decrement(1.0);
}

/// Notes a duration.
pub fn time(what: Timing, duration: std::time::Duration) {
    metrics::histogram!(what.name()).record(duration.as_secs_f64());
}

/// Begins to collect; the handle renders the page. A second call in one process gives the same handle.
///
/// # Panics
/// Never: the recorder is installed once.
pub fn install() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let handle = PrometheusBuilder::new()
            .set_buckets(&[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0])
            .expect("the list of buckets is not empty")
            .install_recorder()
            .expect("OnceLock lets only one caller install it");
        for count in Count::ALL {
            metrics::describe_counter!(count.name(), count.meaning());
            // Shown from the start, so that a rate is defined before the first event.
            add(count, 0);
        }
        for level in Level::ALL {
            metrics::describe_gauge!(level.name(), level.meaning());
            metrics::gauge!(level.name()).set(0.0);
        }
        for timing in Timing::ALL {
            metrics::describe_histogram!(timing.name(), metrics::Unit::Seconds, timing.meaning());
        }
        handle
    })
}
