//! `/settings`: to what, when and how much the bot answers in a place, and what moderators did.

use super::{Action, Answer, Argument, Call, Command, EVERYWHERE, Kind, Outcome, Words};
use crate::house::{Answers, Held, Quiet};
use crate::identity::Rank;
use crate::messages::Sentence;
use crate::turn::Trouble;

pub(super) const COMMAND: Command = Command {
    name: ["settings", "설정"],
    summary: [
        "shows or changes when I answer here",
        "여기서 언제 답하는지 보거나 바꿔요",
    ],
    actions: &[
        Action {
            name: ["show", "보기"],
            summary: ["shows the rules of this place", "이곳의 규칙을 보여 줘요"],
            needs: Rank::Member,
            answer: Answer::Discreet,
            is_logged: false,
            arguments: &[],
            run: |call| Box::pin(show(call)),
        },
        Action {
            name: ["answer", "응답"],
            summary: ["chooses what is answered", "무엇에 답할지 정해요"],
            needs: Rank::ManagesChannel,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[
                Argument {
                    name: ["what", "대상"],
                    summary: [
                        "calls only, everything, or nothing",
                        "부를 때만, 전부, 또는 끄기",
                    ],
                    kind: Kind::Choice(ANSWERS),
                    required: true,
                },
                EVERYWHERE,
            ],
            run: |call| Box::pin(answer(call)),
        },
        Action {
            name: ["quiet", "조용히"],
            summary: ["sets hours without answers", "답하지 않는 시간을 정해요"],
            needs: Rank::ManagesChannel,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[
                Argument {
                    name: ["hours", "시간"],
                    summary: [
                        "such as 23:00-07:00 Asia/Seoul, or never",
                        "예: 23:00-07:00 Asia/Seoul, 또는 없음",
                    ],
                    kind: Kind::Text,
                    required: true,
                },
                EVERYWHERE,
            ],
            run: |call| Box::pin(quiet(call)),
        },
        Action {
            name: ["limit", "한도"],
            summary: ["limits answers an hour", "한 시간에 답하는 수를 정해요"],
            needs: Rank::ManagesChannel,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[
                Argument {
                    name: ["whose", "누구"],
                    summary: [
                        "of each person, or of the whole place",
                        "한 사람마다, 또는 이곳 전체",
                    ],
                    kind: Kind::Choice(WHOSE),
                    required: true,
                },
                Argument {
                    name: ["number", "횟수"],
                    summary: [
                        "messages an hour; 0 = any number",
                        "한 시간 메시지 수, 0은 제한 없음",
                    ],
                    kind: Kind::Word,
                    required: true,
                },
                EVERYWHERE,
            ],
            run: |call| Box::pin(limit(call)),
        },
        Action {
            name: ["log", "기록"],
            summary: [
                "shows what moderators changed",
                "관리자가 바꾼 것을 보여 줘요",
            ],
            needs: Rank::ManagesChannel,
            answer: Answer::Personal,
            is_logged: false,
            arguments: &[],
            run: |call| Box::pin(log(call)),
        },
    ],
};

const ANSWERS: &[Words] = &[
    ["called", "호출"],
    ["everything", "전부"],
    ["nothing", "끄기"],
];
const WHOSE: &[Words] = &[["person", "사람"], ["place", "이곳"]];

async fn show(call: Call<'_>) -> Outcome {
    let holding = call.holding();
    let names = super::persona::names(&call, &holding.personas.rule);
    let lines = [
        line(&call, Sentence::RulePersonas { names }, &holding.personas),
        line(
            &call,
            Sentence::RuleAnswers(holding.answers.rule),
            &holding.answers,
        ),
        line(
            &call,
            Sentence::RuleQuiet {
                hours: hours(&holding.quiet.rule),
            },
            &holding.quiet,
        ),
        line(
            &call,
            Sentence::RulePerPerson {
                hourly: holding.hourly_per_person.rule,
            },
            &holding.hourly_per_person,
        ),
        line(
            &call,
            Sentence::RulePerPlace {
                hourly: holding.hourly.rule,
            },
            &holding.hourly,
        ),
    ];
    call.say(lines.join("\n")).await
}

/// A rule with where it comes from.
fn line<T>(call: &Call<'_>, rule: Sentence, held: &Held<T>) -> String {
    let from = super::persona::origin(call, held).say(call.language);
    format!("{} ({from})", rule.say(call.language))
}

fn hours(quiet: &Quiet) -> Option<String> {
    match quiet {
        Quiet::Never => None,
        Quiet::Hours(hours) => Some(hours.to_string()),
    }
}

async fn answer(call: Call<'_>) -> Outcome {
    let answers = match call.argument("what") {
        Some("everything") => Answers::Everything,
        Some("nothing") => Answers::Nothing,
        _ => Answers::Called,
    };
    call.ctx
        .house
        .change(call.level(), |rules| rules.answers = Some(answers))
        .await?;
    call.tell(Sentence::RuleAnswers(answers)).await
}

async fn quiet(call: Call<'_>) -> Outcome {
    let typed = call.argument("hours").unwrap_or_default();
    let quiet = match typed {
        "never" | "없음" => Quiet::Never,
        typed => match typed.parse() {
            Ok(hours) => Quiet::Hours(hours),
            Err(_) => {
                return Err(Trouble::Told(Sentence::NoHours {
                    typed: typed.to_owned(),
                }));
            }
        },
    };
    call.ctx
        .house
        .change(call.level(), |rules| rules.quiet = Some(quiet.clone()))
        .await?;
    call.tell(Sentence::RuleQuiet {
        hours: hours(&quiet),
    })
    .await
}

async fn limit(call: Call<'_>) -> Outcome {
    let typed = call.argument("number").unwrap_or_default();
    let Ok(hourly) = typed.parse::<u32>() else {
        return Err(Trouble::Told(Sentence::NoNumber {
            typed: typed.to_owned(),
        }));
    };
    let per_person = call.argument("whose") == Some("person");
    call.ctx
        .house
        .change(call.level(), |rules| {
            if per_person {
                rules.hourly_per_person = Some(hourly);
            } else {
                rules.hourly = Some(hourly);
            }
        })
        .await?;
    call.tell(if per_person {
        Sentence::RulePerPerson { hourly }
    } else {
        Sentence::RulePerPlace { hourly }
    })
    .await
}

async fn log(call: Call<'_>) -> Outcome {
    let levels = &call.admitted.inbound().levels;
    let outermost = levels.last().expect("a message has at least one level");
    let deeds = call.ctx.audit.last(outermost, 20).await?;
    if deeds.is_empty() {
        return call.tell(Sentence::LogEmpty).await;
    }
    let lines: Vec<String> = deeds.iter().map(ToString::to_string).collect();
    call.say(lines.join("\n")).await
}
