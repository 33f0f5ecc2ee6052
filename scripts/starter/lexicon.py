"""Words and values that dialogues are filled with. Half of what a person tells is drawn from lists, half is made up on the spot,
so that the model has to copy it from where it was told instead of knowing it."""

import re
from random import Random


def _words(text: str) -> list[str]:
    return [piece.strip() for piece in text.replace("\n", " ").split(",") if piece.strip()]


NAMES_EN = """Ada Adam Aisha Alba Alex Alice Amara Amina Amir Ana Andre Anika Anton Ari Arjun Asha Astrid Ben Bianca Boris Bruno Caleb Camila Carlos
Carmen Cara Cecil Chen Chiara Chloe Clara Cyrus Dana Daniel Daria David Diego Dina Dmitri Eda Elena Eli Elif Ella Emil Emma Enzo Erik Esra Esther Eva
Fatima Felix Finn Fiona Flora Frank Freya Gabriel Gina Grace Greta Hana Hannah Harper Hassan Hector Helen Henry Hugo Ian Ida Igor Imani Ines Iris Isaac
Ivan Ivy Jack Jakob Jamal Jana Jasmine Javier Jin Joan Jonas Jorge Joy Jude Julia Kai Karim Kate Keiko Kenji Kim Kira Kofi Lara Lars Laura Layla Lee Leo
Liam Lily Lina Linh Lola Lucas Lucy Luis Luna Maya Mabel Magnus Malik Marco Maria Marta Mateo Max Mei Mia Mila Milo Mina Mira Mohan Nadia Naomi Nate
Nico Nina Noah Nora Olga Oliver Olivia Oscar Otis Otto Pablo Paul Pedro Petra Pilar Quinn Rahul Ravi Rosa Ruben Ruth Sam Samira Sana Sara Sasha Selma
Simon Sofia Stella Sven Tania Tara Tariq Teo Theo Tina Toby Tom Uma Valeria Vera Victor Viktor Wanda Wei Will Xavier Yara Yasmin Yuki Yusuf Zara Zeno Zoe
Jihoon Minji Seojun Hayoon Dohyun Jiwoo Yejin Taeyang Sungmin Eunji Hyejin Jaewon Kyungsoo Nari Sora Yuna Woojin Minho Seulgi Junho Dahyun Chaewon
Yunseo Hyun Juno Suho Jisoo Mirae Bomi Gaeul Haneul Iseul Jia Dasom""".split()

SYLLABLES_EN = """ba be bi bo bu ca ce co da de di do du el en er fa fi fo ga ge go ha he hi ho in is ja je jo ju ka ke ki ko ku la le li lo lu ma me mi mo mu
na ne ni no nu on or pa pe pi po qua ra re ri ro ru sa se shi so su ta te ti to tu un va ve vi vo wa we wi ya yo yu za ze zi zo
bra cle dri fre gri kla pre sto tri var ven mar lin ton bel dor gar hal kim lan mon nor ras sil tan vel wen zan""".split()

SURNAMES_KO = "김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 류 홍 전 고 문 양 손 배 백 허 남 심 노 하 곽 성 차 주 우 구 민 진 나 엄 채 원 천 방 공 현 함 변 염 여 추 도 소 석 선 설 마 길 연 위 표 명 기 반 왕 금 옥 육 인 맹 제 모".split()
GIVEN_KO = "가 강 건 경 고 광 교 규 근 기 나 남 다 단 달 담 대 도 동 두 라 란 람 려 련 로 루 리 린 림 마 만 명 모 무 문 미 민 별 범 병 보 복 봄 빈 빛 상 새 서 석 선 설 성 세 소 솔 송 수 숙 순 승 시 신 아 안 애 양 언 연 열 영 예 온 완 용 우 욱 운 원 월 유 윤 율 은 이 인 일 임 자 잔 재 정 조 종 주 준 중 지 진 찬 창 채 천 초 춘 충 태 하 한 해 향 혁 현 형 혜 호 홍 화 환 효 후 훈 희 슬 샘 엘 결 담 나 비 아 라 온 율".split()

