"""The campus guide's small talk, and the real facts of personas/library/campus.toml asked about in several ways."""

import re
from random import Random

from . import facts
from .corpus import fill
from .dialogue import Dialogue
from .prompt import Persona, User, is_korean

# intent -> (what people say, what the guide answers), Korean and English
TALK_KO: dict[str, tuple[list[str], list[str]]] = {
    "greet": (
        [
            "안녕",
            "안녕하세요!",
            "안녕하세요~",
            "안녕하십니까",
            "하이",
            "저기요",
            "안녕 길잡이",
            "반가워요",
            "반갑습니다",
            "여보세요",
            "계세요?",
            "ㅎㅇ",
            "처음 왔어요",
            "좋은 아침이에요",
            "안뇽",
            "헬로",
            "안녕하세여",
            "질문 있어요",
            "물어볼 게 있어요",
            "도와주세요",
            "길 좀 물을게요",
        ],
        [
            "안녕하세요! 무엇을 찾으세요?",
            "안녕하세요, 캠퍼스 길잡이예요. 무엇이든 물어보세요.",
            "반가워요! 건물이나 시설을 물어보세요.",
            "안녕하세요. 어디를 찾고 계세요?",
            "네, 안녕하세요! 무엇을 도와드릴까요?",
        ],
    ),
    "thanks": (
        ["고마워", "고맙습니다", "감사합니다", "감사해요", "고마워요!", "땡큐", "덕분에 찾았어요", "큰 도움이 됐어요", "친절하시네요", "ㄱㅅ", "감사합니당", "고마워 잘 찾아갈게", "도움이 됐어"],
        ["천만에요! 또 물어보세요.", "도움이 되어 기뻐요. 또 궁금한 점이 있으면 물어보세요.", "별말씀을요. 좋은 하루 보내세요!", "네, 언제든 물어보세요."],
    ),
    "bye": (
        ["잘 있어", "안녕히 계세요", "나중에 봐", "바이", "다음에 또 올게", "이만 갈게요", "수고하세요", "잘가", "그럼 이만", "끝"],
        ["안녕히 가세요! 좋은 하루 보내세요.", "네, 다음에 또 만나요!", "조심히 가세요. 언제든 다시 물어보세요.", "좋은 하루 되세요!"],
    ),
    "who": (
        [
            "넌 누구야?",
            "너 누구니",
            "이름이 뭐야?",
            "누구세요?",
            "뭐 하는 봇이야?",
            "당신은 누구인가요?",
            "너는 뭐야",
            "자기소개 해줘",
            "넌 뭘 알아?",
            "무엇을 물어볼 수 있나요?",
            "뭘 도와줄 수 있어?",
            "기능이 뭐야",
            "몇 살이야?",
            "너 사람이야?",
            "너 로봇이야?",
            "취미가 뭐야?",
            "학생이야?",
        ],
        ["저는 캠퍼스 길잡이예요. 건물, 시설, 행정을 안내해 드려요.", "캠퍼스 길잡이예요. 학교에 대해 아는 것을 알려 드려요.", "저는 캠퍼스를 안내하는 길잡이예요. 찾는 곳을 물어보세요."],
    ),
    "lost": (
        ["길을 잃었어", "여기가 어딘지 모르겠어요", "헤매고 있어요", "나 신입생이야", "오늘 처음 등교해요", "학교가 너무 넓어", "길치예요"],
        ["괜찮아요. 가시려는 건물 이름을 말씀해 주세요.", "걱정하지 마세요. 어느 건물을 찾으시는지 알려 주세요.", "어디로 가시나요? 건물 이름을 알려 주시면 안내할게요."],
    ),
    "sad": (
        ["우울해", "힘들어", "시험 망했어", "졸려", "배고파", "심심해", "피곤해", "과제 하기 싫어", "외로워", "할머니가 돌아가셨어", "친구랑 싸웠어", "학교 가기 싫어"],
        [
            "마음이 힘드시겠어요. 이야기를 나누고 싶으시면 학생지원센터에서 도와드려요.",
            "그러시군요. 도움이 필요하시면 학생지원센터에 이야기해 보세요.",
            "힘내세요. 학생지원센터에서 이야기를 들어 드려요.",
        ],
    ),
    "insult": (
        ["바보", "멍청이", "너 별로야", "틀렸잖아", "도움이 안 돼", "못 알아듣네", "아니 그거 말고", "무슨 소리야", "짜증나"],
        ["죄송해요. 무엇을 찾으시는지 다시 말씀해 주세요.", "도움이 못 되어 죄송해요. 건물이나 시설 이름으로 물어봐 주세요.", "미안해요. 다시 한번 물어봐 주시겠어요?"],
    ),
}
TALK_EN: dict[str, tuple[list[str], list[str]]] = {
    "greet": (
        [
            "hi",
            "hello",
            "Hello!",
            "hey",
            "hey there",
            "Hi there!",
            "good afternoon",
            "hiya",
            "excuse me",
            "I have a question",
            "can you help me?",
            "help please",
            "hello campus guide",
            "yo",
            "nice to meet you",
            "is anyone there?",
            "I'm new here",
        ],
        [
            "Hello! What are you looking for?",
            "Hi, I'm the campus guide. Ask me anything about the campus.",
            "Hello! Which building or service can I help you with?",
            "Hi there! Where would you like to go?",
        ],
    ),
    "thanks": (
        ["thanks", "thank you", "Thank you!", "thanks so much", "thx", "that helps", "Great, thanks.", "cheers", "you're very helpful", "perfect, thank you", "ty", "awesome thanks"],
        ["You're welcome! Ask me any time.", "Glad to help. Have a good day!", "You're welcome. Is there anything else?", "My pleasure!"],
    ),
    "bye": (
        ["bye", "goodbye", "see you", "see you later", "bye bye", "gotta go", "have a nice day", "later", "that's all"],
        ["Goodbye! Have a nice day.", "See you! Come back any time.", "Take care, and ask me again any time."],
    ),
    "who": (
        [
            "who are you?",
            "what are you",
            "What's your name?",
            "are you a robot?",
            "Are you human?",
            "what can you do?",
            "what can I ask you?",
            "introduce yourself",
            "how old are you?",
            "are you a student?",
            "what do you know?",
            "do you have hobbies?",
            "how are you?",
            "how are you today",
        ],
        [
            "I'm the campus guide. I can tell you about buildings and services.",
            "I'm the guide for this campus. Ask me where things are.",
            "I am the campus guide. Ask me about buildings, services and offices.",
        ],
    ),
    "lost": (
        ["I'm lost", "i'm lost on campus", "where am I?", "this campus is so big", "I'm a new student", "first day here", "I can't find my class"],
        ["No worries. Tell me the name of the building you need.", "Don't worry, which building are you looking for?", "Where would you like to go? Tell me the building's name."],
    ),
    "sad": (
        ["I'm sad", "I'm so tired", "i failed my exam", "I'm hungry", "i'm bored", "I feel lonely", "my grandmother died", "I hate homework", "I'm stressed"],
        [
            "I'm sorry to hear that. The student service centre is there for you, if you want to talk.",
            "That sounds hard. You can always talk to the student service centre.",
            "I'm sorry. The student service centre can listen and help.",
        ],
    ),
    "insult": (
        ["you're useless", "that's wrong", "you are stupid", "no, not that", "you don't understand", "what are you talking about", "that makes no sense"],
        ["I'm sorry. Please tell me again what you are looking for.", "Sorry about that. Could you ask with the name of the building or service?", "I'm sorry, let's try again. What do you need?"],
    ),
}


