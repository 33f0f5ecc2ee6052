"""The campus guide: hundreds of thousands of made-up facts, of which one answers the question and is copied into the reply."""

import tomllib
from dataclasses import dataclass
from functools import cache
from random import Random

from . import corpus, lexicon, memory
from .dialogue import Dialogue
from .paths import CORPUS
from .prompt import User, is_korean


@dataclass(frozen=True)
class Kind:
    """One sort of fact. `{s}` is its subject; the other slots are drawn afresh for each fact."""

    subjects: str
    facts: tuple[str, ...]
    questions: tuple[str, ...]


BUILDINGS_EN = [
    "library",
    "gym",
    "sports hall",
    "student union",
    "main hall",
    "auditorium",
    "dormitory",
    "engineering building",
    "science building",
    "art building",
    "music hall",
    "administration building",
    "cafeteria",
    "clinic",
    "language centre",
    "computer centre",
    "museum",
    "swimming pool",
    "law building",
    "medical school",
    "international office",
    "career centre",
    "bookshop",
    "chapel",
    "theatre",
    "bank",
    "post office",
    "copy shop",
    "convenience store",
    "parking garage",
    "north gate",
    "bicycle shed",
    "lecture hall",
]
BUILDINGS_KO = [
    "도서관",
    "체육관",
    "학생회관",
    "본관",
    "대강당",
    "기숙사",
    "공학관",
    "과학관",
    "예술관",
    "음악관",
    "행정관",
    "학생식당",
    "보건실",
    "어학원",
    "전산실",
    "박물관",
    "수영장",
    "법학관",
    "의학관",
    "국제교류처",
    "취업센터",
    "서점",
    "소극장",
    "은행",
    "우체국",
    "복사실",
    "편의점",
    "주차장",
    "후문",
    "자전거 보관소",
    "강의동",
    "인문관",
    "사회관",
    "경영관",
    "미술관",
    "운동장",
    "상담센터",
    "동아리방",
    "열람실",
    "카페",
    "매점",
    "휴게실",
    "컴퓨터실",
    "실험실",
    "연구동",
]
OFFICES_EN = [
    "dormitory office",
    "registrar's office",
    "scholarship office",
    "international office",
    "health centre",
    "career centre",
    "counselling centre",
    "library desk",
    "lost and found",
    "security office",
    "housing office",
    "sports office",
    "IT help desk",
    "exam office",
    "finance office",
    "student council",
    "parking office",
    "language centre",
]
OFFICES_KO = [
    "기숙사 사무실",
    "학사지원팀",
    "장학팀",
    "국제교류팀",
    "보건소",
    "취업지원팀",
    "상담센터",
    "도서관 안내대",
    "분실물센터",
    "경비실",
    "체육시설팀",
    "전산지원팀",
    "교무처",
    "재무팀",
    "총학생회",
    "주차관리실",
    "어학원 사무실",
    "입학처",
]
ITEMS_EN = [
    "student card",
    "locker",
    "parking permit",
    "transcript",
    "library card",
    "gym pass",
    "dorm room",
    "bicycle rental",
    "printing page",
    "meal ticket",
    "language course",
    "graduation gown",
    "swimming lesson",
    "health check",
    "study room",
    "projector rental",
    "enrolment certificate",
    "poster print",
]
ITEMS_KO = [
    "학생증 재발급",
    "사물함 대여",
    "주차권",
    "성적증명서",
    "도서관 회원증",
    "체육관 이용권",
    "기숙사비",
    "자전거 대여",
    "인쇄 한 장",
    "식권",
    "어학 강좌",
    "졸업 가운 대여",
    "수영 강습",
    "건강검진",
    "스터디룸",
    "빔프로젝터 대여",
    "재학증명서",
    "포스터 인쇄",
]
EVENTS_EN = [
    "course registration",
    "the school festival",
    "the entrance ceremony",
    "the final exams",
    "the midterm exams",
    "the winter break",
    "the scholarship application",
    "the dorm application",
    "the graduation ceremony",
    "the job fair",
    "the sports day",
    "the course change period",
    "the summer term",
    "tuition payment",
    "the exchange application",
    "the club fair",
]
EVENTS_KO = [
    "수강 신청",
    "축제",
    "입학식",
    "기말고사",
    "중간고사",
    "겨울방학",
    "장학금 신청",
    "기숙사 신청",
    "졸업식",
    "취업 박람회",
    "체육대회",
    "수강 변경",
    "여름 계절학기",
    "등록금 납부",
    "교환학생 신청",
    "동아리 박람회",
    "휴학 신청",
    "복학 신청",
]
WHO_EN = [
    "leave of absence",
    "scholarships",
    "student loans",
    "club rooms",
    "exchange programmes",
    "internships",
    "lost items",
    "course changes",
    "visa questions",
    "health insurance",
    "part-time jobs",
    "military service papers",
    "transcripts",
    "dorm repairs",
    "wifi problems",
    "double majors",
]
WHO_KO = [
    "휴학",
    "장학금",
    "학자금 대출",
    "동아리방",
    "교환학생",
    "인턴십",
    "분실물",
    "수강 변경",
    "비자",
    "건강보험",
    "근로 장학",
    "병무",
    "성적증명서",
    "기숙사 수리",
    "와이파이",
    "복수전공",
    "전과",
    "졸업 요건",
]

