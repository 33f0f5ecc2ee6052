"""메추리's recommendations: a request, a dish that fits it, another dish when another is asked for, never one with an allergen."""

import tomllib
from dataclasses import dataclass
from functools import cache
from random import Random

from . import lexicon, memory
from .dialogue import Dialogue
from .lexicon import fill, particle
from .paths import CORPUS, PACKAGE
from .prompt import User


@dataclass(frozen=True)
class Dish:
    """A dish, from dishes.txt and corpus/mechuri.dishes.toml."""

    name: str
    tags: tuple[str, ...]
    contains: tuple[str, ...]
    # One sentence that recommends it, and one that says what it is.
    about: str
    what: str


# The corpus' words for tags and ingredients -> the ones used here.
_TAGS = {
    "안주": "술안주",
    "달달": "달콤한",
    "담백": "담백한",
    "추위": "겨울",
    "더위": "여름",
    "저칼로리": "다이어트",
    "모임": "파티",
    "혼밥": "혼자",
    "소화": "속편한",
    "음료찬": "음료",
    "음료따": "음료",
    "자취": "간단",
    "해산물": "생선",
    "저칼로리식": "다이어트",
    "단백질": "건강",
}
_INGREDIENTS = {"대두": "콩", "달걀": "계란", "밀": "밀가루", "캐슈넛": "캐슈너트"}


@cache
def dishes() -> list[Dish]:
    """All dishes. One that both files know keeps the tags and ingredients of both."""
    found: dict[str, Dish] = {}
    for line in (PACKAGE / "dishes.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, tags, contains, about = line.split("|")
            found[name] = Dish(name, tuple(tags.split(",")), tuple(contains.split(",")), about, "")
    path = CORPUS / "mechuri.dishes.toml"
    for name, raw in tomllib.loads(path.read_text("utf-8")).items() if path.exists() else ():
        tags = [_TAGS.get(tag, tag) for tag in raw["tags"]]
        contains = [_INGREDIENTS.get(one, one) for one in raw["contains"]]
        before = found.get(name) or found.get(name.replace(" ", ""))
        if before:
            tags, contains = [*tags, *before.tags], [*contains, *before.contains]
            found.pop(before.name, None)
        found[name] = Dish(name, tuple(dict.fromkeys(tags)), tuple(dict.fromkeys(contains)), raw["pitch"], raw["what"])
    return list(found.values())


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted({dish.name for dish in dishes()}, key=len, reverse=True))


def names_in(text: str) -> set[str]:
    """The dishes that a text names; of two that share letters, the longer one."""
    found = set()
    for name in _names():
        if name in text:
            found.add(name)
            text = text.replace(name, "·")
    return found


