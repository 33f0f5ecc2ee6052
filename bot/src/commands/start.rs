//! `/start`: who this is, that it is an AI, and what it keeps. Telegram sends it when somebody opens the chat.

use super::{Action, Answer, Argument, Call, Command, Kind, Outcome};
use crate::clock::now_ms;
use crate::identity::{PlaceKind, Rank};
use crate::inbound::Inbound;
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    name: ["start", "시작"],
    summary: [
        "tells who I am and what I keep",
        "제가 누구이고 무엇을 기억하는지 알려 줘요",
    ],
    actions: &[Action {
        name: ["", ""],
        summary: [
            "tells who I am and what I keep",
            "제가 누구이고 무엇을 기억하는지 알려 줘요",
        ],
        needs: Rank::Member,
        works: PlaceKind::Screen,
        answer: Answer::Discreet,
        is_logged: false,
        arguments: &[Argument {
            name: ["from", "출처"],
            summary: [
                "where the link to this chat was",
                "이 대화로 온 링크의 출처",
            ],
            kind: Kind::Link,
            required: false,
        }],
        run: |call| Box::pin(run(call)),
    }],
};

async fn run(call: Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound())?;
    let lines = [
        format!("{}: {}", persona.name, persona.greeting),
        Sentence::Introduction.say(call.language),
    ];
    let Inbound {
        audience, person, ..
    } = call.admitted.inbound();
    (call.ctx.disclosure)
        .was_told(audience, person, now_ms())
        .await?;
    call.say(lines.join("\n\n")).await
}