KINDS_EN = [
    Kind(
        "building",
        (
            "{S} is on the {f} floor of {b}.",
            "{S} is in {b}, room {r}.",
            "You will find {s} in {b}, {f} floor.",
            "{S} is next to {b}.",
            "{S} stands between {b} and {b2}.",
            "{S} is behind {b}.",
            "{S} is opposite {b}.",
            "{S} is to the left of {b}.",
            "{S} is five minutes on foot from {b}.",
        ),
        (
            "Where is {s}?",
            "where's {s}",
            "How do I find {s}?",
            "Can you tell me where {s} is?",
            "i'm looking for {s}",
            "I can't find {s}.",
            "which building is {s} in?",
            "Do you know where {s} is?",
            "where can i find {s}",
            "{s}?",
            "location of {s}?",
        ),
    ),
    Kind(
        "building",
        ("{S} is open from {h} to {h2}.", "{S} opens at {h} and closes at {h2}.", "{S} is open on weekdays from {h} to {h2}.", "{S} is closed on {d}.", "{S} closes at {h2}."),
        (
            "When is {s} open?",
            "What time does {s} open?",
            "when does {s} close?",
            "opening hours of {s}?",
            "How late is {s} open?",
            "is {s} open today?",
            "What are the hours of {s}?",
            "until when is {s} open",
            "Can I go to {s} on Sunday?",
        ),
    ),
    Kind(
        "building",
        (
            "From the main gate, walk past {b} and turn left to reach {s}.",
            "To get to {s}, go through {b}.",
            "{S} is connected to {b} by a bridge.",
            "The shuttle bus stops in front of {s}.",
            "To reach {s}, take bus {n} to {b}.",
            "From the station, bus {n} goes to {s}.",
        ),
        (
            "How do I get to {s}?",
            "How can I get to {s}?",
            "what's the way to {s}",
            "Tell me the way to {s}.",
            "how to go to {s}",
            "directions to {s} please",
            "Can I take a bus to {s}?",
            "how do i reach {s} from the main gate?",
        ),
    ),
    Kind(
        "office",
        ("The phone number of the {s} is {p}.", "The {s} can be reached at {p}.", "Call the {s} at {p}."),
        ("What's the phone number of the {s}?", "How can I call the {s}?", "phone number for the {s}?", "number of the {s} please", "How do I contact the {s}?", "can i call the {s}"),
    ),
    Kind(
        "office",
        ("The {s} is in {b}, room {r}.", "The {s} is on the {f} floor of {b}.", "You will find the {s} in {b}."),
        ("Where is the {s}?", "where do I find the {s}?", "Which room is the {s}?", "the {s}, where is it?", "I need the {s}.", "which floor is the {s} on?"),
    ),
    Kind(
        "item",
        ("A {s} costs {m} won.", "The fee for a {s} is {m} won.", "A {s} is {m} won."),
        ("How much is a {s}?", "What does a {s} cost?", "price of a {s}?", "what's the fee for a {s}", "how much do I pay for a {s}?", "Is a {s} expensive?"),
    ),
    Kind(
        "item",
        ("You can get a {s} at {b}, room {r}.", "Apply for a {s} on the portal site.", "A {s} takes {n2} days.", "You get a {s} at the {o}."),
        ("How do I get a {s}?", "where can i get a {s}", "I need a {s}.", "how can I apply for a {s}?", "Where do I go for a {s}?"),
    ),
    Kind(
        "event",
        ("{S} starts on {D}.", "{S} runs from {D} to {D2}.", "{S} is on {D}.", "{S} ends on {D2}."),
        ("When is {s}?", "when does {s} start", "What are the dates of {s}?", "Do you know when {s} is?", "date of {s}?", "on which day is {s}?", "when does {s} end?"),
    ),
    Kind(
        "who",
        ("For {s}, go to the {o}.", "Questions about {s} go to the {o}.", "The {o} in {b} helps with {s}.", "Ask the {o} about {s}."),
        ("Who do I ask about {s}?", "where do i ask about {s}", "I have a question about {s}.", "Who can help me with {s}?", "which office handles {s}?", "Can someone help with {s}?"),
    ),
]
KINDS_KO = [
    Kind(
        "building",
        (
            "{s|은/는} {b} {f}층에 있습니다.",
            "{s|은/는} {b} {r}호에 있습니다.",
            "{s|은/는} {b} 옆에 있습니다.",
            "{s|은/는} {b|과/와} {b2} 사이에 있습니다.",
            "{s|은/는} {b} 뒤에 있습니다.",
            "{s|은/는} {b} 맞은편에 있습니다.",
            "{s|은/는} 정문에서 올라오는 길의 오른쪽에 있습니다.",
            "{s|은/는} {b} 지하 {f}층에 있습니다.",
            "{s|은/는} {b|과/와} 맞닿아 있습니다.",
            "{s|은/는} {b} 바로 앞에 있어요.",
        ),
        (
            "{s|은/는} 어디에 있어?",
            "{s} 어디야?",
            "{s} 어디 있어요?",
            "{s|이/가} 어디예요?",
            "{s} 위치 알려줘",
            "{s} 위치 좀 알려주세요",
            "{s|을/를} 찾고 있어요",
            "{s} 어디 있는지 알아?",
            "{s|은/는} 몇 층이야?",
            "{s} 어딘가요?",
            "{s} 못 찾겠어",
            "{s|은/는} 어느 건물에 있나요?",
            "{s|이/가} 어디에 있나요?",
            "{s} 어디임?",
            "{s}?",
            "{s}",
        ),
    ),
    Kind(
        "building",
        ("{s|은/는} {h}부터 {h2}까지 엽니다.", "{s|은/는} 평일 {h}에 열고 {h2}에 닫습니다.", "{s} 운영 시간은 {h}부터 {h2}까지입니다.", "{s|은/는} {d}에 쉽니다.", "{s|은/는} {h2}에 닫습니다."),
        (
            "{s} 몇 시에 열어?",
            "{s|은/는} 몇 시까지 해요?",
            "{s} 언제 닫아?",
            "{s} 운영 시간 알려줘",
            "{s|은/는} 언제까지 열어요?",
            "{s} 지금 열었어?",
            "{s} 주말에도 해요?",
            "{s} 이용 시간이 어떻게 되나요?",
            "{s} 몇 시까지야",
            "{s} 오늘 해요?",
        ),
    ),
    Kind(
        "building",
        (
            "정문에서 {b|을/를} 지나 왼쪽으로 가면 {s|이/가} 나옵니다.",
            "{s|은/는} {b} 통로로 들어갈 수 있습니다.",
            "{s|은/는} {b|과/와} 다리로 연결되어 있습니다.",
            "셔틀버스가 {s} 앞에 섭니다.",
            "{s|은/는} {n}번 버스를 타고 {b}에서 내리면 됩니다.",
            "후문에서 {b|을/를} 따라 곧장 가면 {s|이/가} 있습니다.",
        ),
        (
            "{s|은/는} 어떻게 갈 수 있어?",
            "{s|으로/로} 가는 길 알려줘",
            "{s} 어떻게 가?",
            "{s} 가는 법 알려주세요",
            "{s|으로/로} 어떻게 가나요?",
            "{s} 가려면 어떻게 해야 해?",
            "{s}까지 가는 길을 알려줘",
            "{s} 가는 길 좀",
            "{s}에 가고 싶어요",
        ),
    ),
    Kind(
        "office",
        ("{s} 전화번호는 {p}입니다.", "{s|은/는} {p}번으로 전화하면 됩니다.", "{s} 연락처는 {p}입니다."),
        ("{s} 전화번호 알려줘", "{s} 번호 뭐야?", "{s} 연락처가 어떻게 되나요?", "{s}에 어떻게 연락해요?", "{s} 전화번호가 뭐예요?", "{s|으로/로} 전화하고 싶어"),
    ),
    Kind(
        "office",
        ("{s|은/는} {b} {r}호에 있습니다.", "{s|은/는} {b} {f}층에 있습니다.", "{s|은/는} {b} 안에 있습니다."),
        ("{s|은/는} 어디에 있어?", "{s} 어디예요?", "{s} 몇 호야?", "{s} 위치 알려주세요", "{s} 가야 하는데 어디죠?", "{s} 몇 층이에요?"),
    ),
    Kind(
        "item",
        ("{s} 비용은 {m}원입니다.", "{s|은/는} {m}원입니다.", "{s} 요금은 {m}원입니다."),
        ("{s} 얼마야?", "{s} 비용이 얼마예요?", "{s} 가격 알려줘", "{s|은/는} 얼마인가요?", "{s} 돈 얼마 들어?", "{s} 요금 좀 알려주세요"),
    ),
    Kind(
        "item",
        ("{s|은/는} {b} {r}호에서 신청합니다.", "{s|은/는} 포털에서 신청할 수 있습니다.", "{s|은/는} {n2}일 걸립니다.", "{s|은/는} {o}에서 할 수 있습니다."),
        ("{s|은/는} 어디서 신청해?", "{s} 어떻게 해요?", "{s} 하고 싶은데 어디로 가요?", "{s} 신청 방법 알려줘", "{s} 어디서 해?", "{s|을/를} 하려면 어떻게 하나요?"),
    ),
    Kind(
        "event",
        ("{s|은/는} {D}에 시작합니다.", "{s} 기간은 {D}부터 {D2}까지입니다.", "{s|은/는} {D}입니다.", "{s|은/는} {D2}에 끝납니다."),
        ("{s} 언제야?", "{s|은/는} 언제 시작해요?", "{s} 날짜 알려줘", "{s} 기간이 언제인가요?", "{s} 언제부터야?", "{s|이/가} 며칠이죠?", "{s} 언제까지예요?"),
    ),
    Kind(
        "who",
        ("{s} 문의는 {o}에서 받습니다.", "{s} 관련 상담은 {o}에서 합니다.", "{s|은/는} {b}에 있는 {o}에서 도와드립니다.", "{s|은/는} {o}에 물어보면 됩니다."),
        ("{s|은/는} 어디에 물어봐?", "{s} 문의 어디로 해요?", "{s} 관련해서 물어볼 게 있어요", "{s} 상담은 누구한테 받아?", "{s} 담당 부서가 어디예요?", "{s} 도움 받으려면 어디로 가요?"),
    ),
]