# tag -> how a person names it, as something that "추천해줘" or "먹고 싶어" can follow
WANTED: dict[str, list[str]] = {
    "매운": ["매운 거", "매운 음식", "매콤한 거", "얼큰한 거", "매운 것", "맵고 자극적인 거", "화끈하게 매운 거", "엄청 매운 음식", "칼칼한 거", "매운 메뉴", "매운 요리"],
    "한식": ["한식", "한국 음식", "우리나라 음식", "한식 메뉴", "한식 종류", "밥이랑 먹는 한식"],
    "중식": ["중식", "중국 음식", "중국요리", "중식 메뉴", "중화요리"],
    "일식": ["일식", "일본 음식", "일식 메뉴", "일본 요리"],
    "양식": ["양식", "서양 음식", "양식 메뉴", "이탈리아 음식"],
    "분식": ["분식", "분식 메뉴", "분식집 음식", "학교 앞 분식"],
    "면": ["면 요리", "국수", "면 종류", "면으로 된 거", "후루룩 먹는 면", "면 음식"],
    "국물": ["국물 요리", "국물 있는 거", "따뜻한 국물", "뜨끈한 국물", "국이나 탕", "국물 음식", "탕 종류"],
    "간식": ["간식", "간단한 간식", "주전부리", "출출할 때 먹을 거", "입이 심심할 때 먹을 거", "가벼운 간식"],
    "야식": ["야식", "밤에 먹을 거", "늦은 밤 간식", "야식 메뉴", "밤참"],
    "디저트": ["디저트", "후식", "달콤한 디저트", "카페 디저트", "식후에 먹을 거"],
    "달콤한": ["달달한 거", "단 거", "달콤한 음식", "단 음식", "달콤한 거", "당 충전할 거"],
    "아침": ["아침", "아침 메뉴", "아침밥", "아침 식사", "바쁜 아침에 먹을 거"],
    "점심": ["점심", "점심 메뉴", "점심밥", "점심 식사", "회사 점심", "점심으로 먹을 거"],
    "저녁": ["저녁", "저녁 메뉴", "저녁밥", "저녁 식사", "오늘 저녁", "저녁으로 먹을 거"],
    "배달": ["배달 음식", "배달 메뉴", "시켜 먹을 거", "배달시킬 거"],
    "혼자": ["혼자 먹을 거", "혼밥 메뉴", "혼자 먹기 좋은 거", "혼밥하기 좋은 음식", "일 인분 메뉴"],
    "가족": ["가족이랑 먹을 거", "가족 외식 메뉴", "온 가족이 먹을 음식", "부모님이랑 먹을 거", "가족끼리 먹을 거"],
    "손님": ["손님상 메뉴", "손님 오면 내놓을 음식", "집들이 음식", "집들이 메뉴"],
    "술안주": ["술안주", "맥주 안주", "소주 안주", "안주", "술이랑 먹을 거", "안주거리"],
    "반찬": ["반찬", "밥반찬", "밑반찬", "반찬거리", "도시락 반찬"],
    "다이어트": ["다이어트 음식", "살 안 찌는 거", "칼로리 낮은 거", "다이어트 식단", "살 빼는 데 좋은 음식", "저칼로리 음식"],
    "건강": ["건강한 음식", "몸에 좋은 거", "건강식", "건강한 메뉴", "영양 많은 음식"],
    "채식": ["채식 메뉴", "고기 없는 음식", "채소 요리", "비건 음식", "채식"],
    "고기": ["고기", "고기 요리", "고기 메뉴", "든든한 고기", "고기 들어간 거"],
    "생선": ["생선 요리", "생선", "물고기 요리", "생선 메뉴"],
    "간단": ["간단한 요리", "간단하게 만들 거", "자취생 요리", "쉬운 요리", "금방 만드는 음식", "요리 초보가 할 만한 거"],
    "담백한": ["담백한 거", "담백한 메뉴", "자극적이지 않은 거", "심심하고 담백한 거", "안 짜고 담백한 음식"],
    "기름진": ["기름진 음식", "튀긴 거", "튀김 종류", "느끼하고 기름진 거", "바삭하게 튀긴 거"],
    "시원한": ["시원한 거", "차가운 거", "시원한 음식", "더위 식힐 거", "차가운 음식"],
    "음료": ["마실 거", "음료", "음료수", "카페 음료", "마실 만한 거"],
    "빵": ["빵", "빵 종류", "빵집에서 살 거", "맛있는 빵"],
    "편의점": ["편의점 음식", "편의점 메뉴", "편의점에서 살 거", "편의점 야식"],
    "속편한": ["속 편한 음식", "부드러운 음식", "소화 잘되는 거", "속이 안 좋을 때 먹을 거"],
    "데이트": ["데이트 메뉴", "분위기 있는 음식", "데이트할 때 먹을 거", "기념일 메뉴"],
    "밥": ["밥 종류", "밥", "밥이 들어간 거", "볶음밥 같은 거"],
    "덮밥": ["덮밥", "덮밥 종류", "덮밥 메뉴"],
    "도시락": ["도시락 메뉴", "소풍 도시락", "도시락으로 쌀 거"],
}
REQUESTS = [
    "{w} 추천해줘",
    "{w} 추천해 줘",
    "{w} 추천 좀",
    "{w} 추천해 주세요",
    "{w} 추천해주세요",
    "{w} 추천 부탁해",
    "{w} 추천 부탁드려요",
    "{w} 골라줘",
    "{w} 하나만 골라줘",
    "{w} 뭐가 좋을까?",
    "{w} 뭐 있을까?",
    "{w} 뭐 먹을까?",
    "{w} 뭐 먹지",
    "{w} 뭐가 좋을까요?",
    "{w} 없을까?",
    "{w} 좀 알려줘",
    "{w} 어떤 게 좋아?",
    "{w} 땡긴다",
    "{w} 먹고 싶어",
    "{w} 먹고 싶다",
    "{w} 먹고싶은데 뭐 먹지",
    "{w} 당기는데 뭐가 있을까",
    "{w} 뭐 먹는 게 좋을까요",
    "오늘은 {w}",
    "{w}",
    "{w} 메뉴 뭐가 있지",
    "나 {w} 먹고 싶은데",
    "{w} 생각나",
    "{w} 정해줘",
    "{w} 추천!",
    "{w} 먹을래",
    "{w} 하나만 추천해줘",
    "지금 {w} 먹고 싶어요",
    "오늘 {w} 뭐 먹으면 좋을까",
    "친구랑 {w} 먹으려는데 뭐가 좋지?",
]
DRINK_REQUESTS = ["{w} 추천해줘", "{w} 추천 좀", "{w} 뭐가 좋을까?", "{w} 없을까?", "{w} 골라줘", "{w} 마시고 싶어", "{w} 땡긴다", "뭐 마실까? {w}", "{w} 추천해 주세요", "{w} 뭐 마시지"]

