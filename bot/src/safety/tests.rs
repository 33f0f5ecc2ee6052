//! What brings the card and what does not, and how often that is decided rightly.

use super::*;

/// As it is without anything of the operator's.
fn in_country(country: &str) -> Safety {
    Safety::new(country.to_owned(), &[], Vec::new()).unwrap()
}

fn is_acute(text: &str) -> bool {
    in_country("US").is_acute(text)
}

#[test]
fn acute_words_bring_the_card() {
    for text in [
        "죽고 싶어",
        "그냥 죽고싶다...",
        "너무 힘들어서 살기 싫어요",
        "자살하고 싶어요",
        "자 살 하 고 싶 다",
        "요즘 자해를 해",
        "다 끝내고 싶어",
        "사라지고 싶어요",
        "내가 없어지면 다들 편할 거야",
        "I want to die",
        "i wanna die",
        "I don't want to live anymore",
        "i dont want to live any more",
        "I'm going to kill myself",
        "I feel suicidal tonight",
        "I want to end it all.",
        "they'd be better off without me",
        "I keep cutting myself",
        "숙제 다 끝내고 싶어, 그리고 죽고 싶어",
        "내일 다 끝내고 싶어",
        "매일 다 끝내고 싶어",
        "약 먹고 죽고 싶어",
        "자살 수단을 찾았어",
        "I cut myself on purpose",
        "I cut myself a lot",
        "I wanna be in Suicide Squad. Kill myself",
        "Suicide Squad made me think about suicide",
        "I will hang myself a week from now",
        "I want to kill myself. Laughing doesn't help",
        "I want to... die",
        "I want to jump off the bridge into the water and never come back",
        "자살하고 싶지 않은 날이 없어",
        "죽고 싶지 않은 적이 없었어",
        "진짜자살하고싶다",
        "어제 자해했어",
        "나 자살할래",
        "자.살.하.고 싶어",
        "I took a lot of pills",
        "i just took all my pills...",
        "I swallowed a whole bottle of pills",
        "약을 한꺼번에 먹었어",
        "나 방금 약 한 움큼 삼켰어",
        "수면제를 다 먹었어요",
        "약을 너무 많이 먹었어",
        "더는 살아갈 힘이 없어",
        "사는 게 힘들어서 더 이상 버틸 힘이 없어",
        "my friend wants to kill himself",
        "My sister says she's going to kill herself, what do I do?",
        "my roommate wants to die",
        "he keeps cutting himself",
        "친구가 죽고 싶대",
        "친구가 죽으려고 해",
        "동생이 죽으려 해요",
        "친구가 자살하겠대",
        "친구가 뛰어내리겠대",
    ] {
        assert!(is_acute(text), "{text}");
    }
}

#[test]
fn letters_in_disguise_are_read() {
    for text in [
        "su1c1de",
        "k!ll mys3lf",
        "i want to dieeeee",
        "killlll myself",
        "k i l l  m y s e l f",
        "I wnat it to stop. K.I.L.L myself",
        "I WANT TO DIE",
        "i c@nt take it, wanna d1e",
    ] {
        assert!(is_acute(text), "{text}");
    }
    for text in ["a b c d e f", "see you at 7", "h3ll0 there!", "sooo tired"] {
        assert!(!is_acute(text), "{text}");
    }
}

#[test]
fn turns_of_speech_do_not() {
    for text in [
        "배고파 죽겠다",
        "배고파 죽겠어",
        "웃겨 죽겠네",
        "좋아 죽겠어",
        "더워 죽겠다",
        "심심해 죽겠어",
        "귀여워 죽겠어",
        "죽고 싶지 않아",
        "자살골 넣었어",
        "숙제 다 끝내고 싶어",
        "죽 먹고 싶어",
        "전복죽 먹고싶다",
        "이 게임에서 또 죽었어",
        "죽이 먹고 싶어요",
        "this homework is killing me",
        "I'm dying of laughter",
        "my feet are killing me",
        "I could kill for a pizza",
        "I'm dead tired",
        "that joke killed me",
        "Suicide Squad was fun",
        "I cut myself shaving",
        "I don't want to die",
        "kill some time",
        "I die for chocolate",
        "dead battery",
        "저는 혼자 살아요",
        "피자 살게",
        "모자 살까?",
        "의자 살 거야",
        "자, 살까?",
        "여자 살인마가 나오는 영화야",
        "남자 살해범 이야기 봤어?",
        "문자 해줘",
        "친구가 만나자 해서 나갔어",
        "점심 같이 먹자 해서",
        "혼자 해볼게",
        "각자 해결하자",
        "혼자해볼게",
        "남자해설자가 더 낫더라",
        "자살하고 싶지 않아",
        "자살 예방 교육 들었어",
        "졸려서 더 이상 못 버티겠어",
        "더워서 더 이상 못 견디겠어",
        "감기약이랑 두통약 한꺼번에 먹어도 돼?",
        "감기 걸려서 약 많이 먹었어",
        "약 먹고 한숨 잤어",
        "I took a pill for my headache",
        "I took all my pills on time",
        "nobody wants to die in this game",
        "화분이 또 시들었어",
        "친구가 웃겨 죽겠대",
    ] {
        assert!(!is_acute(text), "{text}");
    }
}