ROLES_EN = _words("""teacher, driver, nurse, designer, cook, guard, engineer, painter, clerk, coach, manager, editor, technician, writer, tester, cleaner,
farmer, singer, trainer, translator, analyst, planner, inspector, mechanic, builder, photographer, librarian, guide, researcher, assistant""")
FIELDS_EN = _words("""piano, night, truck, dental, software, wedding, garden, school, train, hotel, airport, museum, bike, swim, yoga, math, music, park, ship,
bank, office, shoe, book, film, game, fashion, fruit, flower, sound, stage, taxi, bus, tour, city, hospital, kitchen, web, crane, radio, sports, fish, street""")
JOBS_EN = _words("""barista, baker, nurse, doctor, dentist, plumber, electrician, carpenter, architect, lawyer, judge, accountant, actor, dancer, drummer, pilot,
sailor, farmer, fisherman, florist, gardener, hairdresser, tailor, butcher, waiter, waitress, chef, firefighter, police officer, soldier, journalist, novelist, poet,
programmer, data scientist, chemist, biologist, physicist, astronomer, geologist, teacher, professor, librarian, student, cashier, receptionist, secretary, salesperson,
mechanic, welder, painter, sculptor, potter, photographer, illustrator, animator, game developer, web designer, translator, interpreter, tour guide, flight attendant,
bus driver, taxi driver, truck driver, train conductor, courier, postman, lifeguard, swimming coach, personal trainer, yoga teacher, massage therapist, therapist,
psychologist, social worker, pharmacist, veterinarian, zookeeper, beekeeper, bartender, sommelier, brewer, goldsmith, watchmaker, locksmith, miner, surveyor, banker,
broker, economist, consultant, recruiter, event planner, DJ, music producer, violinist, opera singer, stuntman, magician, clown, cartoonist, curator, archivist,
detective, security guard, janitor, housekeeper, babysitter, tutor, kindergarten teacher, midwife, paramedic, surgeon, radiologist, optician, ranger, carpenter""")
CITIES_EN = _words("""Seoul, Busan, Daejeon, Daegu, Gwangju, Incheon, Ulsan, Suwon, Jeju, Jeonju, Pohang, Chuncheon, Gangneung, Sokcho, Yeosu, Mokpo, Tokyo, Osaka,
Kyoto, Taipei, Hanoi, Bangkok, Jakarta, Manila, Delhi, Mumbai, Chennai, Dubai, Cairo, Nairobi, Lagos, Accra, Tunis, Athens, Rome, Milan, Naples, Madrid, Lisbon,
Porto, Paris, Lyon, Nice, London, Leeds, Dublin, Cork, Glasgow, Oslo, Bergen, Malmo, Helsinki, Turku, Riga, Vilnius, Warsaw, Krakow, Prague, Brno, Vienna, Graz,
Zurich, Bern, Berlin, Hamburg, Bremen, Leipzig, Munich, Boston, Chicago, Denver, Austin, Dallas, Seattle, Portland, Toronto, Montreal, Vancouver, Lima, Quito,
Bogota, Santiago, Sydney, Perth, Auckland, New York, Los Angeles, San Diego, Hong Kong, Mexico City, Buenos Aires, Cape Town, Tel Aviv, Ho Chi Minh City""")
SUBJECTS_EN = _words("""biology, chemistry, physics, math, history, law, medicine, nursing, economics, music, art, philosophy, psychology, sociology, geography,
computer science, architecture, design, fashion design, mechanical engineering, civil engineering, electrical engineering, food science, sports science, education,
linguistics, English, Korean, Japanese, Spanish, German, journalism, film, theatre, dance, astronomy, geology, statistics, marketing, accounting, business, politics,
international relations, anthropology, archaeology, veterinary science, forestry, ocean science, data science, animation, game design, urban planning, theology""")
THINGS_EN = _words("""jazz, rock music, hip hop, cold noodles, spicy food, coffee, green tea, hot chocolate, pizza, tacos, sushi, ramen, cheese, chocolate, cake,
strawberries, mangoes, mint, coriander, onions, olives, pickles, mushrooms, tofu, kimchi, horror films, musicals, cartoons, comics, old maps, trains, planes, bikes,
cats, dogs, parrots, snakes, spiders, frogs, rain, snow, thunder, summer, winter, autumn leaves, the sea, mountains, forests, long walks, running, swimming, football,
baseball, tennis, chess, puzzles, board games, video games, karaoke, crowds, loud noise, early mornings, mondays, traffic, waiting in line, small talk, phone calls,
surprises, candles, flowers, plants, sneakers, hats, vintage shops, bookshops, museums, aquariums, camping, fishing, stars, poetry, fantasy novels, crime shows,
cooking shows, baking bread, knitting, photography, painting, the colour blue, the smell of rain, fireworks, ferries, roller coasters, elevators, clowns, dentists""")
FOODS_EN = _words("""peanuts, shrimp, milk, eggs, wheat, soy, crab, lobster, walnuts, almonds, cashews, sesame, peaches, kiwis, strawberries, tomatoes, fish, squid,
oysters, buckwheat, mustard, celery, bananas, mangoes, honey, garlic, corn, pork, chicken, beef, mushrooms, gluten, pine nuts, coconut, apples""")
HOBBIES_EN = _words("""pottery, chess, knitting, hiking, climbing, surfing, skating, running, cycling, fishing, gardening, baking, painting, drawing, origami,
calligraphy, photography, birdwatching, stargazing, playing the guitar, playing the piano, playing the drums, singing in a choir, salsa dancing, ballet, yoga, judo,
boxing, fencing, archery, swimming, diving, rowing, sailing, skiing, snowboarding, camping, collecting stamps, collecting coins, model trains, board games, video games,
reading comics, writing poems, learning languages, cooking, home brewing, sewing, woodworking, juggling, magic tricks, geocaching, karaoke, crossword puzzles""")
PETS_EN = _words("dog, cat, rabbit, hamster, parrot, turtle, goldfish, snake, lizard, guinea pig, ferret, hedgehog, duck, goat, pony, canary, frog, gecko")
PET_NAMES_EN = _words("""Biscuit, Mocha, Coco, Pepper, Luna, Ziggy, Nacho, Pickle, Waffle, Tofu, Mango, Olive, Ginger, Rocket, Button, Bean, Pudding, Socks,
Shadow, Cloud, Peanut, Noodle, Maple, Pumpkin, Dumpling, Bubbles, Snow, Tiger, Captain, Muffin, Kimchi, Mandu, Bori, Dubu, Nabi, Choco, Gureum, Bami""")
MONTHS_EN = "January February March April May June July August September October November December".split()
NOTES_EN = _words("""has an exam on Friday, is training for a marathon, moved last month, is learning Korean, wants to quit coffee, has a sister, has two brothers,
is planning a trip to Spain, sleeps badly, broke an arm last year, is saving for a car, has a meeting on Monday, hates being late, is writing a novel,
is looking for a flat, goes to the gym on Tuesdays, sings in a band, wants to learn the guitar, has a new boss, is getting married in May""")