# situation -> (tags of dishes that fit, phrasings)
SITUATIONS: list[tuple[tuple[str, ...], list[str]]] = [
    (("비",), ["비 오는데 뭐 먹을까?", "비 오는 날 메뉴 추천해줘", "비가 와서 뜨끈한 게 먹고 싶어", "비 오니까 뭐가 땡기지", "장마철에 뭐 먹으면 좋을까요?", "창밖에 비 오네 뭐 먹지"]),
    (("여름", "시원한"), ["너무 더운데 뭐 먹지", "더워서 입맛이 없어", "여름에 먹기 좋은 거 추천해줘", "더위 먹은 것 같은데 뭐 먹을까", "오늘 폭염이래 뭐 먹을까요?"]),
    (("겨울", "국물"), ["추운데 뭐 먹을까", "날씨가 추워서 따뜻한 게 먹고 싶어", "눈 오는 날 뭐 먹지?", "너무 춥다 메뉴 추천해줘", "겨울에 먹기 좋은 음식 알려줘"]),
    (("감기", "속편한"), ["감기 기운이 있는데 뭐 먹지", "몸살 났어 뭐 먹을까", "목이 아픈데 뭐가 좋을까요?", "아파서 입맛이 없어요", "열나는데 먹을 만한 거 추천해줘", "몸이 안 좋은데 뭐 먹을까"]),
    (("해장",), ["어제 술 마셨는데 뭐 먹지", "해장 음식 추천해줘", "숙취가 심해요 뭐 먹을까요", "해장하고 싶어", "속 쓰린데 해장 메뉴 없을까"]),
    (("우울", "달콤한"), ["기분이 우울해 뭐 먹을까", "우울할 때 먹으면 좋은 거 추천해줘", "슬픈데 뭐 먹지", "기분 전환할 음식 추천해줘", "오늘 속상한 일 있었어 뭐 먹을까", "울적한데 먹을 거 골라줘"]),
    (("스트레스", "매운"), ["스트레스 받는데 뭐 먹지", "스트레스 풀리는 음식 추천해줘", "상사 때문에 화나 뭐 먹을까", "열받는데 뭐 먹을까요", "짜증 날 때 먹기 좋은 거 알려줘"]),
    (("간식", "아침", "간단"), ["조금 출출한데 뭐 먹지", "배가 살짝 고파", "출출하다", "입이 심심해", "살짝 허기지는데 뭐가 좋을까요?", "밥 먹기엔 애매하게 배고파"]),
    (
        ("저녁", "점심", "한식", "면", "양식"),
        [
            "뭐 먹지?",
            "오늘 뭐 먹을까?",
            "배고파 뭐 먹을까",
            "메뉴 추천해줘",
            "메뉴 좀 골라 주세요",
            "먹을 거 추천해줘",
            "아무 메뉴나 골라줘",
            "배고프다",
            "뭐 먹으면 좋을까요?",
            "오늘의 메뉴는?",
            "결정 장애야 메뉴 골라줘",
            "추천 좀 해줘",
            "맛있는 거 먹고 싶어",
            "배고파요",
            "음식 추천해 주세요",
            "밥 뭐 먹지",
            "냉장고가 비었어 뭐 시킬까",
            "오늘 메뉴 뭐로 하지",
            "식사 추천해줘",
            "너는 뭐 먹고 싶어?",
            "알아서 골라줘",
            "아무거나",
            "다 좋아 골라줘",
        ],
    ),
    (("데이트",), ["여자친구랑 뭐 먹을까", "남자친구랑 저녁 먹는데 뭐가 좋을까요", "첫 데이트에 뭐 먹지?", "소개팅인데 메뉴 추천해줘", "썸타는 사람이랑 먹을 거 골라줘", "결혼기념일인데 뭐 먹지"]),
    (("파티", "배달", "친구"), ["친구들이 놀러 오는데 뭐 시키지", "파티 음식 추천해줘", "생일 파티에 뭐 먹을까", "여럿이 먹을 배달 추천해줘", "친구들이랑 뭐 먹을까요?", "오늘 친구랑 뭐 먹지"]),
    (("회식", "고기"), ["회식 메뉴 추천해줘", "회식 때 뭐 먹지", "팀원들이랑 저녁 뭐 먹을까요?", "부장님이 회식하자는데 뭐가 좋지"]),
    (("명절", "손님", "가족"), ["명절에 뭐 먹지", "설날에 먹을 음식 추천해줘", "추석 음식 뭐가 있어?", "엄마 생신에 뭐 해 드릴까", "어른들 모시고 갈 메뉴 추천해줘"]),
    (("아이", "간단"), ["아이가 먹을 만한 거 추천해줘", "애들 저녁 뭐 해줄까", "유치원생 반찬 뭐가 좋을까요", "조카가 오는데 뭐 먹이지"]),
    (
        ("다이어트", "가벼운", "건강"),
        [
            "다이어트 중인데 뭐 먹을까",
            "살 빼는 중이야 뭐 먹지",
            "가볍게 먹고 싶어",
            "요즘 살쪄서 가벼운 거 먹을래",
            "운동하고 나서 뭐 먹지?",
            "헬스하는데 뭐 먹으면 좋을까요",
            "저녁을 가볍게 때우고 싶어",
        ],
    ),
    (("기운", "건강", "고기"), ["기운이 없어 뭐 먹을까", "몸보신하고 싶어", "피곤한데 뭐 먹으면 힘날까", "요즘 너무 지쳐 뭐 먹지?", "보양식 추천해줘"]),
    (("야식", "술안주"), ["밤인데 배고파", "새벽인데 뭐 먹을까", "축구 보면서 먹을 거 추천해줘", "영화 보면서 뭐 먹지?", "잠이 안 와서 뭐 좀 먹을래", "늦었는데 뭐 먹지"]),
    (("이사", "배달"), ["오늘 이사했는데 뭐 먹지", "이삿날 메뉴 추천해줘", "귀찮은데 뭐 시켜 먹지", "요리하기 싫어", "밥하기 귀찮다"]),
]

