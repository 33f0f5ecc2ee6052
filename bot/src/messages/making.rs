//! What is said while personas are made by command, and while a form is filled in by talking.

use super::{both, counted};
use crate::studio::sheet::{Flaw, Part};

/// A sentence about making personas.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentences below say what each one means")]
pub enum Making {
    BadId {
        typed: String,
    },
    Taken {
        id: String,
    },
    OfFile {
        id: String,
    },
    Full {
        most: usize,
    },
    FormTitle {
        id: String,
    },
    Label(Part),
    Flawed(Flaw),
    DraftKept {
        id: String,
    },
    DraftFlawed {
        id: String,
    },
    Share {
        tokens: u32,
        context: u32,
        exchanges: u32,
    },
    ShareUnknown,
    Next {
        id: String,
    },
    NoDraft {
        id: String,
    },
    TriedOut {
        name: String,
    },
    Published {
        name: String,
        version: u32,
    },
    HowToSet {
        ids: String,
    },
    NoRoom,
    NotPublished {
        id: String,
    },
    RolledBack {
        name: String,
        version: u32,
    },
    NoVersion {
        known: String,
    },
    WouldDelete {
        id: String,
        has_draft: bool,
        versions: String,
    },
    Deleted {
        id: String,
    },
    None,
    Heading,
    Live {
        version: u32,
    },
    NotLive,
    HasDraft,
    DraftOf {
        id: String,
    },
    VersionOf {
        id: String,
    },
    Versions {
        numbers: String,
    },
    MadeHere,
    Question {
        number: usize,
        of: usize,
        label: String,
    },
    Now {
        value: String,
    },
    HowToAnswer,
    HowToKeep,
    HowToClear,
    MustNotBeEmpty,
    AnswerTooLong {
        most: usize,
    },
    Cancelled,
}

