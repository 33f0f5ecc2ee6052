//! Korean and English words by which one hears whether somebody is spoken to or spoken about, and how they are looked up.
//! `call.rs` and `mention.rs` use them. Lists are one text each, so that they can be read; where entries have several words, commas
//! separate them.

/// Whether a list of single words has this one.
pub(crate) fn listed(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word)
}

/// Whether a word ends in one of the endings.
pub(crate) fn ends_with(endings: &str, word: &str) -> bool {
    endings
        .split_whitespace()
        .any(|ending| word.ends_with(ending))
}

/// Names that are everyday words as well. They count only where nothing but a call can be meant.
pub(crate) const EVERYDAY_NAMES: &str = "\
    assistant bot campus chef coach counselor doctor friend guide helper listener mentor teacher tutor 가이드 길잡이 도우미 리스너 봇 비서 \
    상담사 선생님 안내 친구 캠퍼스 헬퍼";

/// What opens or closes a talk: a name right after it is called.
pub(crate) const GREETINGS: &str = "\
    hey, hey there, hey man, ayo, ey, hi, hi there, hello, hello there, helo, hiya, heya, yo, sup, howdy, greetings, dear, ok, \
    okay, alright, thanks, thanks again, thanks so much, thanks a lot, thank you, thank you so much, thank you very much, many \
    thanks, thx, ty, good morning, good afternoon, good evening, good night, goodnight, morning, evening, night, night night, \
    gm, gn, bye, goodbye, bye bye, see you, see you later, see you tomorrow, see ya, later, take care, sweet dreams, sleep \
    well, sorry, so sorry, i'm sorry, im sorry, excuse me, pardon me, please, pls, welcome, welcome back, welcome home, \
    congrats, congratulations, happy birthday, happy new year, merry christmas, good luck, well done, good job, great job, \
    nice one, nice work, damn, dang, bruh, bro, dude, no way, for real, quick question, one question, how you doin, how you \
    doing, what are you doing, nice try, good one, good point, bless you, cheers, love you, i love you, love ya, miss you, i \
    miss you, hate you, i hate you, what's up, whats up, wassup, how are you, how's it going, hows it going, come on, c'mon, \
    wake up, shut up, hurry up, cheer up, stop it, help me, oh, ooh, aw, aww, ah, ugh, omg, oh my god, oh my gosh, oh \
    no, oh wow, wow, lol, lmao, haha, hahaha, yes, yeah, yep, no, nope, nah, sure, 안녕, 안녕하세요, 안뇽, 하이, 헬로, 헬로우, 굿모닝, 굿나잇, 좋은 \
    아침, 좋은 밤, 잘 자, 잘자, 잘자요, 잘 가, 잘가, 고마워, 고마워요, 고맙습니다, 감사, 감사해요, 감사합니다, 땡큐, 미안, 미안해, 미안해요, 죄송해요, 죄송합니다, 사랑해, 보고 싶어, 보고 싶었어, \
    보고싶어, 축하해, 축하해요, 생일 축하해, 수고했어, 수고했어요, 반가워, 어서 와, 야, 얘, 어이, 헤이, 저기, 저기요, 있잖아, 있잖아요, 여보세요";

/// What a sentence may begin with before a name that is called or not: the name counts as standing at the start.
pub(crate) const OPENERS: &str = "\
    so, but, and, well, now, then, anyway, also, look, listen, actually, honestly, seriously, um, uh, hmm, btw, fyi, wait, 근데, \
    그런데, 그럼, 그러면, 그래서, 그래, 그리고, 그러니까, 혹시, 아, 아니, 아하, 아참, 참, 오, 와, 우와, 헐, 음, 흠, 어, 응, 네, 예, 넵, 자, 제발, 진짜, 우리, 얘들아, 대박";

/// After a name at the start: the writer talks of itself, to the persona, or greets it.
pub(crate) const SPOKEN_AFTER: &str = "\
    you you're youre you've you'll you'd your yours ur u ya y'all i i'm im i've ive i'd i'll my we we're we've we'll let's \
    lets please pls plz thanks thank thx ty sorry hi hello hey bye goodbye goodnight congrats congratulations welcome lol lmao \
    haha omg wtf yes no yeah what what's whats what're how how's hows how'd why why's wanna gonna gimme lemme gotta don't dont \
    that's thats it's it'll quick honest honestly seriously bro dude man bruh";