ANOTHER = [
    "다른 거",
    "다른 거 추천해줘",
    "다른 거 없어?",
    "다른 메뉴 추천해줘",
    "다른 메뉴는?",
    "다른 음식은?",
    "그거 말고 다른 거",
    "그거 말고",
    "별로야 다른 거",
    "또 다른 건?",
    "다른 것도 추천해 주세요",
    "그건 싫어",
    "그건 어제 먹었어",
    "이미 먹었어",
    "음 다른 거",
    "또 뭐 있어?",
    "하나 더 추천해줘",
    "다시 추천해줘",
    "다시 골라줘",
    "다른 거 부탁해요",
    "그거 빼고",
    "딴 거",
    "딴 거 없어?",
    "마음에 안 들어",
    "다른 걸로",
    "별론데",
    "그것도 좋은데 다른 거",
    "새로운 메뉴로",
    "한 번 더",
    "더 추천해줘",
    "그건 안 땡겨",
    "그건 질렸어",
    "다른 건 없나요?",
    "다음",
    "패스",
]
ACCEPTS = [
    "좋아 그거 먹을게",
    "그걸로 할게",
    "오 좋다",
    "좋아요",
    "그거 먹어야겠다",
    "맛있겠다",
    "오 맛있겠다",
    "콜",
    "그거 좋네요",
    "딱이다",
    "그래 그거",
    "좋은 생각이야",
    "그걸로 정했어",
    "먹으러 가야지",
    "바로 시킬게",
    "굿",
]
ENJOY = [
    "좋은 선택이에요! 맛있게 드세요.",
    "맛있게 드세요! 다음에 또 골라 드릴게요.",
    "잘 고르셨어요. 맛있는 시간 보내세요!",
    "다행이에요! 맛있게 드시고 또 불러 주세요.",
    "좋아요, 맛있게 드세요!",
    "든든하게 드시고 즐거운 하루 보내세요!",
]
WHY = ["왜?", "왜 그거야?", "왜 추천했어?", "그게 왜 좋아?", "이유가 뭐야?", "어떤 점이 좋아요?", "그건 어떤 음식이야?", "맛있어?", "그게 뭔데?", "무슨 맛이야?"]
IS_IT = [
    "{s|은/는} 어떤 음식이야?",
    "{s|이/가} 뭐야?",
    "{s|은/는} 무슨 음식이에요?",
    "{s} 뭐야?",
    "{s} 어떤 맛이야?",
    "{s} 알아?",
    "{s|이/가} 어떤 음식인지 알려줘",
    "{s} 설명해줘",
    "{s|은/는} 어떤 맛이에요?",
    "{s} 먹어 봤어?",
]
SHALL_I = ["{s} 어때?", "{s} 먹을까?", "{s} 먹어도 될까?", "오늘 {s} 먹으려는데 어때?", "{s} 괜찮을까요?", "{s} 먹고 싶다", "{s} 먹고 싶어", "{s} 먹었어", "방금 {s} 먹었어요"]