#[test]
fn the_card_names_its_lines_in_both_languages() {
    let safety = in_country("US");
    let card = safety.card_for("죽고 싶어").unwrap();
    let korean = card.say(Language::Korean);
    for number in ["109", "1577-0199", "1388", "마들랜"] {
        assert!(korean.contains(number), "{number}");
    }
    assert!(card.say(Language::English).contains("988"));
    let asked = card.say_to_who_asked(Language::Korean);
    assert!(
        asked.starts_with("힘들 때 전화할 수 있는 곳이에요.") && asked.contains("109"),
        "{asked}"
    );
    for (country, expected) in [("KR", "109"), ("FR", "findahelpline.com")] {
        let safety = in_country(country);
        assert!(safety.card().say(Language::English).contains(expected));
    }
}

#[test]
fn operators_can_add_and_take_nothing_away() {
    let contacts = "[[contacts]]\nname = \"Campus counselling\"\nnumber = \"02-123-4567\"\n";
    let mut contacts: BTreeMap<String, Vec<Contact>> = toml::from_str(contacts).unwrap();
    let contacts = contacts.remove("contacts").unwrap();
    let phrases = ["별 보러 갈래", "I'm off to THE stars."].map(str::to_owned);
    let safety = Safety::new("US".into(), &phrases, contacts).unwrap();
    for text in [
        "나 지금 별보러갈래 ㅠㅠ",
        "im off to the... stars!",
        "죽고 싶어",
        "I want to die",
    ] {
        assert!(safety.is_acute(text), "{text}");
    }
    assert!(!safety.is_acute("we look at the stars"));
    assert!(!is_acute("나 지금 별보러갈래"));
    for language in [Language::Korean, Language::English] {
        let card = safety.card().say(language);
        let own = card.find("☎ Campus counselling: 02-123-4567\n").unwrap();
        let shipped = card.find(if language == Language::Korean {
            "109"
        } else {
            "988"
        });
        assert!(own < shipped.unwrap(), "{card}");
    }
    let error = Safety::new("US".into(), &["?!".to_owned()], Vec::new()).unwrap_err();
    assert!(error.contains("?!"), "{error}");
}

#[test]
fn every_line_has_a_source_and_a_date() {
    for line in LINES
        .ko
        .line
        .iter()
        .chain(LINES.en.country.values().flatten())
    {
        assert!(
            !line.source.is_empty() && line.checked.len() == "2026-11-21".len(),
            "{}",
            line.name
        );
    }
}

/// A file of messages, and how many of it must be decided rightly: of a hundred acute ones so many at least are found, and of a hundred
/// harmless ones so many at most bring the card. The lists were written with the first file of each language at hand, never the second.
const TRIALS: [(&str, &str, usize, usize); 4] = [
    ("korean", include_str!("trials/korean.tsv"), 99, 2),
    (
        "korean, held out",
        include_str!("trials/korean_held_out.tsv"),
        78,
        11,
    ),
    ("english", include_str!("trials/english.tsv"), 99, 1),
    (
        "english, held out",
        include_str!("trials/english_held_out.tsv"),
        78,
        12,
    ),
];

#[test]
fn most_messages_are_decided_rightly() {
    for (name, messages, found_at_least, alarmed_at_most) in TRIALS {
        let mut seen = BTreeMap::new();
        for line in messages.lines() {
            let [label, kind, text] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{name}: {line}");
            };
            let (all, cards) = seen.entry((label, kind)).or_insert((0, 0));
            *all += 1;
            *cards += usize::from(is_acute(text));
        }
        let of = |wanted| {
            let seen = seen.iter().filter(|((label, _), _)| *label == wanted);
            seen.fold((0, 0), |sum, (_, (all, cards))| {
                (sum.0 + all, sum.1 + cards)
            })
        };
        let ((acute, found), (harmless, alarms)) = (of("acute"), of("harmless"));
        assert!(acute >= 300 && harmless >= 300, "{name}");
        assert!(
            found * 100 >= acute * found_at_least && alarms * 100 <= harmless * alarmed_at_most,
            "{name}: {found} of {acute} found, {alarms} false alarms of {harmless}; kind by kind {seen:?}"
        );
    }
}