/// After a name at the start: something is asked of the persona. Forms that are past tenses as well ("put", "cut") are not here.
pub(crate) const IMPERATIVES: &str = "\
    add answer ask be bring calculate call calm check cheer choose come compare convert count define describe draw draft \
    explain find finish fix forget forgive get give go guess guide help hold hurry imagine introduce join keep leave list \
    listen look make meet move name open pick play pray pretend promise recommend relax remember repeat reply respond roast \
    save say search send share show shut sing sleep solve speak spell start stay stop suggest summarise summarize take talk \
    teach tell think translate trust try turn use wait wake watch wish work write";

/// Verbs that turn towards the person after them: "can you", "should I".
pub(crate) const TURNING: &str = "\
    am are can can't cant could couldn't did didn't do does don't dont have haven't is isn't may might must shall should \
    shouldn't was were will won't would wouldn't aren't";
/// Verbs that no single somebody takes: "Phoebe are cats psychic?"
pub(crate) const ADDRESSING: &str = "am are aren't were weren't have haven't";
/// Who stands after such a verb when it asks the persona.
pub(crate) const SPEAKER_OR_HEARER: &str = "you u ya i we y'all";
/// What may stand after such a verb in any question: "Joey is that you?"
pub(crate) const IN_QUESTIONS: &str = "\
    it this that there these those he she they anyone anybody anything someone everyone";
/// After "do" in an order: "do your thing", but not "do not".
pub(crate) const DONE: &str = "a it me my something that the this your";
/// Question words that also begin a clause about the name: they count in a question only.
pub(crate) const ASKING: &str = "who who's whom which when when's where where's any ever got if";
/// Words that begin an aside about the name: "Joey, who was there, laughed."
pub(crate) const RELATIVES: &str = "who whose whom which";

/// After a name: the name is the subject of a sentence about somebody.
pub(crate) const THIRD_PERSON: &str = "\
    is isn't was wasn't has hasn't had hadn't does doesn't did didn't can can't cannot could couldn't will won't would \
    wouldn't should shouldn't might must may are were says said goes went gets got's likes loves wants thinks thought made \
    told came left ate";

/// Before a name at the end of a sentence: it cannot be what the sentence is about.
pub(crate) const BEFORE_LAST: &str = "\
    you u think there here doing today tonight tomorrow yesterday now then again too right please though tho man bro lol haha \
    ok okay sorry thanks already yet later mean feeling me something anything nothing everything";

/// A sentence that begins so is whole before a name that ends it: "that's hilarious Joey".
pub(crate) const PREDICATES: &str = "that's thats it's you're youre i'm im we're";
/// Unless one of these stands before the name: "that's so Joey", "it's called Joey".
pub(crate) const BEFORE_OBJECTS: &str = "\
    a about an and as at but by called for from in like my named not of on or our so than that's the this to with your just \
    really only actually still it's i'm im you're we're thats youre";

/// Between two names of one list.
pub(crate) const BETWEEN_NAMES: &str = "and 그리고";

/// Forms of address after a Korean name. Invariant: a longer one stands before those it begins with; the first that fits is taken.
pub(crate) const HONORIFICS: &str = "\
    선생님 선배님 교수님 박사님 사장님 형님 선생 선배 교수 박사 언니 오빠 누나 이모 삼촌 쌤 샘 님 씨 형 군 양";
/// Endings by which a Korean name is called. They follow 받침 (아 after it, 야 without), but people mix them up.
pub(crate) const VOCATIVES: &str = "야 아 이야 여 이여 얌";
/// "As for": with a question it asks the persona of itself.
pub(crate) const TOPICS: &str = "은 는 은요 는요";

/// Beginnings of Korean question words.
pub(crate) const QUESTION_STEMS: &str =
    "뭐 뭘 뭔 무슨 무엇 왜 어디 언제 누구 누가 어때 어떻 어떤 얼마 몇 어느";