impl Making {
    /// The sentence in English and in Korean.
    pub(super) fn in_both(&self) -> (String, String) {
        match self {
            Self::BadId { typed } => both(
                format!(
                    "{typed} cannot be an id. Take 1 to 32 of the characters a-z, 0-9, _ and -."
                ),
                format!("{typed}: 아이디로 쓸 수 없어요. a-z, 0-9, _, -를 1~32자로 적어 주세요."),
            ),
            Self::Taken { id } => both(
                format!("The id {id} is taken. Please choose another."),
                format!("{id}: 이미 쓰이는 아이디예요. 다른 것을 골라 주세요."),
            ),
            Self::OfFile { id } => both(
                format!(
                    "{id} is built in or comes from the operator, so commands cannot change it. /persona create makes a new one."
                ),
                format!(
                    "{id}: 기본으로 들어 있거나 운영자가 만든 페르소나라서 명령으로 바꿀 수 없어요. ‘/페르소나 만들기’로 새로 만들 수 있어요."
                ),
            ),
            Self::Full { most } => both(
                format!(
                    "There are {most} personas here, and no more fit. /persona delete makes room."
                ),
                format!(
                    "이곳에는 이미 페르소나가 {most}명이라 더 만들 수 없어요. ‘/페르소나 삭제’로 자리를 만들 수 있어요."
                ),
            ),
            Self::FormTitle { id } => both(format!("Persona {id}"), format!("페르소나 {id}")),
            Self::Label(part) => both(
                match part {
                    Part::Names => "Name, then others, with commas",
                    Part::Languages => "Languages (ko, en), its first one first",
                    Part::System => "Who it is and how it talks (system prompt)",
                    Part::Greeting => "Its first words (greeting)",
                    Part::Facts => "What it knows, one fact a line",
                },
                match part {
                    Part::Names => "이름, 쉼표 뒤에 다른 이름",
                    Part::Languages => "쓰는 언어(ko, en), 주로 쓰는 언어부터",
                    Part::System => "누구이고 어떻게 말하는지(시스템 프롬프트)",
                    Part::Greeting => "첫인사",
                    Part::Facts => "아는 것, 한 줄에 하나씩",
                },
            ),
            Self::Flawed(flaw) => flawed(*flaw),
            Self::DraftKept { id } => both(
                format!("The draft of {id} is kept. Nobody else sees it yet."),
                format!("{id}의 초안을 저장했어요. 아직 다른 사람에게는 보이지 않아요."),
            ),
            Self::DraftFlawed { id } => both(
                format!(
                    "What you wrote is kept as the draft of {id}, but something has to change before it can answer:"
                ),
                format!(
                    "적은 것은 {id}의 초안으로 저장했어요. 다만 답하게 하려면 고칠 것이 있어요:"
                ),
            ),
            Self::Share {
                tokens,
                context,
                exchanges,
            } => both(
                format!(
                    "Draft: {} of {} tokens; room for about {} beside it.",
                    grouped(*tokens),
                    grouped(*context),
                    counted(grouped(*exchanges), "exchange")
                ),
                format!(
                    "초안: {}토큰(전체 {}토큰), 대화를 약 {}번 주고받을 자리가 남아요.",
                    grouped(*tokens),
                    grouped(*context),
                    grouped(*exchanges)
                ),
            ),
            Self::ShareUnknown => both(
                "The model is not ready, so I cannot tell yet how much room the draft takes.",
                "모델이 준비되지 않아서 초안이 자리를 얼마나 차지하는지 아직 알 수 없어요.",
            ),
            Self::Next { id } => both(
                format!("/persona test {id} TEXT tries it, /persona publish {id} lets it answer."),
                format!(
                    "‘/페르소나 시험 {id} 말’로 써 보고, ‘/페르소나 공개 {id}’로 답하게 할 수 있어요."
                ),
            ),
            Self::NoDraft { id } => both(
                format!(
                    "Nothing of {id} has changed since it was published. /persona edit {id} begins a draft."
                ),
                format!(
                    "{id}: 공개한 뒤로 바뀐 것이 없어요. ‘/페르소나 고치기 {id}’로 초안을 만들 수 있어요."
                ),
            ),
            Self::TriedOut { name } => both(format!("{name} (draft)"), format!("{name}(초안)")),
            Self::Published { name, version } => both(
                format!("{name} is published as version {version}."),
                format!("{name} 페르소나를 {}로 공개했어요.", numbered(*version)),
            ),
            Self::HowToSet { ids } => both(
                format!("/persona set {ids} lets it answer here when it is called by name."),
                format!("‘/페르소나 선택 {ids}’: 여기서 이름을 부르면 답하게 해요."),
            ),
            Self::NoRoom => both(
                "It leaves no room to talk. Please shorten it.",
                "대화할 자리가 남지 않아요. 글을 줄여 주세요.",
            ),
            Self::NotPublished { id } => both(
                format!("{id} is not published yet: /persona publish {id}"),
                format!("{id}: 아직 공개하지 않았어요. ‘/페르소나 공개 {id}’로 공개할 수 있어요."),
            ),
            Self::RolledBack { name, version } => both(
                format!("Version {version} of {name} answers again."),
                format!("{name} 페르소나를 {}로 되돌렸어요.", numbered(*version)),
            ),
            Self::NoVersion { known } if known.is_empty() => {
                both("Nothing was published yet.", "아직 공개한 버전이 없어요.")
            }
            Self::NoVersion { known } => both(
                format!("There is no such version. Versions: {known}."),
                format!("그런 버전은 없어요. 있는 버전: {known}"),
            ),
            Self::WouldDelete {
                id,
                has_draft,
                versions,
            } => {
                let (english, korean) = match (has_draft, versions.as_str()) {
                    (_, "") => ("its draft".to_owned(), "초안".to_owned()),
                    (false, versions) => (
                        format!("all its versions ({versions})"),
                        format!("공개한 버전({versions})"),
                    ),
                    (true, versions) => (
                        format!("its draft and all its versions ({versions})"),
                        format!("초안과 공개한 버전({versions})"),
                    ),
                };
                both(
                    format!(
                        "This deletes {id} and {english} for good. To go ahead: /persona delete {id} confirm"
                    ),
                    format!(
                        "{id}: {korean}까지 모두 사라지고 되돌릴 수 없어요. 삭제하려면 ‘/페르소나 삭제 {id} 확인’이라고 써 주세요."
                    ),
                )
            }
            Self::Deleted { id } => both(
                format!("{id} is deleted with all its versions."),
                format!("{id} 페르소나를 모든 버전과 함께 삭제했어요."),
            ),
            Self::None => both(
                "No personas were made here yet. /persona create ID makes one.",
                "이곳에서 만든 페르소나가 아직 없어요. ‘/페르소나 만들기 아이디’로 만들 수 있어요.",
            ),
            Self::Heading => both("Personas made here:", "이곳에서 만든 페르소나:"),
            Self::Live { version } => both(
                format!("version {version} answers"),
                format!("답하는 버전: {version}"),
            ),
            Self::NotLive => both("not published", "공개하지 않음"),
            Self::HasDraft => both("has a draft", "초안 있음"),
            Self::DraftOf { id } => both(format!("Draft of {id}"), format!("{id}의 초안")),
            Self::VersionOf { id } => both(
                format!("{id}, as published"),
                format!("{id}, 공개한 그대로"),
            ),
            Self::Versions { numbers } => both(
                format!("Versions: {numbers}"),
                format!("공개한 버전: {numbers}"),
            ),
            Self::MadeHere => both("made here", "이곳에서 만듦"),
            Self::Question { number, of, label } => {
                let line = format!("{number}/{of} {label}");
                both(line.clone(), line)
            }
            Self::Now { value } => both(format!("Now:\n{value}"), format!("지금:\n{value}")),
            Self::HowToAnswer => both(
                "Please send me the text. /cancel ends this.",
                "내용을 보내 주세요. 그만두려면 ‘/취소’를 보내 주세요.",
            ),
            Self::HowToKeep => both(
                "Please send me the new text. Send - to keep it as it is, /cancel to stop.",
                "새 내용을 보내 주세요. 그대로 두려면 ‘-’, 그만두려면 ‘/취소’를 보내 주세요.",
            ),
            Self::HowToClear => both(
                "It may stay empty: /clear.",
                "비워 두려면 ‘/비우기’를 보내 주세요.",
            ),
            Self::MustNotBeEmpty => both("This cannot be empty.", "비워 둘 수 없어요."),
            Self::AnswerTooLong { most } => both(
                format!("That is too long; at most {most} characters fit."),
                format!("너무 길어요. {most}자까지 쓸 수 있어요."),
            ),
            Self::Cancelled => both(
                "All right, nothing was changed.",
                "알겠어요, 아무것도 바꾸지 않았어요.",
            ),
        }
    }
}