JOBS_KO = _words("""바리스타, 제빵사, 간호사, 의사, 치과의사, 한의사, 약사, 수의사, 요리사, 영양사, 조리사, 소방관, 경찰관, 군인, 판사, 변호사, 검사, 회계사, 세무사, 은행원, 공무원,
우체부, 택배 기사, 버스 기사, 택시 기사, 기관사, 조종사, 승무원, 선장, 어부, 농부, 정원사, 플로리스트, 미용사, 재단사, 디자이너, 웹 디자이너, 건축가, 목수, 용접공, 전기 기사, 배관공,
정비사, 기술자, 프로그래머, 게임 개발자, 데이터 분석가, 연구원, 화학자, 생물학자, 천문학자, 교사, 초등학교 교사, 유치원 교사, 교수, 강사, 과외 선생님, 대학생, 고등학생, 대학원생,
취업 준비생, 사서, 기자, 피디, 작가, 웹툰 작가, 소설가, 시인, 번역가, 통역사, 편집자, 사진작가, 화가, 조각가, 도예가, 배우, 가수, 무용수, 지휘자, 피아니스트, 드러머, 작곡가, 성우,
개그맨, 마술사, 운동선수, 축구 선수, 수영 강사, 요가 강사, 헬스 트레이너, 물리치료사, 심리상담사, 사회복지사, 여행 가이드, 호텔리어, 바텐더, 소믈리에, 카페 사장, 꽃집 사장, 경비원, 청소부,
회사원, 영업 사원, 마케터, 상담원, 비서, 통계학자, 측량사, 사육사, 양봉가, 안경사, 방사선사, 구급대원, 시계 수리공, 큐레이터, 경호원, 프로게이머, 유튜버, 주부, 배달원, 부동산 중개인""")
CITIES_KO = _words("""서울, 부산, 대구, 인천, 광주, 대전, 울산, 세종, 수원, 성남, 용인, 고양, 부천, 안산, 안양, 평택, 의정부, 파주, 김포, 춘천, 원주, 강릉, 속초, 삼척, 동해, 청주, 충주, 제천,
천안, 아산, 공주, 보령, 서산, 논산, 전주, 군산, 익산, 정읍, 남원, 목포, 순천, 나주, 광양, 담양, 해남, 포항, 경주, 안동, 구미, 김천, 영주, 문경, 창원, 진주, 통영, 거제, 김해, 양산, 밀양, 제주,
서귀포, 강남, 홍대, 신촌, 마포, 종로, 잠실, 관악, 노원, 해운대, 광안리, 도쿄, 오사카, 베를린, 파리, 런던, 뉴욕, 하노이, 방콕, 시드니, 토론토""")
SUBJECTS_KO = _words("""국어국문학, 영어영문학, 사학, 철학, 심리학, 사회학, 경제학, 경영학, 회계학, 법학, 행정학, 정치외교학, 신문방송학, 교육학, 수학, 통계학, 물리학, 화학, 생물학, 천문학, 지질학,
컴퓨터공학, 전자공학, 전기공학, 기계공학, 화학공학, 신소재공학, 건축학, 토목공학, 산업공학, 환경공학, 식품공학, 식품영양학, 의학, 간호학, 약학, 수의학, 한의학, 치의학, 체육학, 음악, 작곡, 피아노, 성악, 미술,
조소, 디자인, 시각디자인, 패션디자인, 무용, 연극영화, 애니메이션, 문예창작, 일어일문학, 중어중문학, 독어독문학, 불어불문학, 관광학, 호텔경영학, 조경학, 항공우주공학, 해양학, 데이터과학""")
THINGS_KO = _words("""재즈, 힙합, 발라드, 클래식, 커피, 녹차, 초콜릿, 딸기, 민트초코, 떡볶이, 냉면, 초밥, 피자, 치킨, 삼겹살, 김치찌개, 된장찌개, 순대, 마라탕, 케이크, 아이스크림, 고수, 오이, 가지, 당근, 양파, 버섯,
굴, 홍어, 번데기, 고양이, 강아지, 뱀, 거미, 벌레, 비 오는 날, 눈 오는 날, 여름, 겨울, 가을, 봄, 바다, 산, 숲, 산책, 달리기, 수영, 축구, 야구, 농구, 테니스, 배드민턴, 바둑, 보드게임, 공포 영화, 로맨스 영화,
만화, 웹툰, 추리 소설, 시집, 뮤지컬, 콘서트, 노래방, 사진, 그림, 꽃, 별 보기, 캠핑, 낚시, 여행, 기차, 비행기, 놀이공원, 박물관, 미술관, 서점, 카페, 시끄러운 곳, 사람 많은 곳, 월요일, 아침 일찍 일어나기,
줄 서기, 전화 통화, 파란색, 노란색, 빵, 순두부, 비빔밥, 칼국수, 만두, 쌀국수, 파스타, 샐러드, 연어, 새우튀김, 호떡""")
FOODS_KO = _words("""새우, 땅콩, 우유, 계란, 밀가루, 콩, 게, 호두, 아몬드, 캐슈넛, 참깨, 복숭아, 키위, 딸기, 토마토, 생선, 고등어, 오징어, 조개, 굴, 메밀, 바나나, 망고, 꿀, 마늘, 옥수수, 돼지고기, 닭고기, 소고기, 버섯, 잣, 코코넛,
사과, 랍스터, 전복, 치즈, 견과류, 갑각류, 유제품, 오이""")
HOBBIES_KO = _words("""도예, 바둑, 체스, 뜨개질, 등산, 클라이밍, 서핑, 스케이트, 달리기, 자전거 타기, 낚시, 정원 가꾸기, 베이킹, 그림 그리기, 종이접기, 서예, 캘리그래피, 사진 찍기, 별 보기, 기타 연주, 피아노 연주, 드럼 연주, 합창,
살사 댄스, 발레, 요가, 필라테스, 유도, 복싱, 펜싱, 양궁, 수영, 다이빙, 조정, 스키, 스노보드, 캠핑, 우표 모으기, 동전 모으기, 보드게임, 게임, 만화 읽기, 시 쓰기, 외국어 공부, 요리, 바느질, 목공, 마술, 노래 부르기, 십자말풀이,
영화 감상, 음악 감상, 독서, 산책, 배드민턴, 탁구, 볼링, 춤추기, 일기 쓰기, 여행""")
PETS_KO = _words("강아지, 고양이, 토끼, 햄스터, 앵무새, 거북이, 금붕어, 뱀, 도마뱀, 기니피그, 페럿, 고슴도치, 오리, 염소, 개구리, 게코, 카나리아")
PET_NAMES_KO = _words(
    """코코, 초코, 보리, 두부, 나비, 구름, 밤이, 콩이, 쿠키, 모카, 망고, 감자, 만두, 호두, 까미, 뽀삐, 해피, 루비, 별이, 달이, 사랑이, 순돌이, 복실이, 탄이, 둥이, 토리, 라떼, 마루, 몽이, 율무, 치즈, 땅콩, 쫑이, 방울이"""
)
NOTES_KO = _words("""금요일에 시험이 있음, 면접 준비 중, 지난달에 이사함, 커피를 끊는 중, 여동생이 있음, 형이 둘 있음, 스페인 여행 계획 중, 잠을 잘 못 잠, 차 사려고 저축 중, 월요일에 회의가 있음, 소설 쓰는 중, 마라톤 준비 중, 기타 배우는 중,
5월에 결혼 예정, 새 팀장이 옴, 독서 모임 다님, 다이어트 중, 운전면허 따는 중, 자취 시작함, 동아리 회장""")


