//! What Discord says when it refuses a request.

use std::time::Duration;

use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) body: Value,
    /// Only for those who come too often.
    pub(super) retry_after: Option<Duration>,
    /// Whether they come too often with everything.
    pub(super) is_global: bool,
}

pub(super) enum Reply {
    Json(Value),
    Created(Value),
    Nothing,
}

pub(super) type Outcome = Result<Reply, Refusal>;

impl Refusal {
    pub(super) fn new(status: u16, code: u64, message: &str) -> Self {
        Self {
            status,
            body: json!({ "message": message, "code": code }),
            retry_after: None,
            is_global: false,
        }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, 0, "401: Unauthorized")
    }

    pub(super) fn unknown(what: &str) -> Self {
        let code = match what {
            "Channel" => 10_003,
            "Guild" => 10_004,
            "Member" => 10_007,
            "Message" => 10_008,
            "User" => 10_013,
            "Webhook" => 10_015,
            "Interaction" => 10_062,
            "Application" => 10_002,
            "application command" => 10_063,
            _ => 0,
        };
        Self::new(404, code, &format!("Unknown {what}"))
    }

    pub(super) fn missing_access() -> Self {
        Self::new(403, 50_001, "Missing Access")
    }

    pub(super) fn missing_permissions() -> Self {
        Self::new(403, 50_013, "Missing Permissions")
    }

    pub(super) fn empty_message() -> Self {
        Self::new(400, 50_006, "Cannot send an empty message")
    }

    pub(super) fn not_the_author() -> Self {
        Self::new(
            403,
            50_005,
            "Cannot edit a message authored by another user",
        )
    }

    pub(super) fn too_many(retry_after: Duration) -> Self {
        // Rounded up, so that who waits exactly so long is not early.
        let seconds = (retry_after.as_secs_f64() * 1000.0).ceil() / 1000.0;
        Self {
            status: 429,
            body: json!({
                "message": "You are being rate limited.",
                "retry_after": seconds,
                "global": false,
            }),
            retry_after: Some(retry_after),
            is_global: false,
        }
    }

    pub(super) fn all_too_many(retry_after: Duration) -> Self {
        let mut refusal = Self::too_many(retry_after);
        refusal.body["global"] = json!(true);
        Self {
            is_global: true,
            ..refusal
        }
    }

    pub(super) fn code(&self) -> u64 {
        self.body["code"].as_u64().unwrap_or(0)
    }
}