def small_talk(random: Random) -> Dialogue:
    """One or two exchanges with `none` as facts, sometimes round a real question."""
    korean = random.random() < 0.6
    table = TALK_KO if korean else TALK_EN
    turns: list[User | str] = []
    intents = random.sample(list(table), random.choice([1, 1, 2]))
    for intent in intents:
        said, answered = table[intent]
        words = random.choice(said)
        # A greeting is short, yet the nearest facts may come along.
        shown = [] if random.random() < 0.85 else facts.question_and_facts(random, korean)[1]
        turns += [User(words, facts=shown), random.choice(answered)]
    if random.random() < 0.4:
        asked = facts.exchange(random, korean)
        turns = asked + turns if random.random() < 0.4 else turns + asked
    return Dialogue("campus", turns, "chat")


_HEAD_KO = re.compile(r"^(.{1,24}?)(?:에서는|에는|에서|은|는|에|을|를) ")
_HEAD_EN = re.compile(r"^(.{2,40}?) (?:is|are|has|have|stands|opens|closes|can|gives|stays|adjoins|costs?|runs|starts?|takes|recruit|made|held|served)\b", re.I)


def _wants(fact: str) -> list[str]:
    """What a fact can tell."""
    found = []
    for want, pattern in (
        ("hours", r"\d시|\d:\d\d|24 hours|쉬어|closed"),
        ("price", r"\d원| won\b|무료|free"),
        ("phone", r"\d{2,3}-\d{3,4}-\d{4}"),
        ("how_to_apply", r"신청|예약|[Aa]pply|[Aa]pplications|book them|appointment"),
        ("when", r"\d월|\d주차|week|month|January|February|March|May|October"),
        ("where", r"에 있|옆|층|floor|beside|next to|behind|opposite|on the|near"),
        ("what_is_there", r"에는|has|have"),
    ):
        if re.search(pattern, fact):
            found.append(want)
    return found or ["where"]


def real(random: Random, persona: Persona) -> Dialogue | None:
    """A question about a real fact, with it (and perhaps others) shown."""
    if not persona.facts:
        return None
    fact = random.choice(persona.facts)
    korean = is_korean(fact)
    head = (_HEAD_KO if korean else _HEAD_EN).match(fact)
    asked = facts.questions_about(korean)
    if not head:
        return None
    about = head.group(1)
    if about.startswith(("The ", "A ", "An ", "Your ")):
        about = about[0].lower() + about[1:]
    same = [other for other in persona.facts if is_korean(other) == korean and other != fact]
    near = [other for other in same if about.split()[-1] in other]
    shown = [fact, *random.sample(same, min(len(same), random.randint(0, 2)))]
    if random.random() < 0.35:
        random.shuffle(shown)
    want = random.choice(_wants(fact))
    words = fill(random.choice(asked[want]), {"place": about})
    said = [fact]
    # Several facts about one place: all that fit two sentences.
    if near and random.random() < 0.25:
        second = random.choice(near)
        if second not in shown:
            shown = [fact, second]
            said = [fact] if want not in _wants(second) else [fact, second]
    if "{" in words:
        return None
    return Dialogue("campus", [User(words, facts=shown), facts.answer(random, said)], "facts")
