//! One connection to the gateway: hello, identify or resume, heartbeats, events.

use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::Served;
use super::sessions::{ALL_INTENTS, GUILDS, MESSAGE_CONTENT, OTHER_PRIVILEGED, Order, Resumed};
use super::world::{Id, World};

/// Discord takes no longer payloads.
const LONGEST_PAYLOAD: usize = 4096;
/// Payloads within a minute.
const MOST_PAYLOADS: usize = 120;

struct Connection {
    served: Arc<Served>,
    line: UnboundedSender<Order>,
    session: Option<String>,
    acknowledges: bool,
    payloads: Vec<tokio::time::Instant>,
}

/// What to do after a payload.
enum Next {
    Go,
    Send(Value),
    Close(u16),
}

pub(super) async fn connect(
    State(served): State<Arc<Served>>,
    Query(query): Query<Vec<(String, String)>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if served.read(|world| world.sessions.is_refused) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    upgrade.on_upgrade(async move |socket| serve(socket, served, &query).await)
}

async fn serve(mut socket: WebSocket, served: Arc<Served>, query: &[(String, String)]) {
    let version = query.iter().find(|(name, _)| name == "v");
    if version.is_none_or(|(_, version)| version != "10") {
        return close(socket, 4012).await;
    }
    let (line, mut orders) = unbounded_channel();
    let interval = served.change(|world| {
        world.sessions.connected(line.clone());
        world.sessions.interval
    });
    let hello = json!({ "op": 10, "s": null, "t": null, "d": { "heartbeat_interval": interval.as_millis() } });
    // A failing send shows itself when the next frame is read.
    send(&mut socket, hello.to_string()).await;
    let mut connection = Connection {
        served,
        line,
        session: None,
        acknowledges: true,
        payloads: Vec::new(),
    };
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Event(event)) => {
                    let delay = connection.served.read(|world| world.sessions.delay);
                    tokio::time::sleep(delay).await;
                    send(&mut socket, event).await;
                }
                Some(Order::Send(payload)) => send(&mut socket, payload.to_string()).await,
                Some(Order::Raw(text)) => send(&mut socket, text).await,
                Some(Order::Close(code)) => return close(socket, code).await,
                Some(Order::StopAcknowledging) => connection.acknowledges = false,
                Some(Order::Drop) | None => return,
            },
            frame = socket.recv() => {
                let text = match frame {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Binary(_))) => return close(socket, 4002).await,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(frame))) => return connection.left(frame),
                    Some(Err(_)) | None => return,
                };
                match connection.take(&text) {
                    Next::Go => {}
                    Next::Send(payload) => send(&mut socket, payload.to_string()).await,
                    Next::Close(code) => return close(socket, code).await,
                }
            }
        }
    }
}

impl Connection {
    fn take(&mut self, text: &str) -> Next {
        let now = tokio::time::Instant::now();
        self.payloads
            .retain(|then| now.duration_since(*then).as_secs() < 60);
        self.payloads.push(now);
        if self.payloads.len() > MOST_PAYLOADS {
            return self.fault(4008, "more than 120 payloads a minute");
        }
        let Ok(payload) = serde_json::from_str::<Value>(text) else {
            return self.fault(4002, text);
        };
        if text.len() > LONGEST_PAYLOAD {
            return self.fault(4002, text);
        }
        match payload["op"].as_u64() {
            Some(1) => self.heartbeat(&payload["d"]),
            Some(2) if self.session.is_some() => self.fault(4005, "identified twice"),
            Some(2) => self.identify(&payload["d"]),
            Some(6) => self.resume(&payload["d"]),
            Some(3 | 4 | 8 | 31) if self.session.is_none() => self.fault(4003, text),
            Some(3 | 4 | 8 | 31) => Next::Go,
            _ => self.fault(4001, text),
        }
    }

    fn heartbeat(&self, number: &Value) -> Next {
        if !number.is_null() && !number.is_u64() {
            return self.fault(4002, &format!("a heartbeat with {number}"));
        }
        self.served.change(|world| world.sessions.heartbeats += 1);
        match self.acknowledges {
            true => Next::Send(json!({ "op": 11 })),
            false => Next::Go,
        }
    }

