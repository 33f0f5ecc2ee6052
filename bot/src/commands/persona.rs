//! `/persona`: who answers here, who could, and choosing them. Making them is `studio.rs`.

use std::sync::Arc;

use chatfriends_personas::{Library, Persona, PersonaId};

use super::{Action, Answer, Argument, Call, Command, EVERYWHERE, Kind, Outcome, studio};
use crate::identity::{Level, PlaceKind, Rank};
use crate::inbound::Inbound;
use crate::messages::Sentence;
use crate::messages::making::Making;
use crate::outlet::Show;
use crate::turn::Trouble;

pub(super) const COMMAND: Command = Command {
    name: ["persona", "페르소나"],
    summary: [
        "shows who answers here, lists who could, or chooses one",
        "누가 답하는지 보거나, 목록을 보거나, 한 명을 골라요",
    ],
    actions: &[
        Action {
            name: ["show", "보기"],
            summary: [
                "shows who answers here, or tells about one",
                "여기서 누가 답하는지, 또는 한 명이 누구인지 보여 줘요",
            ],
            needs: Rank::Member,
            works: PlaceKind::Screen,
            answer: Answer::Discreet,
            is_logged: false,
            arguments: &[Argument {
                name: ["name", "이름"],
                summary: ["whom to tell about", "누구를 볼지"],
                kind: Kind::Persona,
                required: false,
            }],
            run: |call| Box::pin(show(call)),
        },
        Action {
            name: ["list", "목록"],
            summary: [
                "lists who could answer",
                "답할 수 있는 페르소나를 보여 줘요",
            ],
            needs: Rank::Member,
            works: PlaceKind::Screen,
            answer: Answer::Discreet,
            is_logged: false,
            arguments: &[],
            run: |call| Box::pin(list(call)),
        },
        Action {
            name: ["set", "선택"],
            summary: [
                "chooses who answers here; others named after the first answer when called",
                "여기서 답할 페르소나를 골라요. 여럿이면 첫째가 답하고 나머지는 부를 때 답해요",
            ],
            needs: Rank::ManagesChannel,
            works: PlaceKind::Screen,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[
                Argument {
                    name: ["name", "이름"],
                    summary: ["one or several names", "이름 하나 또는 여럿"],
                    kind: Kind::Personas,
                    required: true,
                },
                EVERYWHERE,
            ],
            run: |call| Box::pin(set(call)),
        },
        Action {
            name: ["reset", "되돌리기"],
            summary: [
                "answers here as the server or group does",
                "서버나 그룹의 설정을 따르게 해요",
            ],
            needs: Rank::ManagesChannel,
            works: PlaceKind::Screen,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[EVERYWHERE],
            run: |call| Box::pin(reset(call)),
        },
        Action {
            name: ["create", "만들기"],
            summary: [
                "makes a persona for this server or group",
                "이 서버나 그룹에서 쓸 페르소나를 만들어요",
            ],
            needs: Rank::ManagesAll,
            works: PlaceKind::Shared,
            answer: Answer::Personal,
            is_logged: true,
            arguments: &[Argument {
                name: ["id", "아이디"],
                summary: [
                    "what commands will call it: a-z, 0-9, _ and -",
                    "명령에서 부를 이름: a-z, 0-9, _, -",
                ],
                kind: Kind::Word,
                required: true,
            }],
            run: |call| Box::pin(studio::create(call)),
        },
        Action {
            name: ["edit", "고치기"],
            summary: [
                "changes the draft of a persona made here",
                "이곳에서 만든 페르소나의 초안을 고쳐요",
            ],
            needs: Rank::ManagesAll,
            works: PlaceKind::Shared,
            answer: Answer::Personal,
            is_logged: true,
            arguments: &[OWN],
            run: |call| Box::pin(studio::edit(call)),
        },
        Action {
            name: ["draft", "초안"],
            summary: [
                "shows a draft with its tokens, or what was made here",
                "초안과 토큰 수, 또는 이곳에서 만든 목록을 보여 줘요",
            ],
            needs: Rank::ManagesAll,
            works: PlaceKind::Shared,
            answer: Answer::Personal,
            is_logged: false,
            arguments: &[Argument {
                required: false,
                ..OWN
            }],
            run: |call| Box::pin(studio::draft(call)),
        },
        Action {
            name: ["test", "시험"],
            summary: [
                "answers you as the draft would; nothing is kept",
                "초안이라면 어떻게 답할지 보여 줘요. 남지 않아요",
            ],
            needs: Rank::ManagesAll,
            works: PlaceKind::Shared,
            answer: Answer::Personal,
            is_logged: false,
            arguments: &[
                OWN,
                Argument {
                    name: ["text", "말"],
                    summary: ["what you say to it", "건넬 말"],
                    kind: Kind::Text,
                    required: true,
                },
            ],
            run: |call| Box::pin(studio::test(call)),
        },
        Action {
            name: ["publish", "공개"],
            summary: [
                "lets the draft answer from now on",
                "이제부터 초안대로 답하게 해요",
            ],
            needs: Rank::ManagesAll,
            works: PlaceKind::Shared,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[OWN],
            run: |call| Box::pin(studio::publish(call)),
        },
        Action {
            name: ["rollback", "복원"],
            summary: [
                "lets an earlier version answer again",
                "예전 버전이 다시 답하게 해요",
            ],
            needs: Rank::ManagesAll,
            works: PlaceKind::Shared,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[
                OWN,
                Argument {
                    name: ["version", "버전"],
                    summary: [
                        "its number; without one, the version before",
                        "버전의 번호, 없으면 바로 전 버전",
                    ],
                    kind: Kind::Word,
                    required: false,
                },
            ],
            run: |call| Box::pin(studio::roll_back(call)),
        },
        Action {
            name: ["delete", "삭제"],
            summary: [
                "deletes a persona made here with all its versions",
                "이곳에서 만든 페르소나를 모든 버전과 함께 삭제해요",
            ],
            needs: Rank::ManagesAll,
            works: PlaceKind::Shared,
            answer: Answer::Discreet,
            is_logged: true,
            arguments: &[
                OWN,
                Argument {
                    name: ["sure", "정말"],
                    summary: [
                        "\"confirm\" deletes it; without it I say what would be lost",
                        "‘확인’이면 삭제하고, 없으면 무엇이 사라지는지 알려 줘요",
                    ],
                    kind: Kind::Choice(&[studio::CONFIRM]),
                    required: false,
                },
            ],
            run: |call| Box::pin(studio::delete(call)),
        },
    ],
};

