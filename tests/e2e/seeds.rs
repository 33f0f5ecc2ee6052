//! The seeds' sample exchanges with the shipped starter, through the endpoint and through the terminal, judged by their content.
//!
//! `EXCHANGES` is the whole contract. Temperature is 0, so that a failure is the model's or the prompt's and comes again.

use serde_json::json;

use crate::support::daemon::Daemon;
use crate::support::home::Home;

/// Which seed and what of it, with whom, and what is said.
struct Exchange(&'static str, &'static str, &'static [Line]);

/// What is said, and what the reply must hold: of each group at least one, which are parted by `|`.
struct Line(&'static str, &'static [&'static str]);

/// What every reply names to a hungry person.
const FOOD: &str = "떡볶이|닭볶음탕|김치찌개|짬뽕|낙지|불닭|마라탕|육개장|제육|닭발|젤리|초콜릿|토스트|씨리얼|시리얼|탕수육|쌀국수|칼국수|국수|라면|우동|파스타|냉면|비빔면|와플|아메리카노|도넛|비빔밥|뭇국|미역국|두부|햄버거|피자|치킨|스무디|셰이크|쉐이크|에이드|주스|식혜|수박|전골|계란|달걀|찜닭|갈비|설렁탕|순두부|된장|국밥|삼계탕|베이글|케이크|아이스크림|오이|닭가슴살|샐러드|새우튀김|돈까스|돈가스|삼겹살|튀김|짜장면|김밥|만두|볶음밥|불고기|잡채|나물|멸치|장조림|고구마|과일|바나나|요거트|요구르트|빙수|호떡|마카롱|쿠키|푸딩|샌드위치|초밥|카레|덮밥|쫄면|주먹밥|콩나물|어묵|순대|보쌈|족발|파전|부침개|북엇국|콩나물국|계란찜|생선구이|고등어|갈비탕|곰탕|잡곡밥|전복죽|호박죽|야채죽|흰죽|죽은|죽을|죽이|식빵|크림빵|단팥빵|통밀빵|빵은|빵을|냉채|메밀|막국수|팥|두유|그래놀라|오트밀|스테이크|스파게티|떡|찌개|나베|샤브샤브|월남쌈|쌈밥|도시락|삼각김밥|핫도그|감자|옥수수|견과|젤라토|커피|라떼|팬케이크|크레페";
const HOT: &str =
    "떡볶이|닭볶음탕|김치찌개|짬뽕|낙지|불닭|마라|육개장|제육|닭발|매콤|매운|얼큰|쫄면|비빔|고추";
const FEELING: &str = "우울|속상|슬프|힘드|힘들|아쉬|마음|실망|괜찮";
const WORRY: &str = "불안|걱정|무서|두려|혼날|긴장|마음";
const SUPPORT: &str = "응원|좋은 생각|괜찮|잘 |잘될|다행|믿|바라|희망|기대|용기";
const MOOD: &str = "good|great|well|fine|doing|okay|ok|better|not bad|hungry|busy|tired|perfect|wonderful|lovely|amazing|happy|alive";
const EVENING: &str = "tonight|evening|plan|watch|tv|relax|movie|pizza|couch|nap|home|dinner|cook|read|music|sleep|nothing|book|museum|sing|guitar|shop|clean|sandwich|eat|coffee|laundry|documentary|bed|walk|stay";

/// The name and the job, as the first seed shows them.
const NAME_AND_JOB: &[Line] = &[
    Line("My name is Yun", &["Yun"]),
    Line("What's my name?", &["Yun"]),
    Line("My job is a bartender.", &["bartend|bar|drink|cocktail"]),
    Line("What's my job and my name?", &["bartender", "Yun"]),
];
const SMALL_TALK: &[Line] = &[
    Line("how are you doing?", &[MOOD]),
    Line("i'm good too, do you have any plan tonight?", &[EVENING]),
];

const EXCHANGES: &[Exchange] = &[
    Exchange("1 small talk", "joey", SMALL_TALK),
    Exchange("1 small talk", "chandler", SMALL_TALK),
    Exchange("1 small talk", "monica", SMALL_TALK),
    Exchange("1 small talk", "rachel", SMALL_TALK),
    Exchange("1 small talk", "ross", SMALL_TALK),
    Exchange("1 small talk", "phoebe", SMALL_TALK),
    Exchange("1 memory", "joey", NAME_AND_JOB),
    Exchange("1 memory", "chandler", NAME_AND_JOB),
    Exchange("1 memory", "monica", NAME_AND_JOB),
    Exchange("1 memory", "rachel", NAME_AND_JOB),
    Exchange("1 memory", "ross", NAME_AND_JOB),
    Exchange("1 memory", "phoebe", NAME_AND_JOB),
    Exchange("2 memory", "helper", NAME_AND_JOB),
    Exchange(
        "2 memory",
        "helper",
        &[
            Line("내 이름은 민수야", &["민수"]),
            Line("내 이름이 뭐야?", &["민수"]),
        ],
    ),
    Exchange(
        "2 does not know",
        "helper",
        &[Line(
            "내일 복권 당첨 번호가 뭐야?",
            &["모르|알 수 없|몰라|알 방법"],
        )],
    ),
    Exchange(
        "2 does not know",
        "helper",
        &[Line(
            "What will the lottery numbers be tomorrow?",
            &["know|can't|cannot|no way|not sure|nobody"],
        )],
    ),
    Exchange(
        "3 again",
        "mechuri",
        &[
            Line("매운 음식 추천해줘", &[HOT]),
            Line("다른 거 추천해줘", &[FOOD]),
        ],
    ),
    Exchange(
        "3 a meal",
        "mechuri",
        &[
            Line("점심", &[FOOD]),
            Line("저녁", &[FOOD]),
            Line("디저트", &[FOOD]),
        ],
    ),
    Exchange("3 set", "mechuri", &[Line("편의점 간식 추천해줘", &[FOOD])]),
    Exchange(
        "3 set",
        "mechuri",
        &[Line("약간 출출한데 뭘 먹을까", &[FOOD])],
    ),
    Exchange(
        "3 set",
        "mechuri",
        &[Line(
            "중식이 먹고싶어",
            &["탕수육|짜장|짬뽕|마라|만두|볶음밥|유린기|깐풍기|마파두부|꿔바로우|양장피"],
        )],
    ),
    Exchange(
        "3 set",
        "mechuri",
        &[Line(
            "면 요리 중에 뭘 먹을까",
            &["면|국수|우동|파스타|스파게티|짬뽕"],
        )],
    ),
    Exchange("3 set", "mechuri", &[Line("디저트 추천해줘", &[FOOD])]),
    Exchange("3 set", "mechuri", &[Line("매운 거 먹고싶어", &[HOT])]),
    Exchange("3 set", "mechuri", &[Line("달달한 거 추천해줘", &[FOOD])]),
    Exchange("3 set", "mechuri", &[Line("한식 뭘 먹을까", &[FOOD])]),
    Exchange("3 set", "mechuri", &[Line("담백한 음식 추천해줘", &[FOOD])]),
    Exchange(
        "3 set",
        "mechuri",
        &[Line("혼자 먹을 배달음식 추천해줘", &[FOOD])],
    ),
    Exchange("3 set", "mechuri", &[Line("아침으로 뭘 먹을까", &[FOOD])]),
    Exchange(
        "3 set",
        "mechuri",
        &[Line(
            "시원한 거 마시고 싶어",
            &["스무디|셰이크|쉐이크|에이드|주스|식혜|차|커피|라떼|아메리카노|수정과|음료|물"],
        )],
    ),
    Exchange("3 set", "mechuri", &[Line("뭘 먹을까", &[FOOD])]),
    Exchange("3 set", "mechuri", &[Line("반찬 추천해줘", &[FOOD])]),
    Exchange(
        "3 set",
        "mechuri",
        &[Line("가족끼리 뭘 먹으면 좋을까", &[FOOD])],
    ),
    Exchange(
        "3 set",
        "mechuri",
        &[Line(
            "떡볶이는 어떤 음식이야?",
            &["떡", "음식|요리|볶|양념|고추장"],
        )],
    ),
    Exchange("3 set", "mechuri", &[Line("매운 한식 추천해줘", &[HOT])]),
    Exchange(
        "3 set",
        "mechuri",
        &[Line("국물있는 거 먹고싶어", &["국|탕|찌개|전골"])],
    ),
    Exchange(
        "3 set",
        "mechuri",
        &[Line("간단하게 만들 수 있는 음식 뭐가 있을까", &[FOOD])],
    ),
    Exchange(
        "3 set",
        "mechuri",
        &[Line(
            "어떤 빵 먹을까",
            &["빵|베이글|토스트|크루아상|식빵|바게트|소금"],
        )],
    ),
    Exchange("3 set", "mechuri", &[Line("아무거나 추천해줘", &[FOOD])]),
    Exchange("3 set", "mechuri", &[Line("우울한데 뭘 먹을까", &[FOOD])]),
    Exchange(
        "3 set",
        "mechuri",
        &[Line("칼로리 적은 음식 추천해줘", &[FOOD])],
    ),
    Exchange("3 set", "mechuri", &[Line("기름진 거 먹고싶어", &[FOOD])]),
    Exchange(
        "4 building",
        "campus",
        &[Line("1호관은 어디에 있어?", &["운동장"])],
    ),
    Exchange(
        "4 building",
        "campus",
        &[Line(
            "1호관은 어떻게 갈 수 있어?",
            &["운동장|2호관|정문|오른쪽"],
        )],
    ),
    Exchange(
        "4 building",
        "campus",
        &[Line(
            "1호관으로 가는 길을 알려줘",
            &["운동장|2호관|정문|오른쪽"],
        )],
    ),
    Exchange(
        "4 building",
        "campus",
        &[Line("Where is Building 1?", &["field"])],
    ),
    Exchange(
        "4 building",
        "campus",
        &[Line(
            "How do I get to Building 1?",
            &["field|Building 2|gate|passage"],
        )],
    ),
    Exchange(
        "4 does not know",
        "campus",
        &[Line("짜장면 좋아해?", &["모르|학생지원센터"])],
    ),
    Exchange(
        "4 does not know",
        "campus",
        &[Line(
            "Who won the football game?",
            &["not know|don't know|student service"],
        )],
    ),
    Exchange(
        "5 three turns",
        "listener",
        &[
            Line("오늘 시험 망쳐서 우울해", &[FEELING]),
            Line("엄마한테 혼날 거 같아서 불안해", &[WORRY]),
            Line("내일 시험 잘 보면 괜찮을거 같기도 해", &[SUPPORT]),
        ],
    ),
];

/// What must be true of every reply, whatever was said.
fn faults(line: &Line, reply: &str) -> Vec<String> {
    let Line(said, groups) = line;
    let lower = reply.to_lowercase();
    let holds = |group: &str| {
        group
            .split('|')
            .any(|word| lower.contains(&word.to_lowercase()))
    };
    let missing = groups.iter().filter(|group| !holds(group));
    let mut faults: Vec<String> = missing
        .map(|group| format!("none of {}", group.chars().take(40).collect::<String>()))
        .collect();
    let is_korean = |text: &str| text.chars().any(|letter| ('가'..='힣').contains(&letter));
    let mut fault = |is: bool, what: &str| faults.extend(is.then(|| what.to_owned()));
    fault(reply.trim().is_empty(), "says nothing");
    fault(is_korean(said) != is_korean(reply), "another language");
    // A single word may well come again: "점심" and "점심으로는 …".
    fault(
        said.contains(' ') && lower.starts_with(&said.to_lowercase()),
        "repeats the person's words",
    );
    fault(
        [
            "as an ai",
            "i'm an assistant",
            "language model",
            "<|",
            "<memory>",
            "</",
        ]
        .iter()
        .any(|words| lower.contains(words)),
        "out of character",
    );
    fault(
        !reply
            .trim_end()
            .ends_with(['.', '!', '?', '~', '…', ')', '"', '요']),
        "does not end its sentence",
    );
    let letters: Vec<char> = lower.chars().collect();
    fault(
        letters
            .windows(8)
            .any(|run| run.iter().all(|letter| letter == &run[0])),
        "stutters",
    );
    let sentences: Vec<&str> = lower
        .split_inclusive(['.', '!', '?'])
        .map(str::trim)
        .filter(|sentence| !sentence.is_empty())
        .collect();
    fault(
        sentences
            .iter()
            .any(|one| sentences.iter().filter(|other| one == *other).count() > 2),
        "loops",
    );
    faults
}

/// A home in which every persona always takes the likeliest word.
fn cold_home() -> Home {
    let home = Home::new();
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/../personas/library");
    for file in std::fs::read_dir(library).expect("the personas are there") {
        let file = file.expect("a folder can be read");
        let text = std::fs::read_to_string(file.path()).expect("a persona's file is text");
        let cold: String = text
            .lines()
            .map(|line| {
                if line.starts_with("temperature") {
                    "temperature = 0.0\n".to_owned()
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
        home.write(
            &format!("config/personas/{}", file.file_name().display()),
            cold,
        );
    }
    home
}

async fn through_the_endpoint(daemon: &Daemon, number: usize, chat: &Exchange) -> Vec<String> {
    let Exchange(_, persona, lines) = chat;
    let person = daemon.user(&format!("exchange {number}"));
    let mut replies = Vec::new();
    for Line(said, _) in *lines {
        let messages = json!([{ "role": "user", "content": said }]);
        let body = json!({ "model": persona, "messages": messages, "temperature": 0 });
        let answer = person.completions(&body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let reply = answer.json()["choices"][0]["message"]["content"].clone();
        replies.push(reply.as_str().expect("content").to_owned());
    }
    replies
}

/// A command whose answer parts one reply from the next, whatever lines it has.
const MARK: (&str, &str) = ("/stop", "I am not saying anything at the moment.\n");

async fn through_the_terminal(home: &Home, number: usize, chat: &Exchange) -> Vec<String> {
    let Exchange(_, persona, lines) = chat;
    let user = format!("exchange {number}");
    let lines: Vec<&str> = lines.iter().flat_map(|line| [line.0, MARK.0]).collect();
    let arguments = ["--persona", persona, "--user", &user];
    let said = home.chat(&arguments, &lines).await.sound();
    let said = said.trim_end_matches(MARK.1);
    said.split(MARK.1)
        .map(|reply| reply.trim().to_owned())
        .collect()
}

/// What is wrong with the replies that came one way.
fn judge(way: &str, replies: &[Vec<String>]) -> Vec<String> {
    let mut failed = Vec::new();
    for (Exchange(seed, persona, lines), replies) in EXCHANGES.iter().zip(replies) {
        assert_eq!(replies.len(), lines.len(), "{replies:?}");
        for (line, reply) in lines.iter().zip(replies) {
            let faults = faults(line, reply).join("; ");
            if !faults.is_empty() {
                failed.push(format!(
                    "{way}, seed {seed}, {persona}: {:?} was answered {reply:?}: {faults}",
                    line.0
                ));
            }
        }
        if *seed == "3 again" && replies[0] == replies[1] {
            failed.push(format!(
                "{way}, seed {seed}: the same menu twice: {:?}",
                replies[0]
            ));
        }
    }
    failed
}

#[tokio::test]
async fn the_seeds_exchanges_make_sense_through_the_endpoint_and_the_terminal() {
    let endpoint = async {
        let daemon = cold_home().start_and_read_personas().await;
        let mut replies = Vec::new();
        for (number, exchange) in EXCHANGES.iter().enumerate() {
            replies.push(through_the_endpoint(&daemon, number, exchange).await);
        }
        replies
    };
    let terminal = async {
        let home = cold_home();
        let mut replies = Vec::new();
        for (number, exchange) in EXCHANGES.iter().enumerate() {
            replies.push(through_the_terminal(&home, number, exchange).await);
        }
        replies
    };
    let (endpoint, terminal) = tokio::join!(endpoint, terminal);
    let all = endpoint.iter().chain(&terminal).flatten().count();
    let failed = [judge("endpoint", &endpoint), judge("terminal", &terminal)].concat();
    assert!(
        failed.is_empty(),
        "{} faults in {all} replies:\n{}",
        failed.len(),
        failed.join("\n")
    );
}