def syllables_en(random: Random, least: int = 2, most: int = 3) -> str:
    """A made-up word, such as "Veldoka"."""
    return "".join(random.choice(SYLLABLES_EN) for _ in range(random.randint(least, most))).capitalize()


def syllables_ko(random: Random, least: int = 2, most: int = 3) -> str:
    """A made-up Korean word."""
    return "".join(random.choice(GIVEN_KO) for _ in range(random.randint(least, most)))


def _name_en(random: Random) -> str:
    roll = random.random()
    if roll < 0.45:
        return random.choice(NAMES_EN)
    if roll < 0.5:
        return f"{random.choice(NAMES_EN)}-{random.choice(NAMES_EN).lower()}"
    if roll < 0.55:
        return f"{random.choice(NAMES_EN)} {syllables_en(random)}"
    return syllables_en(random)


def _name_ko(random: Random) -> str:
    roll = random.random()
    if roll < 0.25:
        return random.choice(SURNAMES_KO) + syllables_ko(random, 2, 2)
    if roll < 0.35:
        return _name_en(random)
    return syllables_ko(random, 2, 2) if roll < 0.9 else syllables_ko(random, 3, 3)


def _job_en(random: Random) -> str:
    roll = random.random()
    if roll < 0.5:
        return random.choice(JOBS_EN)
    if roll < 0.85:
        return f"{random.choice(FIELDS_EN)} {random.choice(ROLES_EN)}"
    return f"{syllables_en(random).lower()} {random.choice(ROLES_EN)}"


