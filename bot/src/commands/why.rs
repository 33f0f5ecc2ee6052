//! `/why`: what the last reply to somebody was made from, and why there was none afterwards.

use super::{Action, Answer, Call, Command, Outcome};
use crate::identity::{PlaceKind, Rank};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    name: ["why", "왜"],
    summary: [
        "tells what my last reply was based on",
        "마지막 답이 무엇을 바탕으로 했는지 알려 줘요",
    ],
    actions: &[Action {
        name: ["", ""],
        summary: [
            "tells what my last reply was based on",
            "마지막 답이 무엇을 바탕으로 했는지 알려 줘요",
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
    let (inbound, reasons) = (call.admitted.inbound(), &call.ctx.reasons);
    let reply = reasons.last(|scope| {
        call.means(&scope.conversation)
            && scope.owner.person == inbound.person
            && scope.owner.audience == inbound.audience
    });
    // It is forgotten with the next reply, so it came after this one.
    let silence = reasons.silence(&inbound.place, &inbound.person);
    let reply = reply.map(|reply| reply.say(call.language));
    let silence = silence.map(|silence| Sentence::WhySilent(silence).say(call.language));
    let lines: Vec<String> = reply.into_iter().chain(silence).collect();
    if lines.is_empty() {
        return call.tell(Sentence::WhyNothing).await;
    }
    call.say(lines.join("\n\n")).await
}