const SHIPPED: [(&str, Script); 2] = [
    (include_str!("korean.toml"), Script::Korean),
    (include_str!("english.toml"), Script::English),
];

fn lists() -> impl Iterator<Item = (List, Script)> {
    SHIPPED
        .map(|(list, script)| (toml::from_str(list).unwrap(), script))
        .into_iter()
}

/// Texts that a pattern finds, among which each alternative of its groups stands.
fn examples(list: &List, pattern: &str) -> Vec<String> {
    let bare = pattern
        .trim_start_matches('_')
        .replace(" * ", " ")
        .replace('*', "");
    let named = list.groups.iter();
    let named: Vec<(String, &Vec<String>)> = named
        .map(|(name, group)| (format!("{{{name}}}"), group))
        .filter(|(name, _)| bare.contains(name))
        .collect();
    let most = named.iter().map(|(_, group)| group.len()).max();
    let example = |number: usize| {
        named.iter().fold(bare.clone(), |text, (name, group)| {
            text.replace(name, &group[number % group.len()])
        })
    };
    (0..most.unwrap_or(1)).map(example).collect()
}

/// As it is compared.
fn compared(text: &str, script: Script) -> Vec<String> {
    match script {
        Script::Korean => vec![korean(text)],
        Script::English => english(text),
    }
}

#[test]
fn every_pattern_finds_what_it_stands_for() {
    for (list, script) in lists() {
        for pattern in list.acute.iter().chain(&list.harmless).chain(&list.always) {
            let only = List {
                acute: vec![pattern.clone()],
                groups: list.groups.clone(),
                ..List::default()
            };
            let matcher = Matcher::new(&only, script).unwrap();
            for text in examples(&list, pattern) {
                let compared = &compared(&text, script)[0];
                assert!(matcher.finds(compared), "{pattern}: {compared:?}");
            }
        }
        for letters in &list.joined {
            let inside = format!("x{letters}x");
            let mut meant = english(&inside).into_iter();
            assert!(meant.any(|text| text.contains(letters)), "{letters}");
        }
    }
}

#[test]
fn every_group_is_used() {
    for (list, _) in lists() {
        let patterns = [&list.acute, &list.harmless, &list.always].map(|it| it.join(" "));
        for name in list.groups.keys() {
            let used = patterns
                .iter()
                .any(|it| it.contains(&format!("{{{name}}}")));
            assert!(used, "{name}");
        }
    }
}

#[test]
fn every_harmless_pattern_has_something_to_take_away() {
    for (list, script) in lists() {
        let without = List {
            acute: list.acute.clone(),
            groups: list.groups.clone(),
            ..List::default()
        };
        let without = Matcher::new(&without, script).unwrap();
        // Korean patterns are stems, and it may be an ending that an acute one waits for.
        let endings: &[&str] = match script {
            Script::Korean => &[
                "",
                "었어",
                "어",
                "았어",
                "겠어",
                "고 싶어",
                "싶어",
                "하는",
                "했어",
                "한다",
                "을 거야",
                "래",
                "면",
                "지",
                "는데",
            ],
            Script::English => &[""],
        };
        for pattern in &list.harmless {
            let finds = |text: &str| compared(text, script).iter().any(|it| without.finds(it));
            let found = examples(&list, pattern).iter().any(|text| {
                endings
                    .iter()
                    .any(|ending| finds(&format!("{text}{ending}")))
            });
            assert!(found, "{pattern}");
        }
    }
}

#[test]
fn a_harmless_pattern_hides_nothing_beside_it() {
    let mut hidden = Vec::new();
    for (list, _) in lists() {
        for pattern in &list.harmless {
            let text = &examples(&list, pattern)[0];
            for cry in ["죽고 싶어", "자살하고 싶어", "I want to die", "kill myself"] {
                for both in [format!("{text}. {cry}"), format!("{cry}. {text}")] {
                    if !is_acute(&both) {
                        hidden.push((pattern.clone(), both));
                    }
                }
            }
        }
    }
    assert!(hidden.is_empty(), "{hidden:#?}");
}

#[test]
fn a_list_that_cannot_be_read_is_named() {
    let list = |pattern: &str| List {
        acute: vec![pattern.to_owned()],
        groups: BTreeMap::from([("none".to_owned(), Vec::new())]),
        ..List::default()
    };
    for (pattern, script) in [
        ("{die} now", Script::English),
        ("{none}", Script::Korean),
        ("* now", Script::English),
        ("now *", Script::English),
    ] {
        let error = Matcher::new(&list(pattern), script).unwrap_err();
        assert!(error.contains(pattern), "{error}");
    }
}
