//! Every sentence that the bot says itself, in Korean and English. Not for errors that operators read, and not for what personas say.

use chatfriends_personas::Language;

use self::making::Making;
use crate::attention::Silence;
use crate::commands::Source;
use crate::identity::{LevelKind, PlaceKind, Platform, Rank};
use crate::outlet::{Ending, TroubleKind};
use crate::rules::Answers;

pub mod making;

/// A sentence for a person. It says what they can do; causes go to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentences below say what each one means")]
pub enum Sentence {
    Empty,
    TooLong {
        limit: usize,
    },
    TooManyWaiting,
    PromptTooLong,
    /// What is wrong with the form that a program asked for.
    Formless(String),
    EngineStarting,
    EngineFailed,
    ShuttingDown,
    NoReply,
    ReplyCut,
    ReplyTookTooLong,
    StoreTrouble,
    ReplyNotKept,
    Fault,
    UnknownCommand {
        typed: String,
        nearest: Option<String>,
    },
    UnknownPersona {
        typed: String,
        nearest: Option<String>,
    },
    PersonaIs {
        name: String,
        id: String,
        origin: String,
    },
    PersonaOthers {
        names: String,
    },
    PersonaAbout {
        name: String,
        id: String,
        languages: Vec<Language>,
        from: Source,
    },
    SetHere,
    SetEverywhere(LevelKind),
    SetNowhere,
    Inherited(LevelKind),
    NotAllowed {
        needs: Rank,
    },
    Introduction,
    TalksWithAi,
    StillTalksWithAi,
    Privacy,
    SafetyProtocol,
    Stats {
        turns: usize,
        facts: usize,
    },
    RulePersonas {
        names: String,
    },
    RuleAnswers(Answers),
    RuleQuiet {
        hours: Option<String>,
    },
    /// How many, and where they are counted; `None` for any number.
    RulePerPerson(Option<(u32, LevelKind)>),
    RulePerPlace(Option<(u32, LevelKind)>),
    KeepsItsOwnRule {
        kind: LevelKind,
        rule: String,
    },
    NoHours {
        typed: String,
    },
    NoZone {
        typed: String,
    },
    NoSpan,
    NoNumber {
        typed: String,
    },
    LogEmpty,
    PersonaSet {
        name: String,
    },
    PersonaSetEverywhere {
        name: String,
        kind: LevelKind,
    },
    KeepsItsOwnPersonas {
        kind: LevelKind,
        names: String,
    },
    WorksElsewhere {
        works: PlaceKind,
    },
    PersonaChoices,
    MemoryEmpty,
    MemoryHeld,
    MemoryNothingNoted,
    MemorySummary,
    MemoryTurns {
        turns: usize,
    },
    MemoryHowToForget,
    MemoryLineForgotten {
        line: String,
    },
    /// What still tells what was just forgotten, and how that goes away in this app.
    MemoryWordsKept {
        platform: Platform,
    },
    MemoryNoSuchLine {
        typed: String,
    },
    MemoryAllForgotten {
        turns: usize,
    },
    StartedAnew,
    NothingToRegenerate,
    NotTheLastReply,
    WordsOnly,
    TooOld,
    AnswersNoMore,
    NotYourReply,
    CommandInterrupted,
    OnlyInPrivate,
    OnlyToPeople,
    OnlyFromMenu,
    RankFromMenu,
    MayBeMissing,
    Profile,
    ShortProfile,
    WhySilent(Silence),
    Stopped,
    NothingToStop,
    WhyNothing,
    WhyMadeBy {
        persona: String,
        model: String,
    },
    WhyShown {
        turns: usize,
        left_out: usize,
    },
    WhyTokens {
        prompt: u32,
        cached: u32,
        reply: u32,
        limit: u32,
    },
    WhyEnded(Ending),
    WhyNoNotes,
    WhyNotes,
    TerminalHint,
    NotUtf8,
    Commands,
    Usage {
        usage: String,
    },
    Making(Making),
}