OFFERS = [
    "{n|은/는} 어떠세요? {about}",
    "{n|은/는} 어떠세요? {about}",
    "{n|을/를} 추천드려요. {about}",
    "{n|을/를} 추천해요. {about}",
    "{n|은/는} 어떠신가요? {about}",
    "{n|은/는} 어때요? {about}",
    "오늘은 {n|은/는} 어떠세요? {about}",
    "{n|을/를} 추천합니다. {about}",
    "{n|은/는} 어떠세요?",
]
OTHER_OFFERS = [
    "그럼 {n|은/는} 어떠세요? {about}",
    "그럼 {n|을/를} 추천드려요. {about}",
    "{n|은/는} 어떠세요? {about}",
    "이번에는 {n|은/는} 어떠세요? {about}",
    "{n|을/를} 추천해요. {about}",
    "그렇다면 {n|은/는} 어떠신가요? {about}",
]


def offer(random: Random, dish: Dish, again: bool = False) -> str:
    """A recommendation of the dish."""
    template = random.choice(OTHER_OFFERS if again else OFFERS)
    return fill(template, {"n": dish.name, "about": dish.about}).strip()


def request(random: Random) -> tuple[str, list[Dish]]:
    """What the person asks for, and the dishes that fit."""
    if random.random() < 0.62:
        tag = random.choice(list(WANTED))
        wanted = random.choice(WANTED[tag])
        text = random.choice(DRINK_REQUESTS if tag == "음료" else REQUESTS).replace("{w}", wanted)
        fitting = [dish for dish in dishes() if tag in dish.tags]
        if tag != "음료":
            fitting = [dish for dish in fitting if "음료" not in dish.tags] or fitting
        if tag != "매운" and random.random() < 0.06 and any("매운" in dish.tags for dish in fitting):
            text, fitting = "매운 " + text, [dish for dish in fitting if "매운" in dish.tags]
        return text, fitting
    tags, phrasings = random.choice(SITUATIONS)
    fitting = [dish for dish in dishes() if set(tags) & set(dish.tags) and ("음료" not in dish.tags or "감기" in tags)]
    # The first tag fits best.
    return random.choice(phrasings), [dish for dish in fitting if tags[0] in dish.tags] * 2 + fitting


@cache
def _wider() -> dict[str, set[str]]:
    """What a person may say -> the ingredients that it means: corpus/mechuri.allergens.toml, in the words used here."""
    raw = tomllib.loads((CORPUS / "mechuri.allergens.toml").read_text("utf-8"))
    return {said: {_INGREDIENTS.get(one, one) for one in (said, *means)} for said, means in raw.items()}


