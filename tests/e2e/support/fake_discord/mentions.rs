//! Whom a message names, and whom it pings.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::form::Form;
use super::world::{Id, World};

/// Somebody who was pinged by a message of the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ping {
    pub(crate) message: Id,
    pub(crate) whom: Pinged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinged {
    User(Id),
    Role(Id),
    /// `@everyone` or `@here`.
    Everyone,
}

static MENTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"<@([!&]?)([0-9]+)>|@everyone|@here").expect("it compiles"));

/// Whom a text names. Mentions in code count too, although Discord leaves those out: a bot had better not rely on that.
pub(super) fn named(content: &str) -> Vec<Pinged> {
    let mut all = Vec::new();
    for found in MENTION.captures_iter(content) {
        let id = found.get(2).and_then(|id| id.as_str().parse().ok());
        let whom = match (found.get(1).map(|mark| mark.as_str()), id) {
            (Some("&"), Some(id)) => Pinged::Role(id),
            (Some(_), Some(id)) => Pinged::User(id),
            _ => Pinged::Everyone,
        };
        if !all.contains(&whom) {
            all.push(whom);
        }
    }
    all
}

/// Reads `allowed_mentions`; `Null` allows everything.
pub(super) fn allowed(form: &mut Form) -> Value {
    let allowed = form.get("allowed_mentions").clone();
    if allowed.is_null() {
        return allowed;
    }
    form.knows(
        "allowed_mentions",
        &allowed,
        &["parse", "users", "roles", "replied_user"],
    );
    let parse = form.list_in("allowed_mentions.parse", &allowed["parse"], 3);
    for (index, kind) in parse.iter().enumerate() {
        if !["users", "roles", "everyone"]
            .iter()
            .any(|known| kind == known)
        {
            let path = format!("allowed_mentions.parse.{index}");
            form.wrong(
                &path,
                "BASE_TYPE_CHOICES",
                "Value must be one of ('users', 'roles', 'everyone').",
            );
        }
    }
    for kind in ["users", "roles"] {
        let path = format!("allowed_mentions.{kind}");
        let listed = form.list_in(&path, &allowed[kind], 100);
        if !listed.is_empty() && parse.iter().any(|parsed| parsed == kind) {
            let message =
                format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
            form.wrong(
                "allowed_mentions",
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                &message,
            );
        }
    }
    if !matches!(allowed["replied_user"], Value::Null | Value::Bool(_)) {
        form.wrong(
            "allowed_mentions.replied_user",
            "BOOLEAN_TYPE_CONVERT",
            "Must be either true or false.",
        );
    }
    allowed
}

/// Whom a message pings: those who are named and allowed, and the author of what it replies to.
pub(super) fn pinged(
    content: &str,
    allowed: &Value,
    replied_to: Option<Id>,
    may_ping_everyone: bool,
) -> Vec<Pinged> {
    let is_allowed = |whom: &Pinged| {
        let (kind, id) = match whom {
            Pinged::Everyone if !may_ping_everyone => return false,
            Pinged::Everyone => ("everyone", None),
            Pinged::User(id) => ("users", Some(id)),
            Pinged::Role(id) => ("roles", Some(id)),
        };
        let lists = |list: &Value, wanted: &str| {
            let mut elements = list.as_array().into_iter().flatten();
            elements.any(|element| element == wanted)
        };
        allowed.is_null()
            || lists(&allowed["parse"], kind)
            || id.is_some_and(|id| lists(&allowed[kind], &id.to_string()))
    };
    let mut pinged: Vec<Pinged> = named(content).into_iter().filter(is_allowed).collect();
    let pings_author = allowed.is_null() || allowed["replied_user"] == true;
    if let Some(author) = replied_to.filter(|_| pings_author)
        && !pinged.contains(&Pinged::User(author))
    {
        pinged.push(Pinged::User(author));
    }
    pinged
}

impl World {
    /// Fills in what a message says about mentions.
    pub(super) fn mention(&self, json: &mut Value, pinged: &[Pinged]) {
        let users = pinged.iter().filter_map(|whom| match whom {
            Pinged::User(id) if self.users.contains_key(id) => Some(self.user(*id)),
            _ => None,
        });
        let roles = pinged.iter().filter_map(|whom| match whom {
            Pinged::Role(id) => Some(id.to_string()),
            _ => None,
        });
        json["mentions"] = users.collect();
        json["mention_roles"] = roles.collect::<Vec<_>>().into();
        json["mention_everyone"] = json!(pinged.contains(&Pinged::Everyone));
    }
}