# Which questions of corpus/questions.*.toml ask for which of the kinds above.
_MORE = {
    (korean, kind.subjects, kind.facts[0]): want
    for korean, kinds in ((True, KINDS_KO), (False, KINDS_EN))
    for kind, want in zip(kinds, ("where", "hours", "where", "phone", "where", "price", "how_to_apply", "when", "who_to_ask"), strict=True)
}

UNKNOWN_KO = [
    "잘 모르겠어요. 학생지원센터(2호관 1층)에 문의해 주세요.",
    "잘 모르겠어요. 학생지원센터(2호관 1층)에 문의해 주세요.",
    "그건 잘 모르겠어요. 학생지원센터에 문의해 주세요.",
    "제가 아는 정보에는 없어요. 학생지원센터에 물어보시면 도와드릴 거예요.",
    "죄송하지만 그건 모르겠어요. 학생지원센터에 확인해 보세요.",
    "그 내용은 모르겠습니다. 학생지원센터에 문의해 보시겠어요?",
    "저는 잘 모르는 내용이에요. 학생지원센터에서 알려 드릴 거예요.",
]
UNKNOWN_EN = [
    "I do not know. Please ask the student service centre (Building 2, floor 1).",
    "I do not know. Please ask the student service centre (Building 2, floor 1).",
    "I don't know that, sorry. Please ask the student service centre.",
    "I'm afraid I don't know. The student service centre can help you.",
    "That's not in my information. Please try the student service centre.",
    "Sorry, I do not know. You could ask the student service centre.",
]
# Questions that no campus fact answers.
OUTSIDE_KO = [
    "내일 비 와?",
    "대통령이 누구야?",
    "주식 뭐 사야 해?",
    "맛집 추천해줘",
    "수학 문제 풀어줘",
    "영화 뭐가 재밌어?",
    "어제 경기 누가 이겼어?",
    "우주는 얼마나 커?",
    "노래 불러줘",
    "파이썬 알려줘",
    "교수님 나이가 몇이야?",
    "시험 문제 알려줘",
    "이 과제 대신 해줘",
    "가장 높은 산이 뭐야?",
    "복권 번호 알려줘",
    "근처 병원 어디 있어?",
    "지하철 요금 얼마야?",
    "오늘 환율 알려줘",
    "네 생각은 어때?",
    "인공지능이 뭐야?",
    "고양이는 몇 년 살아?",
    "연애 상담해줘",
    "총장님 전화번호 알려줘",
    "학교 주변 원룸 가격 알려줘",
    "성적 올리는 법 알려줘",
    "교수님 연락처 알려줘",
    "수영장 있어?",
    "흡연 구역이 어디야?",
    "강의 평가 좋은 수업 알려줘",
    "축구부 들어가고 싶어",
    "택배는 어디서 받아?",
    "근처 피시방 있어?",
    "헬스장 비용이 얼마예요?",
    "비밀번호 알려줘",
]
OUTSIDE_EN = [
    "Will it rain tomorrow?",
    "Who is the president?",
    "which stocks should I buy?",
    "Recommend a restaurant.",
    "solve this equation for me",
    "What's a good movie?",
    "who won the game last night",
    "How big is the universe?",
    "sing me a song",
    "write some code",
    "How old is the professor?",
    "give me the exam questions",
    "do my homework",
    "What's the highest mountain?",
    "lottery numbers please",
    "Where is the nearest hospital?",
    "how much is the subway",
    "what do you think about love?",
    "How long do cats live?",
    "what is artificial intelligence",
    "How much is rent near campus?",
    "Is there a sauna?",
    "where can I smoke?",
    "which class is easiest?",
    "tell me the wifi password",
    "Can I bring my dog?",
    "what's the weather like?",
    "Who is the best professor?",
    "where do I get my parcel?",
    "Translate this for me.",
]