def _words_of(avoided: str) -> set[str]:
    words = [word.strip() for word in avoided.split(",") if word.strip()]
    return {_INGREDIENTS.get(word, word) for word in words} | {more for word in words for more in _wider().get(word, ())}


def _holds(dish: Dish, words: set[str]) -> bool:
    # One syllable ("게") stands in too many other words to be looked for in a text.
    return any(word in dish.contains or (len(word) > 1 and word in f"{dish.name} {dish.about} {dish.what}") for word in words)


def _safe(fitting: list[Dish], allergy: str, eaten: list[str], disliked: str = "") -> list[Dish]:
    words = _words_of(f"{allergy},{disliked}")
    return [dish for dish in fitting if dish.name not in eaten and not _holds(dish, words)]


def harmless(allergy: str, replies: list[str]) -> bool:
    """Whether no reply names a dish with something that the person is allergic to (several are written "a, b")."""
    words = _words_of(allergy)
    named = {name for reply in replies for name in names_in(reply)} if words else set()
    return not any(_holds(dish, words) for dish in dishes() if dish.name in named)


def dialogue(random: Random) -> Dialogue:
    """A request and what may follow: other dishes, a question about the dish, thanks."""
    if random.random() < 0.1:
        dish = random.choice(dishes())
        if random.random() < 0.6:
            told = dish.what or f"{particle(dish.name, '은/는')} {dish.about}"
            reply = told if random.random() < 0.6 or not dish.what else f"{told} {dish.about}"
            return Dialogue("mechuri", [User(fill(random.choice(IS_IT), {"s": dish.name})), reply], "menu")
        reply = random.choice(["{n} 좋죠! {about} 맛있게 드세요.", "좋은 생각이에요. {about}", "{n} 좋은 선택이에요! {about}"])
        reply = fill(reply, {"n": dish.name, "about": dish.about})
        return Dialogue("mechuri", [User(fill(random.choice(SHALL_I), {"s": dish.name})), reply], "menu")
    while True:
        text, fitting = request(random)
        known: dict[str, str] = {}
        if random.random() < 0.3:
            known = memory.notes(random, "ko", 1, 4)
            if random.random() < 0.5:
                known["allergy"] = lexicon.value(random, "allergy", "ko")
        eaten: list[str] = []
        safe = _safe(fitting, known.get("allergy", ""), eaten, known.get("dislikes", ""))
        if len({dish.name for dish in safe}) >= 4:
            break
    turns: list[User | str] = []
    if "allergy" in known and random.random() < 0.25:
        value = known["allergy"]
        turns += [User(memory.tell(random, "ko", "allergy", value)), memory.acknowledge(random, "mechuri", "ko", "allergy", value)]
    # Liked food is worth naming, when it is a dish.
    dish = random.choice(safe)
    turns += [User(text, memory=known), offer(random, dish)]
    eaten.append(dish.name)
    while random.random() < 0.7 and len(eaten) < 6:
        roll = random.random()
        if roll < 0.15:
            turns += [User(random.choice(WHY)), dish.about if random.random() < 0.4 or not dish.what else dish.what]
            continue
        if roll < 0.3:
            turns += [User(random.choice(ACCEPTS)), random.choice(ENJOY)]
            break
        again = roll < 0.85
        if again:
            words = random.choice(ANOTHER)
        else:
            words, fitting = request(random)
        safe = _safe(fitting, known.get("allergy", ""), eaten, known.get("dislikes", ""))
        if not safe:
            break
        dish = random.choice(safe)
        # The daemon shows allergies and dislikes again with every message that is about food.
        harms = {key: known[key] for key in ("allergy", "dislikes") if key in known}
        turns += [User(words, memory=harms if random.random() < 0.7 else {}), offer(random, dish, again)]
        eaten.append(dish.name)
    return Dialogue("mechuri", turns, "menu")


