//! The gateway's protocol, without serenity: what ends a connection.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::fake_discord::FakeDiscord;
use crate::support::in_time;

/// Sends payloads and gives the code with which the connection is closed, or what was said last before.
async fn close_code(discord: &FakeDiscord, query: &str, payloads: &[Value]) -> u16 {
    let url = format!("{}/{query}", discord.url().replace("http", "ws"));
    let (mut socket, _) = tokio_tungstenite::connect_async(url)
        .await
        .expect("connected");
    for payload in payloads {
        socket
            .send(Message::text(payload.to_string()))
            .await
            .expect("sent");
    }
    loop {
        let frame = in_time("a frame", socket.next())
            .await
            .expect("no end")
            .expect("no break");
        match frame {
            Message::Close(frame) => return frame.expect("a code").code.into(),
            Message::Text(text) => {
                let said: Value = serde_json::from_str(&text).expect("JSON");
                // An invalid session is no end; tests see it as its opcode.
                if said["op"] == 9 {
                    return 9;
                }
            }
            _ => {}
        }
    }
}

#[tokio::test]
#[should_panic(expected = "gateway closed with 4003")]
async fn connections_end_with_their_codes() {
    let discord = FakeDiscord::start().await;
    let identify = |change: Value| {
        let mut data = json!({
            "token": discord.token(),
            "intents": 513,
            "properties": { "os": "linux", "browser": "test", "device": "test" },
        });
        for (name, value) in change.as_object().expect("an object") {
            data[name] = value.clone();
        }
        json!({ "op": 2, "d": data })
    };
    let resume = |id: &str, seq: u64| json!({ "op": 6, "d": { "token": discord.token(), "session_id": id, "seq": seq } });
    let v10 = "?v=10&encoding=json";
    assert_eq!(close_code(&discord, "?v=9", &[]).await, 4012);
    assert_eq!(
        close_code(&discord, v10, &[json!({ "op": 99 })]).await,
        4001
    );
    assert_eq!(
        close_code(&discord, v10, &[json!({ "op": 3, "d": {} })]).await,
        4003
    );
    assert_eq!(
        close_code(&discord, v10, &[identify(json!({ "token": "x" }))]).await,
        4004
    );
    assert_eq!(
        close_code(&discord, v10, &[identify(json!({})), identify(json!({}))]).await,
        4005
    );
    assert_eq!(
        close_code(&discord, v10, &[identify(json!({ "shard": [1, 2] }))]).await,
        4010
    );
    assert_eq!(
        close_code(
            &discord,
            v10,
            &[identify(json!({ "intents": 1_u64 << 40 }))]
        )
        .await,
        4013
    );
    assert_eq!(
        close_code(&discord, v10, &[identify(json!({ "intents": 2 }))]).await,
        4014
    );
    assert_eq!(
        close_code(&discord, v10, &[json!("x".repeat(5000))]).await,
        4002
    );
    assert_eq!(close_code(&discord, v10, &[resume("nobody", 1)]).await, 9);
}
