//! `/safety`: what happens when somebody is in distress, and whom to call.

use super::{Action, Answer, Call, Command, Outcome};
use crate::identity::{PlaceKind, Rank};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    name: ["safety", "안전"],
    summary: [
        "tells whom to call when things are hard",
        "힘들 때 전화할 곳을 알려 줘요",
    ],
    actions: &[Action {
        name: ["", ""],
        summary: [
            "tells whom to call when things are hard",
            "힘들 때 전화할 곳을 알려 줘요",
        ],
        needs: Rank::Member,
        works: PlaceKind::Screen,
        answer: Answer::Discreet,
        is_logged: false,
        arguments: &[],
        run: |call| Box::pin(run(call)),
    }],
};

async fn run(call: Call<'_>) -> Outcome {
    let card = call.ctx.settings.safety.card();
    let lines = [
        Sentence::SafetyProtocol.say(call.language),
        card.say_to_who_asked(call.language),
    ];
    call.say(lines.join("\n\n")).await
}