    fn identify(&mut self, data: &Value) -> Next {
        const KNOWN: &[&str] = &[
            "token",
            "properties",
            "compress",
            "large_threshold",
            "shard",
            "presence",
            "intents",
        ];
        let Some(fields) = data.as_object() else {
            return self.fault(4002, &data.to_string());
        };
        if let Some(unknown) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            self.note(&format!("identify has a field {unknown:?}"));
        }
        let properties = ["os", "browser", "device"];
        if !properties
            .iter()
            .all(|name| data["properties"][name].is_string())
        {
            return self.fault(4002, "identify without properties");
        }
        if self.refuses(&data["token"]) {
            return Next::Close(4004);
        }
        if !data["shard"].is_null() && data["shard"] != json!([0, 1]) {
            return self.fault(4010, &data["shard"].to_string());
        }
        let Some(intents) = data["intents"]
            .as_u64()
            .filter(|bits| bits & !ALL_INTENTS == 0)
        else {
            return self.fault(4013, &format!("intents {}", data["intents"]));
        };
        let granted = self.served.read(|world| world.sessions.message_content);
        if intents & OTHER_PRIVILEGED != 0 || (intents & MESSAGE_CONTENT != 0 && !granted) {
            return Next::Close(4014);
        }
        if self.served.change(|world| world.sessions.is_invalid()) {
            return Next::Send(json!({ "op": 9, "d": false }));
        }
        self.served.change(|world| {
            let id = format!("{:032x}", world.new_id());
            world.sessions.begin(id.clone(), intents, self.line.clone());
            world.welcome(&id, intents);
            self.session = Some(id);
        });
        Next::Go
    }

    fn resume(&mut self, data: &Value) -> Next {
        if self.refuses(&data["token"]) {
            return Next::Close(4004);
        }
        let (Some(id), Some(seen)) = (data["session_id"].as_str(), data["seq"].as_u64()) else {
            return self.fault(4002, &data.to_string());
        };
        let seen = usize::try_from(seen).expect("a number of events");
        match self
            .served
            .change(|world| world.sessions.resume(id, seen, &self.line))
        {
            Resumed::Well => {
                self.session = Some(id.to_owned());
                Next::Go
            }
            Resumed::Unknown => Next::Send(json!({ "op": 9, "d": false })),
            Resumed::BadNumber => self.fault(4007, &format!("resumed after event {seen}")),
        }
    }

    fn refuses(&self, token: &Value) -> bool {
        self.served.read(|world| {
            // Either form is taken, as Discord does.
            let token = token.as_str().map(|token| token.trim_start_matches("Bot "));
            world.token_is_revoked || token != Some(&world.token)
        })
    }

    /// A session whose client says farewell is over; after any other code it may be resumed.
    fn left(&self, frame: Option<CloseFrame>) {
        if frame.is_some_and(|frame| matches!(frame.code, 1000 | 1001))
            && let Some(session) = &self.session
        {
            self.served.change(|world| world.sessions.end(session));
        }
    }

    fn fault(&self, code: u16, what: &str) -> Next {
        self.note(&format!("gateway closed with {code}: {what}"));
        Next::Close(code)
    }

    fn note(&self, fault: &str) {
        self.served
            .change(|world| world.faults.push(fault.to_owned()));
    }
}

impl World {
    /// What a new session is told first.
    fn welcome(&mut self, session: &str, intents: u64) {
        let guilds = self.guilds.values();
        let guilds: Vec<Id> = guilds
            .filter(|guild| guild.members.contains_key(&self.bot))
            .map(|guild| guild.id)
            .collect();
        let unavailable = guilds
            .iter()
            .map(|id| json!({ "id": id.to_string(), "unavailable": true }));
        let mut user = self.user(self.bot);
        user["verified"] = json!(true);
        user["mfa_enabled"] = json!(true);
        user["email"] = Value::Null;
        let ready = json!({
            "v": 10,
            "user": user,
            "guilds": unavailable.collect::<Vec<_>>(),
            "session_id": session,
            "resume_gateway_url": self.gateway_url,
            "session_type": "normal",
            "private_channels": [],
            "relationships": [],
            "user_settings": {},
            "shard": [0, 1],
            "application": { "id": self.bot.to_string(), "flags": self.application_flags() },
        });
        self.sessions.send_to(session, "READY", &ready);
        if intents & GUILDS != 0 {
            for guild in guilds {
                let event = self.guild_event(guild);
                self.sessions.send_to(session, "GUILD_CREATE", &event);
            }
        }
    }
}

async fn send(socket: &mut WebSocket, text: String) {
    // A failing send shows itself when the next frame is read.
    socket.send(Message::Text(text.into())).await.ok();
}

async fn close(mut socket: WebSocket, code: u16) {
    let reason = match code {
        4004 => "Authentication failed.",
        4013 => "Invalid intent(s).",
        4014 => "Disallowed intent(s).",
        _ => "As documented.",
    };
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    socket.send(Message::Close(Some(frame))).await.ok();
    // The client answers with its own close frame; what it sends before that is of no interest.
    let farewell = async { while let Some(Ok(_)) = socket.recv().await {} };
    tokio::time::timeout(std::time::Duration::from_secs(1), farewell)
        .await
        .ok();
}