def _building(random: Random, korean: bool) -> str:
    roll = random.random()
    if korean:
        if roll < 0.3:
            return f"{random.randint(1, 40)}호관"
        if roll < 0.5:
            return lexicon.syllables_ko(random, 2, 2) + random.choice(["관", "관", "홀", "동", "센터", "당"])
        return random.choice(BUILDINGS_KO)
    if roll < 0.3:
        return f"Building {random.choice([str(random.randint(1, 40)), random.choice('ABCDEFGH')])}"
    if roll < 0.5:
        return f"{lexicon.syllables_en(random)} {random.choice(['Hall', 'House', 'Centre', 'Tower', 'Library'])}"
    return f"the {random.choice(BUILDINGS_EN)}"


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def subject(random: Random, kind: Kind, korean: bool) -> str:
    """Something that a fact of this kind is about."""
    match kind.subjects:
        case "building":
            return _building(random, korean)
        case "office":
            return random.choice(OFFICES_KO if korean else OFFICES_EN)
        case "item":
            return random.choice(ITEMS_KO if korean else ITEMS_EN)
        case "event":
            return random.choice(EVENTS_KO if korean else EVENTS_EN)
        case _:
            return random.choice(WHO_KO if korean else WHO_EN)


def _slots(random: Random, about: str, korean: bool) -> dict[str, str]:
    hour, later = random.randint(6, 11), random.randint(1, 11)
    if korean:
        opens = random.choice([f"오전 {hour}시", f"{hour}시", f"오전 {hour}시 30분"])
        closes = random.choice([f"오후 {later}시", f"{later + 12}시", f"밤 {later}시"])
        day = random.choice(["일요일", "월요일", "주말", "공휴일", "토요일"])
        dates = [f"{random.randint(1, 12)}월 {random.randint(1, 28)}일" for _ in range(2)]
        office = random.choice(OFFICES_KO)
    else:
        opens = random.choice([f"{hour} a.m.", f"{hour}:00", f"{hour}:30", f"{hour} in the morning"])
        closes = random.choice([f"{later} p.m.", f"{later + 12}:00", f"{later + 12}:30", f"{later} in the evening"])
        day = random.choice(["Sunday", "Monday", "weekends", "holidays", "Saturday"])
        dates = [f"{random.choice(lexicon.MONTHS_EN)} {random.randint(1, 28)}" for _ in range(2)]
        office = random.choice(OFFICES_EN)
    return {
        "s": about,
        "S": about[:1].upper() + about[1:],
        "b": _building(random, korean),
        "b2": _building(random, korean),
        "f": str(random.randint(1, 9)) if korean else _ordinal(random.randint(1, 9)),
        "r": str(random.randint(101, 999)),
        "h": opens,
        "h2": closes,
        "d": day,
        "n": str(random.randint(2, 999)),
        "n2": str(random.randint(1, 14)),
        "o": office,
        "p": f"{random.choice(['02', '031', '042', '051', '053', '062', '064', '010'])}-{random.randint(100, 9999)}-{random.randint(0, 9999):04}",
        "m": f"{random.randint(1, 90)},{random.choice(['000', '500', '000', '200'])}",
        "D": dates[0],
        "D2": dates[1],
    }


