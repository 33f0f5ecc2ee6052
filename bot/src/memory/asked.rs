//! Which facts a message asks for, or must not be answered without. A line too many costs a few tokens; one too few costs the answer.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::FactKey;

/// By which words a message asks for a key, English and Korean.
const ASKED: &[(FactKey, &str, &str)] = &[
    (
        FactKey::Name,
        r"\bmy (?:\w+ )?name|\bwho (?:am i|i am)|\b(?:you|to) call me\b|\bcalled\b|\bnames?\b",
        r"이름|누구|뭐라고 (?:불|부)|호칭|누군지",
    ),
    (
        FactKey::Job,
        r"\bmy (?:\w+ )?(?:job|profession|occupation|work|career)|\b(?:do i|i) do (?:for|as)|\bdo i do\b|\bwhat i do\b|\b(?:i|do i) work|\bwho (?:am i|i am)\b|\bjobs?\b|\bfor a living\b",
        r"직업|하는 일|무슨 일|뭐 ?하는 사람|뭘 하는|일하는|일한다|직장|뭐 ?하고 사는|먹고 ?사|누구(?:게|야|인지|지)",
    ),
    (
        FactKey::Home,
        r"\b(?:do i|i) live|\bwhere (?:am i|i am|i'm) from|\bmy (?:home|city|town|address|hometown)|\bfrom where\b|\bwhere i (?:come|live)",
        r"어디 ?(?:서|에)? ?(?:살|사)|사는 (?:곳|데|동네)|우리 ?집|내 집|집이? 어디|고향|어디 출신|산다고",
    ),
    (
        FactKey::Studies,
        r"\b(?:do i|i|i'm|am i) (?:study|studying|major)|\bmy (?:major|studies|subject|degree)",
        r"전공|무슨 과|학과|공부하는|공부한다|뭐 공부",
    ),
    (
        FactKey::Allergy,
        r"allerg|intoleran|\b(?:can't|cannot|can not) (?:i )?(?:eat|have)",
        r"알레르기|알러지|못 ?먹",
    ),
    (
        FactKey::Likes,
        r"\b(?:do|did|would) i (?:\w+ )?(?:like|love|enjoy|prefer)|\b(?:things?|what|that|music|food|stuff) (?:do )?i (?:\w+ )?(?:like|love|enjoy)|\bmy (?:\w+ )?(?:favou?rite|taste|likes)|\bi'm into\b|\bam i into\b",
        r"좋아(?:한다|하는|했|하지|하는지|해\?|하게)|뭐 ?좋아|취향|최애",
    ),
    (
        FactKey::Dislikes,
        r"\b(?:don't|do not) i like|\bi (?:don't|do not|dis)\s?like|\b(?:do|did) i (?:hate|dislike)|\bi (?:hate|dislike|can't stand)\b|\bmy dislikes",
        r"싫어(?:한다|하는|했|하지|해\?|하게)|뭐 ?싫어|안 좋아|못 ?먹",
    ),
    (
        FactKey::Pet,
        r"\bmy (?:\w+ )?(?:pets?|cats?|dogs?|animals?|hamster|rabbit|parrot)|\b(?:do i|i) have (?:a|any) (?:pet|cat|dog|animal)",
        r"반려|애완|키우는|키운다|(?:고양이|강아지|개|햄스터|토끼|앵무새)(?:의)? ?이름|우리 ?(?:고양이|강아지|개|햄스터|토끼|앵무새)|내 (?:고양이|강아지|개|햄스터|토끼|앵무새)",
    ),
    (
        FactKey::Hobby,
        r"\bhobb(?:y|ies)\b|\bmy (?:free|spare) time|\bfor fun\b",
        r"취미|여가|쉴 때",
    ),
    (
        FactKey::Birthday,
        r"\bbirthday|\bwas i born|\bi was born",
        r"생일|태어난|태어났",
    ),
    (
        FactKey::Note,
        r"\b(?:ask|asked|told|want|wanted) you to remember|\bmy notes?\b|\bremind me",
        r"기억해 ?(?:달라|두라|줬|뒀)|메모|잊지 말라|뭘 기억|상기",
    ),
];

/// Whoever asks so wants to hear everything.
const EVERYTHING: &str = r"\b(?:remember|know|recall|forgot|forgotten|forget) (?:anything )?(?:about )?me\b|\babout me\b|\bwhat (?:do|did) (?:you|i) (?:know|remember|tell you|say)|\beverything i (?:told|said)|\bdo you remember\?|나(?:를|에 대해|에 관해| 누군지| 누구인지)? ?(?:좀 )?(?:기억|알아|알고)|날 ?(?:기억|알아|잊)|저(?:를)? ?(?:기억|아세요|알아)|내가 누구|나에 대해|저에 대해|나 누구|내가 (?:뭐라고|무슨 말|어떤 사람)|내 얘기|기억나\?|기억하는 거";

