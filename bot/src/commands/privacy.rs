//! `/privacy`: what is kept of a person, who sees it, and how it is taken away.

use super::{Action, Answer, Call, Command, Outcome};
use crate::identity::{PlaceKind, Rank};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    name: ["privacy", "개인정보"],
    summary: [
        "tells what I keep of you, and how to delete it",
        "무엇을 보관하고 어떻게 지우는지 알려 줘요",
    ],
    actions: &[Action {
        name: ["", ""],
        summary: [
            "tells what I keep of you, and how to delete it",
            "무엇을 보관하고 어떻게 지우는지 알려 줘요",
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
    call.tell(Sentence::Privacy).await
}
