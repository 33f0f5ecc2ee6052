//! `/stats`: how much of a person is kept here, in figures.

use super::{Action, Answer, Call, Command, Outcome};
use crate::identity::{PlaceKind, Rank};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    name: ["stats", "통계"],
    summary: [
        "tells how much we have talked here",
        "여기서 얼마나 이야기했는지 알려 줘요",
    ],
    actions: &[Action {
        name: ["", ""],
        summary: [
            "tells how much we have talked here",
            "여기서 얼마나 이야기했는지 알려 줘요",
        ],
        needs: Rank::Member,
        works: PlaceKind::Screen,
        answer: Answer::Personal,
        is_logged: false,
        arguments: &[],
        run: |call| Box::pin(run(call)),
    }],
};

async fn run(call: Call<'_>) -> Outcome {
    let all = call.held().await?;
    call.tell(Sentence::Stats {
        turns: all.iter().map(|(_, held)| held.turns).sum(),
        facts: all.iter().map(|(_, held)| held.facts.len()).sum(),
    })
    .await
}