/// Recommending something to eat can do harm, so that whoever speaks of food, or wants to be recommended anything, brings these along.
const FOOD: &str = r"\b(?:eat|eating|ate|food|foods|meals?|lunch|dinner|breakfast|brunch|supper|snacks?|hungry|starving|cook|cooking|bake|baking|recipes?|menu|restaurants?|desserts?|cuisine|dish(?:es)?|noodles?|soup|drink|drinks|taste|tasty|delicious|spicy|sweets?|cake|bread|pizza|order|takeout|cafe|ingredients?|recommend\w*|suggest\w*)\b|먹|음식|점심|저녁|아침|간식|야식|메뉴|요리|맛집|맛있|디저트|후식|반찬|배달|배고|출출|한식|중식|일식|양식|분식|국물|국수|매운|매콤|달달|달콤|짭짤|빵|면 요리|밥|안주|마실|마시|식당|레시피|재료|추천|케이크|과자|카페|끼니|허기|입맛|시켜|해장";

static TABLE: LazyLock<Vec<(FactKey, Regex)>> = LazyLock::new(|| {
    ASKED
        .iter()
        .map(|(key, english, korean)| (*key, regex(&format!("{english}|{korean}"))))
        .collect()
});
static ALL: LazyLock<Regex> = LazyLock::new(|| regex(EVERYTHING));
static MEAL: LazyLock<Regex> = LazyLock::new(|| regex(FOOD));

/// The keys that a message asks for.
pub(super) fn asked(said: &str) -> HashSet<FactKey> {
    let said = said.replace(['’', '‘'], "'");
    if ALL.is_match(&said) {
        return FactKey::ALL.into_iter().collect();
    }
    let mut keys: HashSet<FactKey> = TABLE
        .iter()
        .filter(|(_, pattern)| pattern.is_match(&said))
        .map(|(key, _)| *key)
        .collect();
    if MEAL.is_match(&said) {
        keys.extend([FactKey::Allergy, FactKey::Dislikes]);
    }
    keys
}

fn regex(pattern: &str) -> Regex {
    Regex::new(&format!("(?i){pattern}"))
        .expect("the patterns of the table are constants, and the tests compile them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asked_for_in_many_words() {
        use FactKey::{
            Allergy, Birthday, Dislikes, Hobby, Home, Job, Likes, Name, Note, Pet, Studies,
        };
        let cases: &[(&str, &[FactKey])] = &[
            ("What's my job and my name?", &[Name, Job]),
            ("whats my name", &[Name]),
            ("Who am I?", &[Name, Job]),
            ("what do I do for a living?", &[Job]),
            ("Do you remember what I do for work?", &[Job]),
            ("Where do I live?", &[Home]),
            ("What did I study again? What's my major?", &[Studies]),
            ("What do I like?", &[Likes]),
            ("do you know what music I like?", &[Likes]),
            ("What don’t I like?", &[Dislikes]),
            ("What's my cat's name?", &[Name, Pet]),
            ("what are my hobbies", &[Hobby]),
            ("When is my birthday?", &[Birthday]),
            ("What did I ask you to remember?", &[Note]),
            ("내 이름이 뭐야?", &[Name]),
            ("내 이름이랑 직업이 뭐였지?", &[Name, Job]),
            ("내가 뭐 하는 사람이게?", &[Job]),
            ("나 뭐 좋아한다고 했지?", &[Likes]),
            ("내가 어디 산다고 했지", &[Home]),
            ("내 전공 기억해?", &[Studies]),
            ("내가 싫어하는 거 알아?", &[Dislikes]),
            ("우리 고양이 이름 뭐게", &[Name, Pet]),
            ("내 취미가 뭐였더라", &[Hobby]),
            ("내 생일 언제게?", &[Birthday]),
            ("내가 무슨 알레르기 있는지 알아?", &[Allergy]),
            ("hello there", &[]),
            ("The weather is nice today.", &[]),
            ("오늘 날씨 좋다", &[]),
            ("시험 망쳐서 우울해", &[]),
        ];
        for (said, keys) in cases {
            assert_eq!(asked(said), keys.iter().copied().collect(), "{said}");
        }
    }

    #[test]
    fn some_ask_for_everything() {
        for said in [
            "Do you remember me?",
            "What do you know about me?",
            "What did I tell you about me?",
            "나 기억해?",
            "나에 대해 뭐 알아?",
            "내가 누구게?",
            "날 기억해?",
        ] {
            assert_eq!(asked(said).len(), FactKey::ALL.len(), "{said}");
        }
    }

    #[test]
    fn nobody_is_fed_without_their_allergies() {
        let food = [
            "What should I eat?",
            "Recommend something for lunch",
            "I'm hungry",
            "any good recipes?",
            "점심 추천해줘",
            "매운 거 먹고싶어",
            "약간 출출한데 뭘 먹을까",
            "아무거나 추천해줘",
            "배고파",
            "디저트 추천해줘",
            "시원한 거 마시고 싶어",
            "반찬 추천해줘",
            "한식 뭘 먹을까",
            "국물있는 거 먹고싶어",
            "간단하게 만들 수 있는 음식 뭐가 있을까",
        ];
        for said in food {
            assert!(
                asked(said).contains(&FactKey::Allergy) && asked(said).contains(&FactKey::Dislikes),
                "{said}"
            );
        }
    }
}