/// A persona made here.
const OWN: Argument = Argument {
    name: ["name", "이름"],
    summary: ["a persona made here", "이곳에서 만든 페르소나"],
    kind: Kind::Made,
    required: true,
};

async fn show(call: Call<'_>) -> Outcome {
    if let Some(typed) = call.argument("name") {
        let about = about(&call, typed)?;
        return call.tell(about).await;
    }
    let inbound = call.admitted.inbound();
    let persona = call.ctx.persona_for(inbound)?;
    let held = call.rules().personas;
    let others: Vec<PersonaId> = held
        .rule
        .iter()
        .filter(|id| **id != persona.id)
        .cloned()
        .collect();
    let origin = if inbound.persona.is_some() {
        Sentence::SetHere
    } else {
        origin(&call, held.from.as_ref())
    };
    let mut lines = vec![
        Sentence::PersonaIs {
            name: persona.name.clone(),
            id: persona.id.to_string(),
            origin: origin.say(call.language),
        }
        .say(call.language),
    ];
    if !others.is_empty() && inbound.persona.is_none() {
        lines.push(
            Sentence::PersonaOthers {
                names: names(&call, &others),
            }
            .say(call.language),
        );
    }
    call.say(lines.join("\n")).await
}

/// Who a persona is that answers or could. What one is made of that was made here, published or not, is for moderators alone, whom not every
/// app tells for a command that everybody may give: `/persona draft` shows it to them.
fn about(call: &Call<'_>, typed: &str) -> Result<Sentence, Trouble> {
    let library = call.library();
    let persona = library.find(typed).ok_or_else(|| unknown(call, typed))?;
    let from = match call.ctx.catalogue.now().get(&persona.id) {
        None => Source::Command,
        Some(_) if Library::shipped().get(&persona.id) == Some(persona) => Source::Shipped,
        Some(_) => Source::File,
    };
    Ok(Sentence::PersonaAbout {
        name: persona.name.clone(),
        id: persona.id.to_string(),
        languages: persona.languages.clone(),
        from,
    })
}

/// Where a persona comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It came with the program.
    Shipped,
    /// Whoever runs the bot has written a file.
    File,
    /// It was made by command, in this server or group.
    Command,
}

