//! Korean and English words that the search for facts knows by name. Data only; `words.rs` and `facts.rs` use it. Lists of words are
//! one text each, so that they can be read.

/// Words that carry no topic, by the beginnings of their inflected forms.
pub(crate) const KOREAN_STOP_STEMS: &str = "\
    가나 가는 가려 가르쳐 가면 가야 가요 갈까 감사 거기 고마 궁금 그거 그런데 그럼 그리고 나는 내가 내일 너는 \
    네가 누가 누구 닫 돼 되나 되어 됩니 말고 말씀 말해 무슨 무엇 뭐 반가 부탁 수는 싶 안녕 알고 알려 어느 \
    어디 어때 어떻 언제 얼마 없 여기 예요 오늘 이거 이름 이에 인가 입니 있 저거 저기 저는 제가 주세 주실 줘 \
    지금 찾고 찾아 하려 하면 할까 합니 해야 해요 해줘 했 혹시";

/// Words that carry no topic, whole and without their particles.
pub(crate) const KOREAN_STOPS: &str = "\
    가 갈 거 걸 것 게 곳 그 나 내 너 네 다 더 데 돼 때 또 몇 못 수 시 아 안 야 왜 우리 음 응 이 잘 저 제 좀 \
    줄 쪽 하고 하기 하나 하나요 하는 한 할 해";

/// Words that carry no topic.
pub(crate) const ENGLISH_STOPS: &str = "\
    a about after all am an and any anything are around as ask at be been before by can could did do does for \
    from get give go going good got had has have hello help here hey hi hours how i if im in into is it its \
    know let like ll location long m many may me much must my name need not now of ok okay on or our out per \
    please price re s say see should so some t tell than thank thanks that the their them then there they \
    thing this to today tomorrow until up us ve want was we were what whats when where wheres which who whos \
    why will with won would yes you your";

/// Particles and the forms of 하다 that make verbs of nouns. Those that depend on whether the syllable before them ends in a consonant
/// (받침) say so. Invariant: a longer one stands before those it ends in; the first that fits is taken off.
pub(crate) const PARTICLES: &[(&str, After)] = &[
    ("하려면", After::Any),
    ("하려고", After::Any),
    ("하나요", After::Any),
    ("합니다", After::Any),
    ("되나요", After::Any),
    ("에서부터", After::Any),
    ("에서는", After::Any),
    ("에서도", After::Any),
    ("에게서", After::Any),
    ("한테서", After::Any),
    ("까지는", After::Any),
    ("부터는", After::Any),
    ("으로는", After::Consonant),
    ("이라는", After::Consonant),
    ("이에요", After::Consonant),
    ("인가요", After::Any),
    ("입니다", After::Any),
    ("에는", After::Any),
    ("에도", After::Any),
    ("에서", After::Any),
    ("에게", After::Any),
    ("한테", After::Any),
    ("까지", After::Any),
    ("부터", After::Any),
    ("처럼", After::Any),
    ("보다", After::Any),
    ("마다", After::Any),
    ("하고", After::Any),
    ("하면", After::Any),
    ("하는", After::Any),
    ("하기", After::Any),
    ("해요", After::Any),
    ("해야", After::Any),
    ("라는", After::Vowel),
    ("으로", After::Consonant),
    ("이나", After::Consonant),
    ("이랑", After::Consonant),
    ("이야", After::Consonant),
    ("예요", After::Vowel),
    ("은", After::Consonant),
    ("이", After::Consonant),
    ("을", After::Consonant),
    ("과", After::Consonant),
    ("아", After::Consonant),
    ("는", After::Vowel),
    ("가", After::Vowel),
    ("를", After::Vowel),
    ("와", After::Vowel),
    ("랑", After::Vowel),
    ("나", After::Vowel),
    ("야", After::Vowel),
    ("로", After::Vowel),
    ("로", After::Rieul),
    ("에", After::Any),
    ("의", After::Any),
    ("도", After::Any),
    ("만", After::Any),
];

/// What the syllable before a particle must end in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Any,
    Vowel,
    Consonant,
    /// The consonant ㄹ, which takes 로 as a vowel does.
    Rieul,
}