def _job_ko(random: Random) -> str:
    roll = random.random()
    if roll < 0.8:
        return random.choice(JOBS_KO)
    return f"{syllables_ko(random, 2, 2)} {random.choice(['연구원', '기사', '강사', '디자이너', '작가', '관리사', '전문가', '상담사'])}"


def _several(random: Random, values: list[str]) -> str:
    return ", ".join(random.sample(values, random.choice([1, 1, 1, 2, 2, 3])))


def _number_words(random: Random, language: str) -> str:
    month, day = random.randint(1, 12), random.randint(1, 28)
    return f"{month}월 {day}일" if language == "ko" else f"{MONTHS_EN[month - 1]} {day}"


def value(random: Random, key: str, language: str) -> str:
    """A value for one memory key, in one language ("en" or "ko")."""
    korean = language == "ko"
    match key:
        case "name":
            return _name_ko(random) if korean else _name_en(random)
        case "job":
            return _job_ko(random) if korean else _job_en(random)
        case "home":
            if random.random() < 0.25:
                return syllables_ko(random) + random.choice("동시읍면구") if korean else syllables_en(random)
            return random.choice(CITIES_KO if korean else CITIES_EN)
        case "studies":
            if random.random() < 0.15:
                return syllables_ko(random) + "학" if korean else syllables_en(random).lower() + " studies"
            return random.choice(SUBJECTS_KO if korean else SUBJECTS_EN)
        case "allergy":
            return _several(random, FOODS_KO if korean else FOODS_EN)
        case "likes" | "dislikes":
            return _several(random, THINGS_KO if korean else THINGS_EN)
        case "pet":
            # The daemon notes pets as "dog named Pixel" and "강아지 코코".
            if korean:
                name = random.choice(PET_NAMES_KO) if random.random() < 0.5 else syllables_ko(random, 2, 2)
                animal = random.choice(PETS_KO)
                return random.choice([f"{animal} {name}", f"{animal} {name}", f"{animal} {name}", animal, f"{animal} 두마리"])
            name = random.choice(PET_NAMES_EN) if random.random() < 0.5 else syllables_en(random)
            animal = random.choice(PETS_EN)
            return random.choice(
                [f"{animal} named {name}", f"{animal} named {name}", f"{animal} named {name}", f"a {animal} called {name}", animal, f"two {animal.replace('canary', 'bird').replace('pony', 'horse')}s"]
            )
        case "hobby":
            return random.choice(HOBBIES_KO if korean else HOBBIES_EN)
        case "birthday":
            return _number_words(random, language)
        case _:
            return random.choice(NOTES_KO if korean else NOTES_EN)