_SOFT = {
    "있습니다.": "있어요.",
    "합니다.": "해요.",
    "닫습니다.": "닫아요.",
    "엽니다.": "열어요.",
    "됩니다.": "돼요.",
    "나옵니다.": "나와요.",
    "섭니다.": "서요.",
    "쉽니다.": "쉬어요.",
    "받습니다.": "받아요.",
    "도와드립니다.": "도와드려요.",
    "걸립니다.": "걸려요.",
    "신청합니다.": "신청해요.",
    "시작합니다.": "시작해요.",
    "끝납니다.": "끝나요.",
}


def _soft(fact: str) -> str:
    """A Korean fact in the other polite style."""
    if fact.endswith("입니다."):
        stem = fact.removesuffix("입니다.")
        return lexicon.particle(stem, "이에요/예요") + "."
    for formal, soft in sorted(_SOFT.items(), key=lambda pair: -len(pair[0])):
        if fact.endswith(formal):
            return fact.removesuffix(formal) + soft
    return fact


def _fact(random: Random, kind: Kind, about: str, korean: bool) -> str:
    """A made-up fact; sometimes two in one sentence, as real ones are."""
    text = lexicon.fill(random.choice(kind.facts), _slots(random, about, korean))
    if korean and text.endswith("에 있습니다.") and random.random() < 0.3:
        hours = KINDS_KO[1].facts[0].replace("{s|은/는} ", "평일 ")
        text = text.removesuffix("습니다.") + "고, " + lexicon.fill(hours, _slots(random, about, korean))
    elif not korean and " is " in text and random.random() < 0.2:
        hours = _slots(random, about, korean)
        text = text.removesuffix(".") + f", open from {hours['h']} to {hours['h2']}."
    return _soft(text) if korean and random.random() < 0.6 else text


