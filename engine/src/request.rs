//! Checks a request's own values, for every engine alike. Whether its prompt fits is each engine's business.

use serde_json::Value;

use crate::generate::{EngineError, Grammar, Request, Role};

/// Deepest schema: what lies around it on its way to the worker is read to 127 levels with it.
const SCHEMA_DEPTH: usize = 64;
/// Each of these is compared with every other.
const PATTERNS: usize = 16;
/// Longest grammar or schema.
const GRAMMAR_BYTES: usize = 64 << 10;

/// Refuses what no engine could serve, so that it never reaches a pipe, a socket or llama.cpp.
pub(crate) fn check(request: &Request) -> Result<(), EngineError> {
    let sampling = &request.sampling;
    let numbers = [
        ("temperature", sampling.temperature, 0.0..=100.0),
        ("top_p", sampling.top_p, 0.0..=1.0),
        ("min_p", sampling.min_p, 0.0..=1.0),
        // llama.cpp divides by it.
        ("repeat_penalty", sampling.repeat_penalty, 0.01..=100.0),
        ("dry_multiplier", sampling.dry_multiplier, 0.0..=1e6),
        ("dry_base", sampling.dry_base, 1.0..=100.0),
    ];
    for (name, value, allowed) in numbers {
        // NaN lies in no range.
        if !allowed.contains(&value) {
            return Err(EngineError::Refused(format!(
                "{name} must be from {} to {}, not {value}",
                allowed.start(),
                allowed.end()
            )));
        }
    }
    let Some(last) = request.messages.last() else {
        return Err(EngineError::Refused("the prompt has no messages".into()));
    };
    if last.role != Role::User {
        return Err(EngineError::Refused(
            "the prompt's last message must be the person's".into(),
        ));
    }
    if request
        .messages
        .iter()
        .skip(1)
        .any(|message| message.role == Role::System)
    {
        return Err(EngineError::Refused(
            "only the prompt's first message can be the system's".into(),
        ));
    }
    if request.max_tokens == 0 {
        return Err(EngineError::Refused("max_tokens must be at least 1".into()));
    }
    if let Some(grammar) = &request.grammar {
        check_grammar(grammar)?;
    }
    if request.stop.iter().any(String::is_empty) {
        return Err(EngineError::Refused("a stop text must not be empty".into()));
    }
    Ok(())
}

fn check_grammar(grammar: &Grammar) -> Result<(), EngineError> {
    let bytes = match grammar {
        Grammar::Gbnf(rules) => rules.len(),
        Grammar::JsonSchema { schema, .. } => schema.to_string().len(),
    };
    if bytes > GRAMMAR_BYTES {
        return Err(EngineError::Formless(format!(
            "at most {GRAMMAR_BYTES} bytes, not {bytes}"
        )));
    }
    match grammar {
        Grammar::Gbnf(_) => Ok(()),
        Grammar::JsonSchema { schema, .. } => check_schema(schema, 0),
    }
}

fn check_schema(schema: &Value, depth: usize) -> Result<(), EngineError> {
    if depth > SCHEMA_DEPTH {
        let fault = format!("the schema is deeper than {SCHEMA_DEPTH} levels");
        return Err(EngineError::Formless(fault));
    }
    let inner: Vec<&Value> = match schema {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => {
            let patterns = fields.get("patternProperties").and_then(Value::as_object);
            if patterns.is_some_and(|patterns| patterns.len() > PATTERNS) {
                let fault = format!("patternProperties has more than {PATTERNS} patterns");
                return Err(EngineError::Formless(fault));
            }
            fields.values().collect()
        }
        _ => return Ok(()),
    };
    inner
        .into_iter()
        .try_for_each(|inner| check_schema(inner, depth + 1))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::generate::{Message, Sampling};

    /// A request that passes, for tests to change.
    pub(crate) fn harmless() -> Request {
        Request {
            chat: None,
            whose: None,
            messages: vec![Message {
                role: Role::User,
                content: "hi".into(),
            }],
            lead: 0,
            template: None,
            adapter: None,
            max_tokens: 16,
            stop: Vec::new(),
            sampling: Sampling::default(),
            grammar: None,
            seed: Some(1),
            ignore_eos: false,
            background: false,
            deadline: Duration::from_secs(60),
        }
    }

    fn check_refused(change: impl FnOnce(&mut Request), expected: &str) {
        let mut request = harmless();
        change(&mut request);
        match check(&request) {
            Err(EngineError::Refused(reason)) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{expected}: {other:?}"),
        }
    }

    #[test]
    fn impossible_requests_are_refused_with_the_name_of_the_fault() {
        assert_eq!(check(&harmless()), Ok(()));
        check_refused(|it| it.sampling.temperature = f32::NAN, "temperature");
        check_refused(|it| it.sampling.top_p = -0.1, "top_p");
        check_refused(|it| it.sampling.repeat_penalty = 0.0, "repeat_penalty");
        check_refused(
            |it| it.sampling.dry_multiplier = f32::INFINITY,
            "dry_multiplier",
        );
        check_refused(|it| it.messages.clear(), "no messages");
        check_refused(|it| it.messages[0].role = Role::Assistant, "last message");
        let late_system = Message {
            role: Role::System,
            content: String::new(),
        };
        check_refused(
            |it| it.messages.insert(1, late_system.clone()),
            "last message",
        );
        check_refused(
            |it| {
                it.messages.insert(0, late_system.clone());
                it.messages.insert(0, late_system);
            },
            "only the prompt's first message",
        );
        check_refused(|it| it.max_tokens = 0, "max_tokens");
        check_refused(|it| it.stop.push(String::new()), "stop text");
    }

    #[test]
    fn a_grammar_has_its_limits() {
        let mut request = harmless();
        for (length, fits) in [(GRAMMAR_BYTES, true), (GRAMMAR_BYTES + 1, false)] {
            request.grammar = Some(Grammar::Gbnf(" ".repeat(length)));
            assert_eq!(check(&request).is_ok(), fits, "{length}");
        }
        let deep = |levels| (0..levels).fold(json!(true), |inner, _| json!({ "not": inner }));
        let patterns = |count| {
            let each = (0..count).map(|it| (format!("^{it}$"), json!(true)));
            json!({ "not": { "patternProperties": each.collect::<serde_json::Map<_, _>>() } })
        };
        for (schema, fits) in [
            (deep(SCHEMA_DEPTH), true),
            (deep(SCHEMA_DEPTH + 1), false),
            (patterns(PATTERNS), true),
            (patterns(PATTERNS + 1), false),
        ] {
            let strict = false;
            request.grammar = Some(Grammar::JsonSchema { schema, strict });
            assert_eq!(check(&request).is_ok(), fits);
        }
    }
}
