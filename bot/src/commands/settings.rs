//! `/settings`: to what, when and how much the bot answers in a place, and what moderators did.

use super::{Action, Answer, Argument, Call, Command, EVERYWHERE, Kind, Outcome, Words};
use crate::identity::{Level, LevelKind, PlaceKind, Rank};
use crate::messages::Sentence;
use crate::quiet::NoQuietHours;
use crate::rules::{Answers, Effective, EffectiveRules, Quiet, Rules};
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
            works: PlaceKind::Screen,
            answer: Answer::Discreet,
            is_logged: false,
            arguments: &[],
            run: |call| Box::pin(show(call)),
        },
        Action {
            name: ["answer", "응답"],
            summary: ["chooses what is answered", "무엇에 답할지 정해요"],
            needs: Rank::ManagesChannel,
            works: Topic::Answers.works(),
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
            works: Topic::Quiet.works(),
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
            works: Topic::PerPerson.works(),
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
            name: ["reset", "되돌리기"],
            summary: [
                "follows the server or group again",
                "서버나 그룹의 설정을 다시 따라요",
            ],
            needs: Rank::ManagesChannel,
            works: PlaceKind::Private,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[
                Argument {
                    name: ["what", "대상"],
                    summary: ["one of the rules, or all of them", "규칙 하나 또는 모두"],
                    kind: Kind::Choice(TOPICS),
                    required: true,
                },
                EVERYWHERE,
            ],
            run: |call| Box::pin(reset(call)),
        },
        Action {
            name: ["log", "기록"],
            summary: [
                "shows what moderators changed",
                "관리자가 바꾼 것을 보여 줘요",
            ],
            needs: Rank::ManagesChannel,
            works: PlaceKind::Shared,
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
const TOPICS: &[Words] = &[
    ["answer", "응답"],
    ["quiet", "조용히"],
    ["limit", "한도"],
    ["all", "모두"],
];
const WHOSE: &[Words] = &[["person", "사람"], ["place", "이곳"]];

/// What can be set here.
#[derive(Debug, Clone, Copy)]
enum Topic {
    Answers,
    Quiet,
    PerPerson,
    PerPlace,
}

impl Topic {
    const ALL: [Self; 4] = [Self::Answers, Self::Quiet, Self::PerPerson, Self::PerPlace];

    /// In the first kind of place where it does anything. A private chat is answered whatever is set.
    const fn works(self) -> PlaceKind {
        match self {
            Self::Answers => PlaceKind::Shared,
            Self::Quiet | Self::PerPerson | Self::PerPlace => PlaceKind::Private,
        }
    }

    /// The rule in words, and where it is set.
    fn said(self, rules: &EffectiveRules) -> (Sentence, Option<&Level>) {
        match self {
            Self::Answers => {
                let held = &rules.answers;
                (Sentence::RuleAnswers(held.rule), held.from.as_ref())
            }
            Self::Quiet => {
                let held = &rules.quiet;
                let hours = match &held.rule {
                    Quiet::Never => None,
                    Quiet::Hours(hours) => Some(hours.to_string()),
                };
                (Sentence::RuleQuiet { hours }, held.from.as_ref())
            }
            Self::PerPerson => {
                let held = &rules.hourly_per_person;
                let rule = Sentence::RulePerPerson(hourly(held));
                (rule, held.from.as_ref())
            }
            Self::PerPlace => {
                let held = &rules.hourly;
                (Sentence::RulePerPlace(hourly(held)), held.from.as_ref())
            }
        }
    }

    /// Leaves it to the levels further out.
    fn reset(self, rules: &mut Rules) {
        match self {
            Self::Answers => rules.answers = None,
            Self::Quiet => rules.quiet = None,
            Self::PerPerson => rules.hourly_per_person = None,
            Self::PerPlace => rules.hourly = None,
        }
    }
}

/// How much, and where it is counted; `None` for any number.
fn hourly(held: &Effective<u32>) -> Option<(u32, LevelKind)> {
    let from = held.from.as_ref()?;
    (held.rule > 0).then_some((held.rule, from.kind))
}

async fn show(call: Call<'_>) -> Outcome {
    let rules = call.rules();
    let names = super::persona::names(&call, &rules.personas.rule);
    let personas = Sentence::RulePersonas { names };
    let mut lines = vec![line(&call, personas, rules.personas.from.as_ref())];
    lines.extend(topics(&call, Topic::ALL).map(|topic| {
        let (rule, from) = topic.said(&rules);
        line(&call, rule, from)
    }));
    call.say(lines.join("\n")).await
}

/// Those that do anything here.
fn topics(call: &Call<'_>, of: impl IntoIterator<Item = Topic>) -> impl Iterator<Item = Topic> {
    let place = PlaceKind::of(&call.admitted.inbound().levels);
    of.into_iter().filter(move |topic| topic.works() <= place)
}

/// A rule with where it comes from.
fn line(call: &Call<'_>, rule: Sentence, from: Option<&Level>) -> String {
    let from = super::persona::origin(call, from).say(call.language);
    format!("{} ({from})", rule.say(call.language))
}

async fn answer(call: Call<'_>) -> Outcome {
    let answers = match call.argument("what") {
        Some("everything") => Answers::Everything,
        Some("nothing") => Answers::Nothing,
        _ => Answers::Called,
    };
    let set = |rules: &mut Rules| rules.answers = Some(answers);
    change(call, &[Topic::Answers], set).await
}

async fn quiet(call: Call<'_>) -> Outcome {
    let typed = call.argument("hours").unwrap_or_default();
    let quiet = match typed {
        typed if typed.eq_ignore_ascii_case("never") || typed == "없음" => Quiet::Never,
        typed => Quiet::Hours(typed.parse().map_err(|fault| {
            Trouble::Told(match fault {
                NoQuietHours::Form(typed) => Sentence::NoHours { typed },
                NoQuietHours::Zone(typed) => Sentence::NoZone { typed },
                NoQuietHours::Empty => Sentence::NoSpan,
            })
        })?),
    };
    let set = |rules: &mut Rules| rules.quiet = Some(quiet.clone());
    change(call, &[Topic::Quiet], set).await
}

async fn limit(call: Call<'_>) -> Outcome {
    let typed = call.argument("number").unwrap_or_default();
    let Ok(hourly) = typed.parse::<u32>() else {
        return Err(Trouble::Told(Sentence::NoNumber {
            typed: typed.to_owned(),
        }));
    };
    if call.argument("whose") == Some("person") {
        let set = |rules: &mut Rules| rules.hourly_per_person = Some(hourly);
        change(call, &[Topic::PerPerson], set).await
    } else {
        let set = |rules: &mut Rules| rules.hourly = Some(hourly);
        change(call, &[Topic::PerPlace], set).await
    }
}

async fn reset(call: Call<'_>) -> Outcome {
    let of = match call.argument("what") {
        Some("answer") => &[Topic::Answers][..],
        Some("quiet") => &[Topic::Quiet],
        Some("limit") => &[Topic::PerPerson, Topic::PerPlace],
        _ => &Topic::ALL,
    };
    let of: Vec<Topic> = topics(&call, of.iter().copied()).collect();
    if of.is_empty() {
        let works = PlaceKind::Shared;
        return Err(Trouble::Told(Sentence::WorksElsewhere { works }));
    }
    let leave = |rules: &mut Rules| of.iter().for_each(|topic| topic.reset(rules));
    change(call, &of, leave).await
}

/// Changes rules, and says what holds from now on, and where something else does.
async fn change(call: Call<'_>, topics: &[Topic], change: impl Fn(&mut Rules) + Send) -> Outcome {
    call.ctx.rules.change(call.level(), change).await?;
    let (there, here) = (call.ctx.rules_at(call.outwards()), call.rules());
    let mut lines = Vec::new();
    for topic in topics {
        let (rule, from) = topic.said(&there);
        lines.push(line(&call, rule, from));
        let (rule, from) = topic.said(&here);
        if let Some(kind) = call.keeps_its_own(from) {
            let rule = rule.say(call.language);
            lines.push(Sentence::KeepsItsOwnRule { kind, rule }.say(call.language));
        }
    }
    call.say(lines.join("\n")).await
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