def _other(random: Random, korean: bool, avoid: str) -> str:
    kinds = KINDS_KO if korean else KINDS_EN
    while True:
        kind = random.choice(kinds)
        about = subject(random, kind, korean)
        if about != avoid:
            return _fact(random, kind, about, korean)


def polite(fact: str) -> str:
    """The fact as the guide says it: a plain Korean ending becomes a polite one."""
    for plain, kind in (("있다.", "있습니다."), ("이다.", "입니다."), ("한다.", "합니다."), ("된다.", "됩니다."), ("연다.", "엽니다."), ("닫는다.", "닫습니다.")):
        if fact.endswith(plain):
            return fact.removesuffix(plain) + kind
    return fact


def answer(random: Random, facts: list[str]) -> str:
    """One or two facts, said as they stand, perhaps with a word around them."""
    korean = is_korean(facts[0])
    before = random.choice(["", "", "", "", "네, "] if korean else ["", "", "", "", "Sure. "])
    after = random.choice(["", "", "", "", "", " 더 궁금한 점이 있으세요?"] if korean else ["", "", "", "", "", " Anything else?"])
    return before + " ".join(polite(fact) for fact in facts) + after


def question_and_facts(random: Random, korean: bool) -> tuple[str, list[str], list[str]]:
    """(question, the one to three facts shown, those of them that answer it)"""
    kind = random.choice(KINDS_KO if korean else KINDS_EN)
    about = subject(random, kind, korean)
    right = [_fact(random, kind, about, korean)]
    if random.random() < 0.12:
        second = _fact(random, kind, about, korean)
        if second.split()[1:3] != right[0].split()[1:3]:
            right.append(second)
    shown = list(right)
    for _ in range(random.choice([0, 0, 1, 1, 2])):
        shown.append(_other(random, korean, about))
    shown = shown[:3]
    if random.random() < 0.4:
        random.shuffle(shown)
    said = [fact for fact in shown if fact in right]
    questions = kind.questions
    extra = _MORE.get((korean, kind.subjects, kind.facts[0]))
    if extra and random.random() < 0.4:
        more = questions_about(korean).get(extra, [])
        if more:
            return corpus.fill(random.choice(more), {"place": about}), shown, said
    return lexicon.fill(random.choice(questions), {"s": about}), shown, said