def ends_in_consonant(word: str) -> bool:
    """Whether a Korean particle after the word takes its form for a closing consonant."""
    last = next((character for character in reversed(word) if character.isalnum()), "")
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28 != 0
    if last.isdigit():
        return last in "013678"
    return last.lower() in "bcdfgklmnpqtx"


def particle(word: str, pair: str) -> str:
    """The word with the fitting particle of a pair written as "consonant/vowel", such as "은/는"."""
    after_consonant, after_vowel = pair.split("/")
    if pair == "으로/로" and word and "가" <= word[-1] <= "힣" and (ord(word[-1]) - ord("가")) % 28 == 8:
        return word + after_vowel
    return word + (after_consonant if ends_in_consonant(word) else after_vowel)


def fill(template: str, values: dict[str, str]) -> str:
    """Puts the values into `{key}`, and with the fitting particle into `{key|은/는}`."""

    def put(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            return match[0]
        return particle(value, match[2]) if match[2] else value

    return re.sub(r"\{(\w+)(?:\|([^}]+))?\}", put, template)


def article(words: str) -> str:
    """The words with "a" or "an", where they do not stand well without."""
    if words[0].isupper() or words.split()[0] in ("a", "an", "the", "two", "three"):
        return words
    return ("an " if words[0].lower() in "aeiou" else "a ") + words