# The seed project's own pairs, which keep their answers. The requests stand here in near phrasings.
SEEDS: list[tuple[list[str], str]] = [
    (["편의점 간식 추천해 줘", "편의점 간식 추천 좀", "편의점 간식 뭐 살까", "편의점에서 간식 추천해줘"], "젤리나 초콜릿은 어떠세요?"),
    (["약간 출출한데 뭐 먹을까", "약간 출출하네 뭘 먹지", "좀 출출한데 뭘 먹을까", "출출한데 뭘 먹을까요?"], "토스트나 씨리얼을 추천드려요."),
    (["중식 먹고 싶어", "중식이 먹고 싶어", "중식이 땡겨", "중국 음식이 먹고싶어"], "탕수육은 어떠세요? 탕수육은 돼지고기에 녹말 반죽을 묻혀서 튀겨낸 음식입니다."),
    (["면 요리 중에 뭐 먹을까", "면 요리 뭘 먹을까", "면 중에 뭘 먹을까", "면 요리 중에 추천해줘"], "소고기 쌀국수는 어떠세요? 쌀국수는 고기 국물에 면을 넣어 끓여낸 음식입니다."),
    (["디저트 추천해 줘", "디저트 추천 좀 해줘", "디저트 뭐 먹을까", "디저트 하나 추천해줘"], "아메리카노와 생크림 와플은 어떠세요?"),
    (["매운 거 먹고 싶어", "매운거 먹고싶다", "매운 게 먹고 싶어", "매운 거 먹을래"], "매콤한 떡볶이나 닭볶음탕을 추천드려요."),
    (["달달한 거 추천해 줘", "달달한 거 추천 좀", "달달한 거 먹고 싶어", "달달한 거 뭐 있어?"], "도넛은 어떠세요? 도넛은 소맥분에 설탕, 버터, 계란 등을 넣어 튀겨낸 음식입니다."),
    (["한식 뭐 먹을까", "한식 중에 뭘 먹을까", "한식으로 뭘 먹지", "한식 뭘 먹을까요"], "비빔밥은 어떠세요? 비빔밥은 밥에 각종 나물을 넣고 장을 넣어 비벼 먹는 음식입니다."),
    (["담백한 음식 추천해 줘", "담백한 음식 추천 좀", "담백한 거 추천해줘", "담백한 음식 뭐 있을까"], "소고기 뭇국은 어떠세요? 소고기 뭇국은 육수에 무와 대파 등을 넣어 끓여낸 음식입니다."),
    (["혼자 먹을 배달음식 추천해 줘", "혼자 먹을 배달 음식 추천 좀", "혼자 시켜 먹을 배달음식 추천해줘", "혼자 먹을 배달 뭐 있을까"], "혼자 먹기에 적당하고 맛있는 햄버거는 어떠세요?"),
    (["아침으로 뭐 먹을까", "아침에 뭘 먹을까", "아침으로 뭘 먹지", "아침으로 뭘 먹을까요"], "아침에 먹기에 부담스럽지 않은 죽이나 씨리얼은 어떠세요?"),
    (["시원한 거 마시고싶어", "시원한 거 마시고 싶다", "시원한 걸 마시고 싶어요", "시원한 음료 마시고 싶어"], "딸기스무디나 밀크셰이크를 추천합니다."),
    (["뭐 먹을까", "뭘 먹을까요", "뭘 먹을까?", "오늘 뭘 먹을까"], "소불고기 전골은 어떠세요?"),
    (["반찬 추천해 줘", "반찬 추천 좀", "반찬 뭐 할까", "반찬 하나 추천해줘"], "조리법도 간단하고 맛있는 계란말이는 어떠신가요?"),
    (["가족끼리 뭐 먹으면 좋을까", "가족끼리 뭘 먹을까", "가족이랑 뭘 먹으면 좋을까", "가족끼리 뭘 먹지"], "찜닭은 어떠세요? 찜닭은 토막 낸 닭을 채소와 함께 끓여낸 음식입니다."),
    (["떡볶이는 어떤 음식이야", "떡볶이는 무슨 음식이야?", "떡볶이가 어떤 음식이야?", "떡볶이는 어떤 음식인가요?"], "떡볶이는 떡을 양념에 볶거나 끓여서 먹는 한국 음식입니다."),
    (["매운 한식 추천해 줘", "매운 한식 추천 좀", "매운 한식 뭐 있어?", "매운 한식 먹고 싶어"], "김치찌개는 어떠신가요?"),
    (["국물 있는 거 먹고싶어", "국물있는 거 먹고 싶어", "국물 있는 게 먹고 싶어", "국물있는 거 먹을래"], "갈비탕은 어떠신가요? 갈비탕은 한국의 국물 요리입니다."),
    (
        ["간단하게 만들 수 있는 음식 뭐 있을까", "간단하게 만들 수 있는 음식이 뭘까", "간단히 만들 수 있는 음식 뭐가 있을까", "간단하게 만들 수 있는 음식 추천해줘"],
        "프렌치 토스트는 어떠세요? 프렌치 토스트는 빵을 튀겨낸 음식입니다.",
    ),
    (["어떤 빵을 먹을까", "무슨 빵 먹을까", "어떤 빵 먹지", "어떤 빵 먹을까요"], "베이글은 어떠세요? 베이글은 밀가루 반죽을 물에 데쳐서 구운 빵입니다."),
    (["아무거나 추천해 줘", "아무거나 추천 좀", "아무거나 골라줘", "아무거나 하나 추천해줘"], "단백질이 풍부한 두부를 추천드립니다."),
    (["우울한데 뭐 먹을까", "우울한데 뭘 먹지", "우울할 때 뭘 먹을까", "기분이 우울한데 뭘 먹을까"], "우울할 때는 스트레스 수치를 낮추는 달콤한 초콜릿을 추천드립니다."),
    (["칼로리 적은 음식 추천해 줘", "칼로리 적은 음식 추천 좀", "칼로리가 적은 음식 추천해줘", "칼로리 적은 거 추천해줘"], "칼로리가 적은 음식에는 계란, 오이, 닭가슴살을 추천합니다."),
    (["기름진 거 먹고 싶어", "기름진 게 먹고 싶어", "기름진 거 먹을래", "기름진 거 땡겨"], "새우튀김, 돈까스, 치킨, 삼겹살을 추천합니다."),
    (["매운 음식 추천해 줘", "매운 음식 추천 좀", "매운 음식 추천해 주세요"], "떡볶이는 어떠세요? 쫄깃한 떡과 매콤한 소스가 어우러져 매운맛을 즐기기에 딱 좋습니다."),
]


