//! Every sentence that the bot says itself, in Korean and English. Not for errors that operators read, and not for what personas say.

use chatfriends_personas::Language;

use crate::outlet::{Ending, TroubleKind};

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
        nearest: Option<&'static str>,
    },
    UnknownPersona {
        typed: String,
        nearest: Option<String>,
    },
    PersonaIs {
        name: String,
        id: String,
        chosen: bool,
    },
    PersonaSet {
        name: String,
    },
    PersonaChoices,
    MemoryEmpty,
    MemoryHeld,
    MemorySummary,
    MemoryHowToForget,
    MemoryFactForgotten,
    MemoryNoSuchFact {
        typed: String,
    },
    MemoryAllForgotten {
        turns: usize,
    },
    StartedAnew,
    NothingToRegenerate,
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
            Self::PersonaIs {
                name,
                id,
                chosen: true,
            } => both(
                format!("You talk with {name} ({id}), chosen here."),
                format!("여기서는 {name}({id}) 페르소나를 골라 두었어요."),
            ),
            Self::PersonaIs {
                name,
                id,
                chosen: false,
            } => both(
                format!("You talk with {name} ({id}), the default."),
                format!("기본인 {name}({id}) 페르소나와 이야기하고 있어요."),
            ),
            Self::PersonaSet { name } => both(
                format!("From now on {name} answers here."),
                format!("이제부터 여기서는 {name} 페르소나가 답해요."),
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
            Self::MemorySummary => both("From earlier talk:", "지난 이야기에서:"),
            Self::MemoryHowToForget => both(
                "/memory forget NUMBER forgets a line, /memory forget all everything.",
                "‘/기억 삭제 번호’는 한 줄을, ‘/기억 삭제 전체’는 모두 지워요.",
            ),
            Self::MemoryFactForgotten => both("Forgotten.", "지웠어요."),
            Self::MemoryNoSuchFact { typed } => both(
                format!("There is no line {typed}. /memory shows the lines."),
                format!("{typed}번 줄은 없어요. ‘/기억’에서 볼 수 있어요."),
            ),
            Self::MemoryAllForgotten { turns } => both(
                format!(
                    "Everything is forgotten: what I knew about you here and {turns} messages."
                ),
                format!("모두 지웠어요. 여기서 알던 것과 메시지 {turns}개가 사라졌어요."),
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
                "I have not answered here since I was started.",
                "시작한 뒤로 여기서 답한 적이 없어요.",
            ),
            Self::WhyMadeBy { persona, model } => both(
                format!("{persona} answered with the model {model}."),
                format!("{persona} 페르소나가 {model} 모델로 답했어요."),
            ),
            Self::WhyShown { turns, left_out } => both(
                format!(
                    "Exchanges of this conversation shown to it: {turns}; left out for want of room: {left_out}."
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
                    "Prompt {prompt} tokens ({cached} of them computed before), reply {reply}, limit {limit}."
                ),
                format!(
                    "프롬프트 {prompt}토큰(그중 {cached}개는 계산해 둔 것), 답 {reply}토큰, 한도 {limit}토큰."
                ),
            ),
            Self::WhyEnded(ending) => both(
                match ending {
                    Ending::Complete => "The reply ended by itself.",
                    Ending::Length => "The reply reached its longest length.",
                    Ending::Stopped => "The reply was stopped.",
                    Ending::Deadline => "The reply ran out of time.",
                    Ending::Broken => "The engine went away in the middle of the reply.",
                },
                match ending {
                    Ending::Complete => "답은 스스로 끝났어요.",
                    Ending::Length => "답이 정해진 길이에 닿았어요.",
                    Ending::Stopped => "답을 도중에 멈췄어요.",
                    Ending::Deadline => "답할 시간이 다 되었어요.",
                    Ending::Broken => "답하는 중에 엔진이 사라졌어요.",
                },
            ),
            Self::WhyNoNotes => both(
                "No notes stood before your words.",
                "메모 없이 그 말만 보고 답했어요.",
            ),
            Self::WhyNotes => both(
                "These notes stood before your words:",
                "그 말 앞에 놓인 메모:",
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
            Self::Usage { usage } => both(
                format!("It is used like this: {usage}"),
                format!("이렇게 써요: {usage}"),
            ),
        }
    }
}

fn both(english: impl Into<String>, korean: impl Into<String>) -> (String, String) {
    (english.into(), korean.into())
}