@cache
def questions_about(korean: bool) -> dict[str, list[str]]:
    """Questions about a `{place}`, by what they want to know: corpus/questions.<language>.toml."""
    return tomllib.loads((CORPUS / f"questions.{'ko' if korean else 'en'}.toml").read_text("utf-8"))


def exchange(random: Random, korean: bool) -> list[User | str]:
    """A question and its answer; now and then the facts do not hold the answer, or there are none."""
    roll = random.random()
    if roll < 0.14:
        outside = random.random() < 0.6
        words = random.choice(OUTSIDE_KO if korean else OUTSIDE_EN) if outside else question_and_facts(random, korean)[0]
        return [User(words, facts=[]), random.choice(UNKNOWN_KO if korean else UNKNOWN_EN)]
    words, shown, right = question_and_facts(random, korean)
    return [User(words, facts=shown), answer(random, right)]


def dialogue(random: Random) -> Dialogue:
    """One to three questions in one language; sometimes the person's memory stands there too."""
    korean = random.random() < 0.6
    turns: list[User | str] = []
    for _ in range(random.choice([1, 2, 2, 3, 4])):
        turns += exchange(random, korean)
    first = turns[0]
    if isinstance(first, User) and random.random() < 0.2:
        first.memory = memory.notes(random, "ko" if korean else "en", 1, 4)
    return Dialogue("campus", turns, "facts")