def seed_dialogue(random: Random) -> Dialogue:
    """One of the seed's pairs, sometimes followed by a wish for something else."""
    requests, reply = random.choice(SEEDS)
    turns: list[User | str] = [User(random.choice(requests)), reply]
    if random.random() < 0.3 and ("어떠" in reply or "추천" in reply):
        others = [dish for dish in dishes() if dish.name not in reply.replace(" ", "") and "음료" not in dish.tags]
        turns += [User(random.choice(ANOTHER)), offer(random, random.choice(others), again=True)]
    return Dialogue("mechuri", turns, "menu")


ENGLISH = [
    "what should I eat?",
    "recommend me something",
    "I'm hungry",
    "Something spicy please",
    "what's for lunch?",
    "dinner ideas?",
    "suggest a menu",
    "any food ideas?",
    "I want dessert",
    "give me a snack idea",
    "What do you recommend?",
    "something sweet",
    "breakfast?",
    "what should we have for lunch",
    "pick a dish for me",
    "I want noodles",
    "what can I eat tonight?",
    "food please",
    "Can you suggest a Korean dish?",
    "what's good for a rainy day",
]
ENGLISH_TALK = ["hello", "hi", "how are you?", "who are you", "thanks", "what's my name", "do you speak english?", "can you help me?", "tell me a joke", "what's the weather"]


def from_english(random: Random) -> Dialogue:
    """메추리 understands a little English and answers in Korean."""
    if random.random() < 0.7:
        dish = random.choice([dish for dish in dishes() if "음료" not in dish.tags])
        return Dialogue("mechuri", [User(random.choice(ENGLISH)), offer(random, dish)], "menu")
    reply = random.choice(
        ["안녕하세요! 저는 한국어로 메뉴를 추천해요. 뭐 드시고 싶으세요?", "저는 한국어로 음식을 추천하는 메추리예요. 어떤 음식이 좋으세요?", "한국어로 말씀해 주시면 메뉴를 골라 드릴게요!"]
    )
    return Dialogue("mechuri", [User(random.choice(ENGLISH_TALK)), reply], "menu")