/// Where a rule comes from that is set at `from`.
pub(super) fn origin(call: &Call<'_>, from: Option<&Level>) -> Sentence {
    let levels = &call.admitted.inbound().levels;
    match from {
        None => Sentence::SetNowhere,
        Some(level) if Some(level) == levels.first() => Sentence::SetHere,
        // It was set just now.
        Some(level) if level == call.level() => Sentence::SetEverywhere(level.kind),
        Some(level) => Sentence::Inherited(level.kind),
    }
}

/// The names of personas, in one line.
pub(super) fn names(call: &Call<'_>, ids: &[PersonaId]) -> String {
    let library = call.library();
    let names: Vec<String> = ids
        .iter()
        .map(|id| {
            library
                .get(id)
                .map_or_else(|| id.to_string(), |persona| persona.name.clone())
        })
        .collect();
    names.join(", ")
}

async fn list(call: Call<'_>) -> Outcome {
    let made_here = Sentence::Making(Making::MadeHere);
    let mut lines = vec![Sentence::PersonaChoices.say(call.language)];
    lines.extend(call.library().iter().map(|persona| {
        let languages: Vec<&str> = persona
            .languages
            .iter()
            .map(|language| language.code())
            .collect();
        let line = format!(
            "{} – {} ({})",
            persona.id,
            persona.name,
            languages.join(", ")
        );
        if studio::is_made_here(&call, persona) {
            format!("{line}, {}", made_here.say(call.language))
        } else {
            line
        }
    }));
    call.say(lines.join("\n")).await
}

async fn set(call: Call<'_>) -> Outcome {
    let personas = named(&call, call.argument("name").unwrap_or_default()).await?;
    let ids: Vec<PersonaId> = personas.iter().map(|persona| persona.id.clone()).collect();
    change(call, Some(ids)).await
}

async fn reset(call: Call<'_>) -> Outcome {
    change(call, None).await
}

/// Changes who answers, and says who does from now on, and where somebody else does.
async fn change(call: Call<'_>, ids: Option<Vec<PersonaId>>) -> Outcome {
    call.ctx
        .rules
        .change(call.level(), |rules| rules.personas.clone_from(&ids))
        .await?;
    let inbound = call.admitted.inbound();
    let there = Inbound {
        levels: call.outwards().to_vec(),
        persona: None,
        ..inbound.clone()
    };
    let persona = call.ctx.persona_for(&there)?;
    let name = persona.name.clone();
    let set = if there.levels.len() == inbound.levels.len() {
        Sentence::PersonaSet { name }
    } else {
        let kind = call.level().kind;
        Sentence::PersonaSetEverywhere { name, kind }
    };
    let mut lines = vec![set.say(call.language)];
    let others: Vec<PersonaId> = call.ctx.rules_at(&there.levels).personas.rule;
    let others: Vec<PersonaId> = others.into_iter().filter(|id| *id != persona.id).collect();
    if !others.is_empty() {
        let names = names(&call, &others);
        lines.push(Sentence::PersonaOthers { names }.say(call.language));
    }
    let here = call.rules().personas;
    if let Some(kind) = call.keeps_its_own(here.from.as_ref()) {
        let names = names(&call, &here.rule);
        lines.push(Sentence::KeepsItsOwnPersonas { kind, names }.say(call.language));
    } else {
        let id = persona.id.to_string();
        call.out.show(Show::Persona { id }).await;
    }
    call.say(lines.join("\n")).await
}

/// The personas of a line of names. All of it may be one name, as names may have spaces.
async fn named(call: &Call<'_>, line: &str) -> Result<Vec<Arc<Persona>>, Trouble> {
    let library = call.library();
    if let Some(persona) = library.find(line) {
        return Ok(vec![Arc::clone(persona)]);
    }
    let mut personas: Vec<Arc<Persona>> = Vec::new();
    for name in line
        .split([' ', ','])
        .filter(|name| !name.trim().is_empty())
    {
        let Some(persona) = library.find(name) else {
            return Err(match studio::unpublished(call, name).await? {
                Some(id) => Trouble::Told(Sentence::Making(Making::NotPublished { id })),
                None => unknown(call, name),
            });
        };
        if !personas.iter().any(|known| known.id == persona.id) {
            personas.push(Arc::clone(persona));
        }
    }
    if personas.is_empty() {
        return Err(unknown(call, line));
    }
    Ok(personas)
}

/// There is nobody of this name; somebody of a similar one is named.
pub(super) fn unknown(call: &Call<'_>, typed: &str) -> Trouble {
    Trouble::Told(Sentence::UnknownPersona {
        typed: typed.to_owned(),
        nearest: call.library().nearest(typed).map(ToString::to_string),
    })
}