fn flawed(flaw: Flaw) -> (String, String) {
    let (Flaw::Missing(part) | Flaw::TooLong(part) | Flaw::Amiss(part)) = flaw;
    let (english, korean) = match part {
        Part::Names => ("Name", "이름"),
        Part::Languages => ("Languages", "언어"),
        Part::System => ("System prompt", "시스템 프롬프트"),
        Part::Greeting => ("Greeting", "첫인사"),
        Part::Facts => ("Facts", "아는 것"),
    };
    let most = part.longest();
    match flaw {
        Flaw::Missing(_) => both(
            format!("{english}: this cannot be empty."),
            format!("{korean}: 비워 둘 수 없어요."),
        ),
        Flaw::TooLong(_) => both(
            format!("{english}: it is too long; at most {most} characters fit."),
            format!("{korean}: 너무 길어요. {most}자까지 쓸 수 있어요."),
        ),
        Flaw::Amiss(part) => {
            let (english_rule, korean_rule) = match part {
                Part::Names => (
                    "one line; a name of at most 40 visible characters, then perhaps others behind commas, at most 32.",
                    "한 줄에, 보이는 글자로 40자까지의 이름을 적고, 다른 이름은 쉼표 뒤에 32개까지 적어 주세요.",
                ),
                Part::Languages => (
                    "ko, en, or both with a comma between.",
                    "ko나 en, 또는 둘을 쉼표로 나누어 적어 주세요.",
                ),
                Part::System | Part::Greeting | Part::Facts => (
                    "it holds a character that cannot be shown.",
                    "보이지 않는 글자가 들어 있어요.",
                ),
            };
            both(
                format!("{english}: {english_rule}"),
                format!("{korean}: {korean_rule}"),
            )
        }
    }
}

/// A version in Korean, before the ending 로: `으` stands between where the number is read with a consonant at its end that is no ㄹ.
fn numbered(version: u32) -> String {
    let between = if matches!(version % 10, 0 | 3 | 6) {
        "으"
    } else {
        ""
    };
    format!("버전 {version}{between}")
}

/// A number as people read it, such as 2,048.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_take_the_ending_that_their_number_is_read_with() {
        let check = |version, said: &str| {
            let name = "나리".to_owned();
            let (_, korean) = Making::Published { name, version }.in_both();
            assert_eq!(korean, format!("나리 페르소나를 {said} 공개했어요."));
        };
        check(1, "버전 1로");
        check(3, "버전 3으로");
        check(7, "버전 7로");
        check(10, "버전 10으로");
        check(16, "버전 16으로");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (212, "212"),
            (2_048, "2,048"),
            (1_048_576, "1,048,576"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    /// Discord refuses longer ones: <https://discord.com/developers/docs/components/reference#label>.
    #[test]
    fn labels_fit_a_form() {
        for part in Part::ALL {
            let (english, korean) = Making::Label(part).in_both();
            for label in [english, korean] {
                assert!(label.chars().count() <= 45, "{label}");
            }
        }
    }
}