impl Sentence {
    /// What a program makes of the sentence, where it says why there is no reply.
    #[must_use]
    pub fn trouble(&self) -> TroubleKind {
        match self {
            Self::TooManyWaiting => TroubleKind::Busy,
            Self::UnknownPersona { .. } => TroubleKind::UnknownPersona,
            Self::EngineStarting
            | Self::EngineFailed
            | Self::ShuttingDown
            | Self::NoReply
            | Self::StoreTrouble => TroubleKind::Unavailable,
            Self::Fault => TroubleKind::Fault,
            _ => TroubleKind::Message,
        }
    }

    /// The sentence in one language.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        let (english, korean) = self.in_both();
        match language {
            Language::English => english,
            Language::Korean => korean,
        }
    }

    /// The sentence in English and in Korean.
    fn in_both(&self) -> (String, String) {
        match self {
            Self::Empty => both("Please write something.", "할 말을 적어 주세요."),
            Self::TooLong { limit } => both(
                format!("That message is too long. Please keep it under {limit} characters."),
                format!("메시지가 너무 길어요. {limit}자 안으로 줄여 주세요."),
            ),
            Self::TooManyWaiting => both(
                "One moment, please: your earlier messages come first.",
                "잠시만요, 먼저 보낸 메시지부터 답할게요.",
            ),
            Self::PromptTooLong => both(
                "That is more than I can read at once. Please send it in shorter pieces.",
                "한 번에 읽기에는 너무 길어요. 짧게 나누어 보내 주세요.",
            ),
            Self::Formless(reason) => both(
                format!("The reply cannot be given the form that was asked for: {reason}"),
                format!("요청한 형식으로는 답할 수 없어요: {reason}"),
            ),
            Self::EngineStarting => both(
                "I am still waking up. Please try again in a moment.",
                "아직 준비하고 있어요. 잠시 뒤에 다시 말을 걸어 주세요.",
            ),
            Self::EngineFailed => both(
                "I cannot answer at the moment. Please tell whoever runs me, and try again later.",
                "지금은 답할 수 없어요. 운영자에게 알려 주시고, 나중에 다시 말을 걸어 주세요.",
            ),
            Self::ShuttingDown => both(
                "I am being switched off just now. Please try again in a moment.",
                "지금 꺼지는 중이에요. 잠시 뒤에 다시 말을 걸어 주세요.",
            ),
            Self::NoReply => both(
                "I lost my train of thought. Please say it again.",
                "생각이 끊겼어요. 다시 말해 주세요.",
            ),
            Self::ReplyCut => both("(My reply broke off here.)", "(답이 여기서 끊겼어요.)"),
            Self::ReplyTookTooLong => both(
                "(I ran out of time here.)",
                "(시간이 다 되어 여기서 멈췄어요.)",
            ),
            Self::StoreTrouble => both(
                "I cannot reach my memory at the moment. Please try again later.",
                "지금은 기억에 접근할 수 없어요. 나중에 다시 시도해 주세요.",
            ),
            Self::ReplyNotKept => both(
                "(I could not store this reply, so I will not remember it.)",
                "(이 답은 저장하지 못해서 기억하지 못할 거예요.)",
            ),
            Self::Fault => both(
                "Something went wrong on my side. Please try again.",
                "제 쪽에서 문제가 생겼어요. 다시 시도해 주세요.",
            ),
            Self::UnknownCommand {
                typed,
                nearest: Some(nearest),
            } => both(
                format!("I do not know {typed}. Did you mean /{nearest}?"),
                format!("{typed} 명령은 없어요. 혹시 ‘/{nearest}’인가요?"),
            ),
            Self::UnknownCommand {
                typed,
                nearest: None,
            } => both(
                format!("I do not know {typed}. /help shows what I know."),
                format!("{typed} 명령은 없어요. ‘/도움말’에 쓸 수 있는 명령이 있어요."),
            ),
            Self::UnknownPersona {
                typed,
                nearest: Some(nearest),
            } => both(
                format!("There is no persona {typed}. Did you mean {nearest}?"),
                format!("{typed} 페르소나는 없어요. 혹시 {nearest}인가요?"),
            ),
            Self::UnknownPersona {
                typed,
                nearest: None,
            } => both(
                format!("There is no persona {typed}. /persona list shows all."),
                format!("{typed} 페르소나는 없어요. ‘/페르소나 목록’에서 볼 수 있어요."),
            ),
            Self::PersonaIs { name, id, origin } => both(
                format!("You talk with {name} ({id}), {origin}."),
                format!("여기서는 {name}({id}) 페르소나가 답해요. ({origin})"),
            ),
            Self::PersonaOthers { names } => both(
                format!("Called by name, these answer, too: {names}."),
                format!("이름을 부르면 답하는 페르소나: {names}"),
            ),
            Self::PersonaAbout {
                name,
                id,
                languages,
                from,
            } => {
                let spoken = |words: fn(&Language) -> &'static str, between: &str| {
                    let words: Vec<&str> = languages.iter().map(words).collect();
                    words.join(between)
                };
                let english = spoken(
                    |language| match language {
                        Language::English => "English",
                        Language::Korean => "Korean",
                    },
                    " and ",
                );
                let korean = spoken(
                    |language| match language {
                        Language::English => "영어",
                        Language::Korean => "한국어",
                    },
                    "와 ",
                );
                let (from_english, from_korean) = match from {
                    Source::Shipped => ("comes with chatfriends", "chatfriends에 들어 있어요"),
                    Source::File => (
                        "comes from a file of whoever runs me",
                        "운영자가 파일로 만들었어요",
                    ),
                    Source::Command => ("was made here", "이곳에서 만들었어요"),
                };
                both(
                    format!("{name} ({id}) speaks {english} and {from_english}."),
                    format!("{name}({id}) 페르소나는 {korean}로 말하고, {from_korean}."),
                )
            }
            Self::SetHere => both("chosen here", "여기서 정함"),
            Self::SetEverywhere(kind) => {
                let (english, korean) = whole(*kind);
                both(
                    format!("everywhere in {english}"),
                    format!("{korean}에 정함"),
                )
            }
            Self::SetNowhere => both("the default", "기본값"),
            Self::Inherited(kind) => both(
                match kind {
                    LevelKind::Thread => "inherited from the thread",
                    LevelKind::Channel => "inherited from the channel",
                    LevelKind::Server => "inherited from the server",
                    LevelKind::Group => "inherited from the group",
                    LevelKind::Chat => "inherited from the chat",
                },
                match kind {
                    LevelKind::Thread => "스레드에서 물려받음",
                    LevelKind::Channel => "채널에서 물려받음",
                    LevelKind::Server => "서버에서 물려받음",
                    LevelKind::Group => "그룹에서 물려받음",
                    LevelKind::Chat => "대화에서 물려받음",
                },
            ),
            Self::NotAllowed { needs } => both(
                match needs {
                    Rank::Member | Rank::ManagesChannel => {
                        "Only people who manage this channel or group can do that."
                    }
                    Rank::ManagesAll => {
                        "Only people who manage the whole server or group can do that."
                    }
                },
                match needs {
                    Rank::Member | Rank::ManagesChannel => {
                        "이 채널이나 그룹을 관리하는 사람만 할 수 있어요."
                    }
                    Rank::ManagesAll => "서버나 그룹 전체를 관리하는 사람만 할 수 있어요.",
                },
            ),
            Self::TalksWithAi => both(
                "You are talking with an AI, not with a person, and what it says can be wrong. /privacy tells what is kept, /safety whom to call when things are hard.",
                "사람이 아니라 AI와 이야기하고 계세요. 하는 말이 틀릴 때도 있어요. 무엇을 보관하는지는 ‘/개인정보’, 힘들 때 전화할 곳은 ‘/안전’에 있어요.",
            ),
            Self::StillTalksWithAi => both(
                "You have been talking for three hours. Remember that this is an AI, not a person; a break may do you good.",
                "세 시간 동안 이야기하셨어요. 상대는 사람이 아니라 AI라는 걸 기억해 주세요. 잠깐 쉬었다 오는 것도 좋아요.",
            ),
            Self::Introduction => both(
                "I am an AI, not a person. I keep what you tell me here so that I can remember it, in this place only; /memory shows it and deletes it. I can be wrong. /help shows what I can do, /privacy what I keep, /safety whom to call when things are hard.",
                "저는 사람이 아니라 AI예요. 여기서 들려준 말은 기억하려고 이곳에서만 보관하고, ‘/기억’에서 보거나 지울 수 있어요. 틀릴 때도 있어요. 할 수 있는 일은 ‘/도움말’, 보관하는 것은 ‘/개인정보’, 힘들 때 전화할 곳은 ‘/안전’에 있어요.",
            ),
            Self::Privacy => both(
                "What I keep: your words and my replies, the name this app shows for you, short facts from your words such as what you like, and a summary of earlier talk, all under your id in this app. What you say in private is used in private only; what you say in a channel or group is used there only. Of moderators I also keep the commands that changed something, with name and id, and the drafts of the personas they make. It lies on the machine of whoever runs me, and goes to no one else unless they use a model server. /memory show lists what I remember of you, /memory forget deletes a line or all of it, /memory export gives it to you. Words that sound like suicide or self-harm are kept nowhere.",
                "보관하는 것: 나눈 말, 앱에 보이는 이름, 나눈 말에서 알게 된 짧은 사실(좋아하는 것 등), 지난 이야기의 요약을 이 앱의 사용자 번호로 보관해요. 개인 대화에서 한 말은 개인 대화에서만, 채널이나 그룹에서 한 말은 그곳에서만 써요. 관리자의 경우에는 무언가를 바꾼 명령을 이름, 사용자 번호와 함께 남기고, 만들고 있는 페르소나의 초안도 보관해요. 저를 운영하는 사람의 컴퓨터에 있고, 모델 서버를 따로 쓰지 않는 한 다른 곳으로 가지 않아요. 기억하는 것 보기: ‘/기억 보기’, 한 줄이나 전부 지우기: ‘/기억 삭제’, 전부 받기: ‘/기억 내보내기’. 죽고 싶다거나 자신을 해치고 싶다는 말은 어디에도 보관하지 않아요.",
            ),
            Self::SafetyProtocol => both(
                "Words of suicide or self-harm are answered at once with people to call, in every place and by every persona, also when the model is down. They are kept nowhere. I am no substitute for a person who can help.",
                "죽고 싶다거나 자신을 해치고 싶다는 말에는 어디서나, 어떤 페르소나든, 모델이 멈춰 있어도 바로 전화할 곳을 알려 드려요. 그 말은 보관하지 않아요. 저는 도와줄 수 있는 사람을 대신하지 못해요.",
            ),
            Self::Stats { turns: 0, facts: 0 } => both(
                "We have not talked here yet.",
                "여기서 아직 나눈 말이 없어요.",
            ),
            Self::Stats { turns: 0, facts } => both(
                format!(
                    "None of our talk is kept here, but I remember {} about you.",
                    counted(*facts, "thing")
                ),
                format!("여기에 남아 있는 대화는 없지만, 기억하는 것은 {facts}가지예요."),
            ),
            Self::Stats { turns, facts } => both(
                format!(
                    "We have had {} here, and I remember {} about you.",
                    counted(*turns, "exchange"),
                    counted(*facts, "thing")
                ),
                format!("여기서 말을 {turns}번 주고받았고, 기억하는 것은 {facts}가지예요."),
            ),
            Self::RulePersonas { names } => both(
                format!("Who answers: {names}"),
                format!("답하는 페르소나: {names}"),
            ),
            Self::RuleAnswers(answers) => both(
                match answers {
                    Answers::Called => {
                        "I answer when I am mentioned, replied to, or called by name."
                    }
                    Answers::Everything => "I answer every message.",
                    Answers::Nothing => "I answer nothing but commands.",
                },
                match answers {
                    Answers::Called => "부를 때만 답해요(멘션, 답장, 이름).",
                    Answers::Everything => "모든 메시지에 답해요.",
                    Answers::Nothing => "명령에만 답해요.",
                },
            ),
            Self::RuleQuiet { hours: None } => both("Quiet hours: none.", "조용한 시간: 없음"),
            Self::RuleQuiet { hours: Some(hours) } => both(
                format!("Quiet hours: {hours}"),
                format!("조용한 시간: {hours}"),
            ),
            Self::RulePerPerson(None) => both(
                "Messages of one person answered in an hour: any number.",
                "한 사람이 한 시간에 받을 수 있는 답: 제한 없음",
            ),
            Self::RulePerPerson(Some((hourly, kind))) => {
                let (english, korean) = whole(*kind);
                both(
                    format!("Messages of one person answered in an hour in {english}: {hourly}"),
                    format!("한 사람이 {korean}에서 한 시간에 받을 수 있는 답: {hourly}개"),
                )
            }
            Self::RulePerPlace(None) => both(
                "Messages answered in an hour: any number.",
                "한 시간에 하는 답: 제한 없음",
            ),
            Self::RulePerPlace(Some((hourly, kind))) => {
                let (english, korean) = whole(*kind);
                both(
                    format!("Messages answered in an hour in {english} altogether: {hourly}"),
                    format!("{korean}에서 한 시간에 하는 답: 모두 {hourly}개"),
                )
            }
            Self::KeepsItsOwnRule { kind, rule } => {
                let (english, korean) = own(*kind);
                both(
                    format!("{english} keeps its own rule: {rule}"),
                    format!("{korean} 따로 정한 대로 해요: {rule}"),
                )
            }
            Self::NoHours { typed } => both(
                format!(
                    "I cannot read {typed} as hours. Write them like 23:00-07:00 Asia/Seoul, or never."
                ),
                format!(
                    "{typed}: 알 수 없는 시간이에요. ‘23:00-07:00 Asia/Seoul’이나 ‘없음’처럼 적어 주세요."
                ),
            ),
            Self::NoZone { typed } => both(
                format!("I do not know the time zone {typed}; write Asia/Seoul."),
                format!("시간대 {typed}: 모르는 시간대예요. Asia/Seoul처럼 적어 주세요."),
            ),
            Self::NoSpan => both(
                "These hours begin and end at the same time. Write two times, such as 23:00-07:00.",
                "시작과 끝이 같은 시각이에요. ‘23:00-07:00’처럼 서로 다른 두 시각을 적어 주세요.",
            ),
            Self::NoNumber { typed } => both(
                format!("{typed} is not a number. Write one like 30; 0 means any number."),
                format!("{typed}: 숫자가 아니에요. ‘30’처럼 적어 주세요. 0은 제한 없음이에요."),
            ),
            Self::LogEmpty => both(
                "Nothing was changed here yet.",
                "여기서 바뀐 것이 아직 없어요.",
            ),
            Self::PersonaSet { name } => both(
                format!("From now on {name} answers here."),
                format!("이제부터 여기서는 {name} 페르소나가 답해요."),
            ),
            Self::PersonaSetEverywhere { name, kind } => {
                let (english, korean) = whole(*kind);
                both(
                    format!("{name} answers everywhere in {english} from now on."),
                    format!("이제부터 {korean}에서 {name} 페르소나가 답해요."),
                )
            }
            Self::KeepsItsOwnPersonas { kind, names } => {
                let (english, korean) = own(*kind);
                both(
                    format!("{english} keeps its own choice: {names}."),
                    format!("{korean} 따로 정한 페르소나를 그대로 써요: {names}"),
                )
            }
            Self::WorksElsewhere { works } => both(
                match works {
                    PlaceKind::Screen | PlaceKind::Private => {
                        "Here I answer everything at all times. That works on Discord and Telegram."
                    }
                    PlaceKind::Shared => {
                        "That works in a server or group. Please give this command there."
                    }
                },
                match works {
                    PlaceKind::Screen | PlaceKind::Private => {
                        "여기서는 언제나 모든 말에 답해요. 이 명령은 디스코드와 텔레그램에서 쓸 수 있어요."
                    }
                    PlaceKind::Shared => {
                        "서버나 그룹 안에서 쓰는 명령이에요. 쓰려는 곳에서 이 명령을 써 주세요."
                    }
                },
            ),
            Self::PersonaChoices => both("You can talk with:", "이야기할 수 있는 친구들:"),
            Self::MemoryEmpty => both(
                "I remember nothing about you here yet.",
                "여기서는 아직 기억하는 것이 없어요.",
            ),
            Self::MemoryHeld => both(
                "This is what I remember about you here:",
                "여기서 기억하고 있는 것들이에요:",
            ),
            Self::MemoryNothingNoted => both(
                "I have noted nothing about you here yet.",
                "여기서 따로 적어 둔 것은 아직 없어요.",
            ),
            Self::MemorySummary => both("From earlier talk:", "지난 이야기에서:"),
            Self::MemoryTurns { turns } => both(
                format!("Kept in full: {}", counted(*turns, "exchange")),
                format!("전체를 보관하는 대화: {turns}번"),
            ),
            Self::MemoryHowToForget => both(
                "/memory forget NUMBER forgets a line, /memory forget all everything, and /memory export gives you all of it.",
                "‘/기억 삭제 번호’는 한 줄을, ‘/기억 삭제 전체’는 모두 지우고, ‘/기억 내보내기’는 전부 파일로 드려요.",
            ),
            Self::MemoryLineForgotten { line } => {
                both(format!("Forgotten: {line}"), format!("지웠어요: {line}"))
            }
            // Telegram tells bots of no deletions.
            Self::MemoryWordsKept {
                platform: Platform::Discord,
            } => both(
                "The messages in which you said it stay in our conversation until you delete them here in Discord, or everything with /memory forget all.",
                "그 말을 한 메시지는 대화에 남아 있어요. 디스코드에서 그 메시지를 지우거나 ‘/기억 삭제 전체’로 모두 지우면 사라져요.",
            ),
            Self::MemoryWordsKept {
                platform: Platform::Telegram | Platform::Web,
            } => both(
                "The messages in which you said it stay in our conversation until you delete everything with /memory forget all.",
                "그 말을 한 메시지는 대화에 남아 있어요. ‘/기억 삭제 전체’로 모두 지우면 사라져요.",
            ),
            Self::MemoryNoSuchLine { typed } => both(
                format!("There is no line {typed}. /memory shows the lines."),
                format!("{typed}번 줄은 없어요. ‘/기억’에서 볼 수 있어요."),
            ),
            Self::MemoryAllForgotten { turns } => both(
                format!(
                    "Everything is forgotten: what I knew about you here and {}.",
                    counted(*turns, "exchange")
                ),
                format!("모두 지웠어요. 여기서 알던 것과 {turns}번 주고받은 말이 사라졌어요."),
            ),
            Self::StartedAnew => both(
                "A fresh start. What I know about you stays; /memory shows it.",
                "새로 시작해요. 알고 있는 것은 남아 있고 ‘/기억’에서 볼 수 있어요.",
            ),
            Self::NothingToRegenerate => both(
                "There is nothing to answer again yet.",
                "아직 다시 답할 것이 없어요.",
            ),
            Self::Stopped => both("Stopped.", "멈췄어요."),
            Self::NothingToStop => both(
                "I am not saying anything at the moment.",
                "지금은 말하고 있지 않아요.",
            ),
            Self::WhyNothing => both(
                "There is no reply to you here that I could explain. What a reply was based on I only keep until my next restart.",
                "여기서 설명해 드릴 답이 없어요. 답이 무엇을 바탕으로 했는지는 제가 다시 시작할 때까지만 남아 있어요.",
            ),
            Self::WhyMadeBy { persona, model } => both(
                format!("{persona} answered with the model {model}."),
                format!("{persona} 페르소나가 {model} 모델로 답했어요."),
            ),
            Self::WhyShown { turns, left_out: 0 } => both(
                format!(
                    "I was shown {} of this conversation.",
                    counted(*turns, "exchange")
                ),
                format!("이 대화에서 {turns}번 주고받은 말을 참고했어요."),
            ),
            Self::WhyShown { turns: 0, left_out } => both(
                format!(
                    "For want of room I was not shown {} of this conversation.",
                    counted(*left_out, "exchange")
                ),
                format!("이 대화에서 {left_out}번 주고받은 말은 자리가 모자라 뺐어요."),
            ),
            Self::WhyShown { turns, left_out } => both(
                format!(
                    "I was shown {} of this conversation, and for want of room not {left_out} more.",
                    counted(*turns, "exchange")
                ),
                format!(
                    "이 대화에서 {turns}번 주고받은 말을 참고했고, {left_out}번은 자리가 모자라 뺐어요."
                ),
            ),
            Self::WhyTokens {
                prompt,
                cached,
                reply,
                limit,
            } => both(
                format!(
                    "Prompt: {} ({cached} of them computed before), reply: {reply}, limit: {limit}.",
                    counted(*prompt, "token")
                ),
                format!(
                    "프롬프트 {prompt}토큰(그중 {cached}개는 이미 계산됨), 답 {reply}토큰, 한도 {limit}토큰."
                ),
            ),
            Self::WhyEnded(ending) => both(
                match ending {
                    Ending::Complete => "The reply ended by itself.",
                    Ending::Length => "The reply reached its longest length.",
                    Ending::Stopped => "The reply was stopped.",
                    Ending::Deadline => "The reply ran out of time.",
                    Ending::Broken => "The model broke off in the middle of the reply.",
                },
                match ending {
                    Ending::Complete => "답을 끝까지 마쳤어요.",
                    Ending::Length => "최대 길이에 이르러 답을 끝냈어요.",
                    Ending::Stopped => "답을 도중에 멈췄어요.",
                    Ending::Deadline => "답할 시간이 다 되었어요.",
                    Ending::Broken => "답하는 중에 모델이 멈췄어요.",
                },
            ),
            Self::WhyNoNotes => both(
                "I was given no notes with your message.",
                "따로 적어 둔 메모는 쓰지 않았어요.",
            ),
            Self::WhyNotes => both(
                "I was given these notes with your message:",
                "답할 때 함께 참고한 메모:",
            ),
            Self::NotTheLastReply => both(
                "Only my last reply here can be made again.",
                "마지막 답만 다시 할 수 있어요.",
            ),
            Self::WordsOnly => both(
                "I can only read words. What is it about?",
                "저는 글만 읽을 수 있어요. 어떤 내용인가요?",
            ),
            Self::TooOld => both("That was too long ago for me.", "너무 오래된 메시지예요."),
            Self::AnswersNoMore => both(
                "Whoever said that does not answer here any more.",
                "그 답을 한 페르소나는 이제 여기서 답하지 않아요.",
            ),
            Self::NotYourReply => both(
                "That is for the person I answered, or for a moderator.",
                "답을 받은 사람이나 관리자만 할 수 있어요.",
            ),
            Self::CommandInterrupted => both(
                "I was switched off in the middle of that. Please check whether it was done, and ask again if not.",
                "명령을 처리하다가 제가 꺼졌어요. 적용되었는지 확인하고, 안 되었으면 다시 명령해 주세요.",
            ),
            Self::OnlyInPrivate => both(
                "I can only tell you that in private. Press the button, then Start.",
                "그건 개인 대화에서만 알려 드릴 수 있어요. 버튼을 누른 뒤 ‘시작’을 눌러 주세요.",
            ),
            Self::OnlyToPeople => both(
                "I can only tell that in private. Please ask under your own name.",
                "그건 개인 대화에서만 알려 드릴 수 있어요. 본인 이름으로 물어봐 주세요.",
            ),
            Self::OnlyFromMenu => both(
                "I can only tell you that in private. Type / and choose the command from the menu that opens: what I answer there only you can see.",
                "그건 본인에게만 보이게 알려 드릴 수 있어요. ‘/’를 입력해 열리는 메뉴에서 명령을 골라 주세요.",
            ),
            Self::RankFromMenu => both(
                "Not everybody may do that, and I only learn what you may do when you choose the command: type / and choose it from the menu that opens.",
                "아무나 할 수 있는 일이 아니라서 권한을 확인해야 해요. ‘/’를 입력하면 열리는 메뉴에서 명령을 골라 주세요.",
            ),
            Self::MayBeMissing => both(
                "I am not sure that all of my answer arrived. If something is missing, please ask me again.",
                "답이 모두 도착했는지 확실하지 않아요. 빠진 것이 있으면 다시 물어봐 주세요.",
            ),
            Self::Profile => both(
                "Personas to talk with, alone or in groups. I am an AI, and what I say can be wrong. I remember what you tell me: /memory shows it and forgets it, /privacy says what is kept. /help shows the rest.",
                "혼자서도, 그룹에서도 이야기할 수 있는 페르소나들이에요. 저는 AI라서 틀린 말을 할 수 있어요. 들려준 이야기는 기억해요. /memory로 보거나 지우고, /privacy에서 무엇을 남기는지 볼 수 있어요. 나머지는 /help에 있어요.",
            ),
            Self::ShortProfile => both(
                "AI personas to talk with, alone or in groups.",
                "혼자서도, 그룹에서도 이야기할 수 있는 AI 페르소나들이에요.",
            ),
            Self::WhySilent(silence) => both(
                match silence {
                    Silence::Bot => "I stayed silent because I do not answer bots.",
                    Silence::NotCalled => {
                        "I stayed silent because I was not called: mention me, reply to a message of mine, or call me by name with a comma (“Joey, …”)."
                    }
                    Silence::NotHere => "I stayed silent because a moderator switched me off here.",
                    Silence::QuietHours => "I stayed silent because these are quiet hours here.",
                    Silence::TooMuch => {
                        "I stayed silent because as many messages were answered in the last hour as a moderator allows."
                    }
                    Silence::NoWords => "I stayed silent because there were no words in it.",
                },
                match silence {
                    Silence::Bot => "봇에게는 답하지 않아서 조용히 있었어요.",
                    Silence::NotCalled => {
                        "부르지 않아서 조용히 있었어요: 저를 멘션하거나, 제 말에 답장하거나, ‘조이야’처럼 부르거나 이름 뒤에 쉼표를 써 주세요."
                    }
                    Silence::NotHere => "관리자가 여기서는 꺼 두어서 조용히 있었어요.",
                    Silence::QuietHours => "지금은 조용한 시간이라 답하지 않았어요.",
                    Silence::TooMuch => "관리자가 정한 한 시간의 답을 다 써서 조용히 있었어요.",
                    Silence::NoWords => "글이 없어서 조용히 있었어요.",
                },
            ),
            Self::TerminalHint => both(
                "(/help shows the commands, Ctrl-C stops a reply, /quit or Ctrl-D ends)",
                "(‘/도움말’에 명령이 있어요. Ctrl-C는 답을 멈추고, ‘/나가기’나 Ctrl-D는 끝내요)",
            ),
            Self::NotUtf8 => both(
                "That line is not UTF-8 text; please send it as UTF-8.",
                "이 줄은 UTF-8 글자가 아니에요. UTF-8로 보내 주세요.",
            ),
            Self::Commands => both("These commands work here:", "쓸 수 있는 명령이에요:"),
            Self::Usage { usage } => {
                both(format!("Usage: {usage}"), format!("이렇게 써요: {usage}"))
            }
            Self::Making(sentence) => sentence.in_both(),
        }
    }
}