/// What is told apart by its number: a question about Building 1 is not answered by what is known of Building 2.
/// The Korean names follow the number ("1호관"), the English ones stand before it ("building 1") or follow its ordinal ("first floor").
pub(crate) const NUMBERED: &[Numbered] = &[
    Numbered {
        kind: "building",
        korean: "호관",
        english: &["building", "bldg"],
    },
    Numbered {
        kind: "floor",
        korean: "층",
        english: &["floor", "level"],
    },
    Numbered {
        kind: "line",
        korean: "호선",
        english: &["line"],
    },
    Numbered {
        kind: "room",
        korean: "호실",
        english: &["room"],
    },
    Numbered {
        kind: "room",
        korean: "호",
        english: &[],
    },
    Numbered {
        kind: "term",
        korean: "학기",
        english: &["term", "semester"],
    },
    Numbered {
        kind: "year",
        korean: "학년",
        english: &["year", "grade"],
    },
];

/// One kind of numbered things and its names.
pub(crate) struct Numbered {
    pub(crate) kind: &'static str,
    pub(crate) korean: &'static str,
    pub(crate) english: &'static [&'static str],
}

/// English numerals, from 1 on.
pub(crate) const CARDINALS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
];
/// English ordinals, from 1 on.
pub(crate) const ORDINALS: &[&str] = &[
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
];

/// What kinds of answers there are: how one asks for it, and how a fact that tells it reads. Looked for in lower-case text between spaces.
pub(crate) const CUES: &[Cue] = &[
    Cue {
        asks: &[
            "어디",
            "위치",
            "가는 길",
            "가는 법",
            "어떻게 가",
            "어떻게 갈",
            "찾아가",
            " where",
            " way to ",
            " get to ",
            " find ",
            " location",
        ],
        tells: &[
            "옆",
            "앞",
            "뒤",
            "층",
            "맞은편",
            "건너편",
            "근처",
            "오른쪽",
            "왼쪽",
            "언덕",
            "한가운데",
            " next to ",
            " beside ",
            " behind ",
            " opposite ",
            " near ",
            " floor",
            " in front of ",
            " across ",
            " past ",
            " right of ",
            " left of ",
            " hill",
        ],
    },
    Cue {
        asks: &[
            "몇 시",
            "몇시",
            "언제",
            "시간",
            "열어",
            "여나",
            "여니",
            "여는",
            "닫",
            "영업",
            " when ",
            " what time",
            " hours",
            " open",
            " clos",
            " until ",
            " late ",
        ],
        tells: &[
            "시부터",
            "시까지",
            "24시간",
            "월",
            "주 차",
            "주에",
            "쉬어",
            ":00",
            ":30",
            " hours",
            " week ",
            " closed",
            "january",
            "february",
            "march",
            "april",
            " may ",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
    },
    Cue {
        asks: &[
            "얼마",
            "가격",
            "요금",
            "비용",
            "무료",
            "공짜",
            " how much",
            " cost",
            " price",
            " fee",
            " free ",
            " expensive",
            " pay ",
        ],
        tells: &["원이", "무료", " won ", " free"],
    },
    Cue {
        asks: &["닫"],
        tells: &["닫"],
    },
    Cue {
        asks: &["몇 년", "며칠", "얼마 동안", "얼마나 오래", " how long"],
        tells: &["년", "일 동안", "개월", " day", " month", " year"],
    },
    Cue {
        asks: &["전화", "연락", " phone", " call ", " number", " contact"],
        tells: &["전화", " phone"],
    },
];

/// One kind of answer.
pub(crate) struct Cue {
    pub(crate) asks: &'static [&'static str],
    pub(crate) tells: &'static [&'static str],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_particles_come_first() {
        for (place, (particle, _)) in PARTICLES.iter().enumerate() {
            let mut earlier = PARTICLES.iter().take(place);
            assert!(
                earlier.all(|(other, _)| other == particle || !particle.ends_with(other)),
                "{particle}"
            );
        }
    }
}