/// Ends of a Korean sentence that asks for something.
pub(crate) const REQUEST_ENDINGS: &str = "\
    줘 줘요 주세요 줄래 주라 주렴 다오 봐 봐요 보세요 봐라 추천 추천요 추천이요 추천좀 부탁 부탁해 부탁해요 부탁드려요 부탁드립니다 하자 놀자 가자 먹자 보자 해라 하세요 으세요 세요 십시오 지마 마 말아 말아줘 말아요 \
    질문 질문이요 질문요 도움 헬프 좀 와 가르쳐 알려 말해 들어 해봐 빨리 얼른 대답해";
/// Ends of a Korean sentence that gives, not asks: only where no question mark follows.
pub(crate) const STATEMENT_ENDINGS: &str = "\
    다 더라 대 래 네 음 함 임 됨 던데 는데 었어 았어 했어 였어 웠어 갔어 왔어 샀어 됐어 겼어 졌어 잖아 거든 듯 구나 래요 대요 았지 었지";
/// After a Korean name: the writer turns to the persona or speaks of itself.
pub(crate) const KOREAN_SPOKEN_AFTER: &str = "\
    너 넌 너는 너도 너의 너랑 너한테 널 네 네가 니 니가 당신 나 난 나는 나도 나랑 내 내가 저 전 저는 저도 제 제가 우리 안녕 안녕하세요 하이 굿모닝 굿나잇 고마워 고마워요 고맙습니다 감사 감사해요 감사합니다 미안 \
    미안해 죄송해요 사랑해 잘자 축하해 반가워 제발 이거 있잖아";
/// Ends of a Korean sentence that thanks, greets or complains.
pub(crate) const KINDNESSES: &str = "\
    안녕 고마워 감사 미안해 사랑해 잘자 축하해 반가워 보고싶어 싶어 수고했어 자 심심해 배고파 힘들어 졸려 피곤해 우울해 슬퍼 아파 외로워 무서워 짜증나";
/// After a Korean name: it belongs to somebody who is spoken about.
pub(crate) const ABOUT: &str = "\
    같은 같이 얘기 얘기는 이야기 때문에 덕분에 중 중에 중에서 둘 만든 말고 대신 빼고 보고 팬 닮은 역 배우 캐릭터 정도 및 또는 아니면 아니고 그리고 나오는 나온 성격 이름이 이름은 생일이 생일은 나이가 집이 머리 \
    머리가 사진 봇 근처 주변 안 안에 앞 앞에 뒤 뒤에 옆 옆에 구이 고기 요리";
/// Ends of what is said to everybody: "먹어 본 사람?", "고장났나봐".
pub(crate) const TO_EVERYBODY: &str = "사람 분 분들 사람들 저래 저러지 났나봐 했나봐 었나봐 았나봐 왔나봐 갔나봐 졌나봐 렸나봐 하나봐 인가봐";

/// Before "조이야" at the end: the sentence says that somebody is Joey. Whole words.
pub(crate) const IDENTIFIED: &str =
    "나 난 저 건 게 얘 걔 쟤 이거 그거 저거 바로 역시 아마 그냥 이름";
/// The same, by the last syllable of the word before.
pub(crate) const IDENTIFIED_ENDINGS: &str = "은 는 이 가 건 게 도 의";
/// The last syllables of a Korean sentence to which a name is added: "뭐해 조이?", but not "귀여운 조이".
pub(crate) const SENTENCE_ENDINGS: &str =
    "해 줘 지 까 니 냐 요 어 아 자 라 워 와 봐 마 돼 래 군 야 여 려 죠 다 네";

/// A question of this one word after a name asks others about it: "챈들러 봤어?"
pub(crate) const SEEN: &str = "\
    봤어 봤니 봤어요 봤냐 보셨어요 알아 알아요 아세요 아시나요 아는 좋아해 좋아하세요 왔어 왔어요 왔니 갔어 불렀어 써봤어 어딨어";
/// Ends of a Korean clause after which another begins.
pub(crate) const CONNECTIVES: &str =
    "는데 은데 인데 한데 픈데 픈데요 는데요 인데요 니까 지만 어서 아서 해서 더니";