/// A level with all that is in it.
fn whole(kind: LevelKind) -> (&'static str, &'static str) {
    match kind {
        LevelKind::Thread => ("this thread", "이 스레드"),
        LevelKind::Channel => ("this channel", "이 채널"),
        LevelKind::Server => ("this server", "서버 전체"),
        LevelKind::Group => ("this group", "그룹 전체"),
        LevelKind::Chat => ("this chat", "이 대화"),
    }
}

/// A level that does something.
fn own(kind: LevelKind) -> (&'static str, &'static str) {
    match kind {
        LevelKind::Thread => ("This thread", "이 스레드는"),
        LevelKind::Channel => ("This channel", "이 채널은"),
        LevelKind::Server => ("This server", "이 서버는"),
        LevelKind::Group => ("This group", "이 그룹은"),
        LevelKind::Chat => ("This chat", "이 대화는"),
    }
}

fn both(english: impl Into<String>, korean: impl Into<String>) -> (String, String) {
    (english.into(), korean.into())
}

/// A number of things, in English.
fn counted(number: impl std::fmt::Display, thing: &str) -> String {
    let number = number.to_string();
    let ending = if number == "1" { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_things() {
        let said = |turns, facts| Sentence::Stats { turns, facts }.say(Language::English);
        assert_eq!(
            said(1, 1),
            "We have had 1 exchange here, and I remember 1 thing about you."
        );
        assert_eq!(
            said(2, 0),
            "We have had 2 exchanges here, and I remember 0 things about you."
        );
        assert_eq!(said(0, 0), "We have not talked here yet.");
    }

    /// Discord takes no longer message.
    #[test]
    fn what_is_kept_is_told_in_one_message() {
        for language in [Language::English, Language::Korean] {
            assert!(Sentence::Privacy.say(language).chars().count() < 2_000);
        }
    }
}
