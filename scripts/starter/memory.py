"""Dialogues in which the persona takes up what a person tells, and later answers by copying it from the memory block or from an earlier turn."""

from collections.abc import Callable
from random import Random

from . import lexicon
from .dialogue import Dialogue
from .prompt import User

KEYS = ["name", "job", "home", "studies", "allergy", "likes", "dislikes", "pet", "hobby", "birthday"]
# How often each key is talked about, in the order of KEYS.
WEIGHTS = [9, 7, 4, 3, 3, 3, 2, 3, 2, 3]


TELL_EN: dict[str, list[str]] = {
    "name": [
        "My name is {v}.",
        "My name is {v}",
        "my name's {v}",
        "I'm {v}.",
        "I am {v}",
        "Call me {v}.",
        "You can call me {v}",
        "people call me {v}",
        "Hi, I'm {v}.",
        "Hey, my name is {v}!",
        "hello, {v} here",
        "The name's {v}.",
        "By the way, my name is {v}.",
        "it's {v}, nice to meet you",
        "My friends call me {v}.",
        "I go by {v}",
        "just so you know, I'm {v}",
    ],
    "job": [
        "My job is {a}.",
        "My job is {a}",
        "I'm {a}.",
        "I am {a}",
        "I work as {a}.",
        "I'm working as {a} now",
        "I have a job as {a}.",
        "for work i'm {a}",
        "I just started as {a}",
        "I make a living as {a}.",
        "By the way, I'm {a}.",
        "I'm {a} by trade",
        "i got hired as {a}",
    ],
    "home": [
        "I live in {v}.",
        "i live in {v}",
        "My home is in {v}.",
        "I moved to {v}.",
        "I'm living in {v} now.",
        "I'm based in {v}",
        "my place is in {v}",
        "I have a flat in {v}.",
        "home is {v} for me",
    ],
    "studies": ["I study {v}.", "I'm studying {v}", "My major is {v}.", "I major in {v}", "i'm a {v} student", "I'm doing a degree in {v}.", "at uni I study {v}"],
    "allergy": ["I'm allergic to {v}.", "I am allergic to {v}", "I can't eat {v}, I'm allergic.", "I have an allergy to {v}.", "{v} give me an allergic reaction", "my body can't take {v}, allergy"],
    "likes": ["I like {v}.", "I love {v}", "I really like {v}!", "I'm a big fan of {v}.", "i'm so into {v}", "I adore {v}", "My favourite thing is {v}."],
    "dislikes": ["I don't like {v}.", "I hate {v}", "I can't stand {v}.", "i'm not a fan of {v}", "I really dislike {v}.", "{v} is not for me"],
    "pet": ["I have {a}.", "I've got {a} at home", "My pet is {a}.", "I live with {a}.", "i just got {a}", "we have {a}"],
    "hobby": ["My hobby is {v}.", "In my free time I do {v}.", "I'm into {v} these days", "my hobby? {v}", "I spend my weekends on {v}.", "{v} is my hobby"],
    "birthday": ["My birthday is {v}.", "my birthday is on {v}", "I was born on {v}.", "My birthday's {v}!", "it's my birthday on {v}", "mark {v}, that's my birthday"],
}

ASK_EN: dict[str, list[str]] = {
    "name": [
        "What's my name?",
        "What is my name?",
        "Do you remember my name?",
        "Do you know my name?",
        "Who am I?",
        "What am I called?",
        "What do people call me?",
        "Tell me my name.",
        "Say my name.",
        "Can you remember my name?",
        "What was my name again?",
        "Have you forgotten my name?",
        "You know my name, right?",
        "What's my name again?",
        "guess my name",
        "Remember who I am?",
        "What did I say my name was?",
    ],
    "job": [
        "What's my job?",
        "What is my job?",
        "What do I do for work?",
        "What do I do for a living?",
        "Do you remember my job?",
        "Do you know what I do?",
        "Where do I work, as what?",
        "What's my profession?",
        "Tell me my job.",
        "What was my job again?",
        "What kind of job do I have?",
        "What do I work as?",
        "Remember what I do?",
        "what did I say my job was?",
        "Do you know my job?",
        "What line of work am I in?",
    ],
    "home": [
        "Where do I live?",
        "Do you know where I live?",
        "Which city do I live in?",
        "Where's my home?",
        "Do you remember where I live?",
        "What city am I in?",
        "where did I say I live?",
        "Where am I living?",
        "tell me where I live",
        "What's my town?",
        "Where is my place again?",
    ],
    "studies": [
        "What do I study?",
        "What's my major?",
        "What am I studying?",
        "Do you remember my major?",
        "What subject do I study?",
        "which degree am I doing?",
        "What did I say I study?",
        "Do you know what I'm studying?",
        "tell me my major",
    ],
    "allergy": [
        "What am I allergic to?",
        "Do you remember my allergy?",
        "What can't I eat?",
        "Which foods should I avoid?",
        "Do I have any allergies?",
        "what's my allergy?",
        "What food is bad for me?",
        "Is there something I'm allergic to?",
        "what should i not eat",
    ],
    "likes": [
        "What do I like?",
        "Do you remember what I like?",
        "What's my favourite thing?",
        "What am I into?",
        "What do I love?",
        "tell me what I like",
        "What did I say I like?",
        "Do you know what I like?",
        "what am I a fan of?",
    ],
    "dislikes": [
        "What do I dislike?",
        "What do I hate?",
        "What don't I like?",
        "Do you remember what I hate?",
        "What can't I stand?",
        "what am I not a fan of?",
        "tell me what i don't like",
        "What did I say I hate?",
    ],
    "pet": [
        "Do I have a pet?",
        "What's my pet's name?",
        "What pet do I have?",
        "Do you remember my pet?",
        "What's my pet called?",
        "Which animal do I live with?",
        "Tell me about my pet.",
        "what animal do i have",
        "Who is my pet?",
    ],
    "hobby": [
        "What's my hobby?",
        "What do I do in my free time?",
        "Do you remember my hobby?",
        "What do I do for fun?",
        "What's my hobby again?",
        "tell me my hobby",
        "How do I spend my free time?",
        "what is my hobby",
    ],
    "birthday": [
        "When's my birthday?",
        "When is my birthday?",
        "Do you know my birthday?",
        "Do you remember my birthday?",
        "What day is my birthday?",
        "what's my birthday",
        "When was I born?",
        "tell me my birthday",
        "On which day is my birthday?",
    ],
}

NOUN_EN = {
    "name": "name",
    "job": "job",
    "home": "home town",
    "studies": "major",
    "allergy": "allergy",
    "likes": "favourite thing",
    "dislikes": "dislikes",
    "pet": "pet",
    "hobby": "hobby",
    "birthday": "birthday",
}

SAY_EN: dict[str, list[str]] = {
    "name": ["Your name is {v}.", "You're {v}.", "It's {v}!", "You are {v}!", "{v}!", "Your name is {v}!"],
    "job": ["You're {a}.", "You work as {a}.", "Your job is {v}.", "You're {a}!", "You told me you're {a}."],
    "home": ["You live in {v}.", "In {v}.", "You told me {v}.", "Your home is {v}."],
    "studies": ["You study {v}.", "Your major is {v}.", "It's {v}.", "You're studying {v}."],
    "allergy": ["You're allergic to {v}.", "No {v} for you, you're allergic.", "Stay away from {v}.", "It's {v}. You're allergic."],
    "likes": ["You like {v}.", "You love {v}.", "You told me you like {v}.", "You're into {v}."],
    "dislikes": ["You don't like {v}.", "You can't stand {v}.", "You told me you hate {v}.", "You're not a fan of {v}."],
    "pet": ["You have {a}.", "That would be {a}.", "You've got {a}.", "You live with {a}."],
    "hobby": ["Your hobby is {v}.", "You're into {v}.", "You told me {v}.", "In your free time it's {v}."],
    "birthday": ["Your birthday is {v}.", "It's {v}!", "It's on {v}.", "Your birthday is on {v}."],
}

# Before and after the answer, per persona. The empty string is common on purpose: a plain answer is always right.
FRAME_EN: dict[str, tuple[list[str], list[str]]] = {
    "joey": (["", "Easy!", "Hey, I know this one!", "Come on, of course!", "Oh, oh, I got it!"], ["", "See? I listen.", "How could I forget?", "Nailed it.", "Do I get a sandwich now?"]),
    "chandler": (
        ["", "Is this a quiz?", "Trick question?", "Oh good, a test."],
        ["", "I do pay attention, against my will.", "I wrote it on my hand.", "And they say I never listen.", "Final answer."],
    ),
    "monica": (["", "I know this!", "Of course I know.", "Please, I have a file on you."], ["", "I wrote it down and labelled it.", "I never forget.", "Do I win?", "Next question!"]),
    "phoebe": (["", "Ooh, I know!", "The universe whispered it to me.", "Mmm, let me feel it."], ["", "It suits your aura.", "My spirit guide nods.", "I put it in a song.", "That's a lovely one."]),
    "rachel": (["", "Oh my gosh, I know this!", "Okay, easy!", "Of course I remember!"], ["", "See, I totally listen.", "How could I forget?", "I love that.", "Did I pass?"]),
    "ross": (["", "I remember, of course.", "Ah, I know that.", "Let me think. Yes."], ["", "I keep good records.", "A scientist remembers.", "I made a note of it.", "I'm quite sure."]),
    "helper": (["", "", "Of course.", "Yes."], ["", "", "You told me earlier.", "Is there anything else?"]),
    "listener": (["", "", "Yes, I remember.", "Of course."], ["", "", "I am listening.", "How are you feeling today?"]),
    "campus": (["", ""], ["", "", "What would you like to find?"]),
    "mechuri": ([""], [""]),
}

UNKNOWN_EN: dict[str, list[str]] = {
    "joey": ["Uh, you haven't told me your {n} yet. Tell me!", "I don't know your {n} yet, sorry! What is it?", "You never told me your {n}. Go on, I'm listening."],
    "chandler": ["You haven't told me your {n} yet. I'm good, but not that good.", "I don't know your {n} yet. My crystal ball is at the cleaner's.", "No idea, you haven't told me your {n}."],
    "monica": ["You haven't told me your {n} yet! Tell me and I'll write it down.", "I don't know your {n} yet, and I hate not knowing. What is it?", "There's no {n} in my notes yet. Tell me!"],
    "phoebe": [
        "You haven't told me your {n} yet, and the universe isn't telling either.",
        "I don't know your {n} yet. Tell me and I'll sing it.",
        "Hmm, you haven't told me your {n} yet. Is it a secret?",
    ],
    "rachel": ["Oh no, you haven't told me your {n} yet! Tell me!", "I don't know your {n} yet. Okay, spill!", "Wait, you never told me your {n}. What is it?"],
    "ross": ["You haven't told me your {n} yet, I think. What is it?", "I don't know your {n} yet. There's no record of it.", "Hmm, I have no data on your {n} yet. Tell me?"],
    "helper": ["You haven't told me your {n} yet.", "I don't know your {n} yet. You can tell me if you like."],
    "listener": ["You haven't told me your {n} yet. You can share it if you like.", "I don't know your {n} yet. Would you like to tell me?"],
    "campus": ["You haven't told me your {n} yet."],
    "mechuri": ["You haven't told me your {n} yet."],
}

ACKNOWLEDGE_EN: dict[str, dict[str, list[str]]] = {
    "name": {
        "*": ["Nice to meet you, {v}!", "Hi {v}! Good to meet you.", "Hey {v}! I'll remember that.", "Hello {v}, lovely to meet you."],
        "joey": ["Hey {v}! How you been? Nice to meet you.", "{v}! Cool name. I'm Joey."],
        "chandler": ["{v}. Could that name be any better? Nice to meet you.", "Hi {v}. I'm Chandler, I tell jokes when it's quiet."],
        "monica": ["Hi {v}! Sit down, are you hungry?", "{v}, nice to meet you! I'll make you a name tag."],
        "phoebe": ["{v}! I think I knew you in another life.", "Oh {v}, that name smells like lemons. I like it."],
        "rachel": ["{v}! I love that name. Hi!", "Oh my gosh, hi {v}! Nice to meet you."],
        "ross": ["Hi {v}, nice to meet you. It's a good, solid name.", "{v}. Nice to meet you, I'm Ross. I do dinosaurs."],
    },
    "job": {
        "*": ["Oh, you're {a}! How is work?", "Wow, {a}! Do you like it?", "So you're {a}. That sounds interesting.", "{A}! Tell me more about it."],
        "joey": ["You're {a}? That's so cool! Do they feed you there?", "No way, {a}! I played one once on TV, sort of."],
        "chandler": ["{A}! So you have a job people can understand. Lucky.", "You're {a}? Mine is harder to explain and less fun."],
        "monica": ["{A}! I bet you're very organised. Do you eat well at work?", "You're {a}? I like people who work hard."],
        "phoebe": ["{A}! You have the hands for it, I can feel it.", "Ooh, {a}. I was one in a past life."],
        "rachel": ["You're {a}? I love that! What do you wear to work?", "Oh wow, {a}! That's so grown up."],
        "ross": ["{A}, that's really interesting. How did you get into it?", "You're {a}? I have about ten questions."],
    },
    "home": {"*": ["{v}! What's it like there?", "Oh, you live in {v}. Do you like it?", "I'd love to see {v} some day.", "{v}, got it. Is it a nice place?"]},
    "studies": {"*": ["You study {v}? That's great. Is it hard?", "{V}! What made you choose it?", "Oh, {v}. I'd like to hear more about that.", "{V}, nice. Do you enjoy it?"]},
    "allergy": {"*": ["Okay, no {v} for you. I'll remember.", "Got it, {v} are off the menu.", "Thanks for telling me. I'll keep {v} away from you.", "Allergic to {v}, noted. Stay safe!"]},
    "likes": {"*": ["You like {v}? Good taste!", "Oh, {v}! I get that.", "{V}! Tell me what you like about it.", "Nice, I'll remember that you like {v}."]},
    "dislikes": {"*": ["Okay, no {v} then. I'll remember.", "Not a fan of {v}, got it.", "Fair enough. {V} isn't for everyone.", "I hear you. Let's stay away from {v}."]},
    "pet": {"*": ["Aw, {a}! I want to meet them.", "You have {a}? That's so sweet.", "{A}! How long have you been together?", "Oh, {a}. Give them a hug from me."]},
    "hobby": {"*": ["{V}! That sounds like fun.", "Oh, {v}? How did you start?", "Nice, {v}. Are you good at it?", "I like that. {V} must be relaxing."]},
    "birthday": {"*": ["{v}! I'll remember that day.", "Your birthday is {v}? I'll bring cake.", "{v}, got it. Any plans for the day?", "Okay, {v} goes in my calendar."]},
}

TELL_KO: dict[str, list[str]] = {
    "name": [
        "내 이름은 {v|이야/야}",
        "내 이름은 {v|이야/야}.",
        "제 이름은 {v|이에요/예요}.",
        "저는 {v|이에요/예요}",
        "난 {v|이야/야}",
        "나는 {v|이라고/라고} 해",
        "저는 {v|이라고/라고} 합니다.",
        "{v|이라고/라고} 불러줘",
        "{v|이라고/라고} 불러 주세요.",
        "안녕하세요, {v|이에요/예요}.",
        "안녕, 나 {v|이야/야}",
        "이름은 {v}입니다",
        "사람들은 저를 {v|이라고/라고} 불러요",
        "참, 내 이름은 {v|이야/야}",
    ],
    "job": [
        "내 직업은 {v|이야/야}",
        "제 직업은 {v}입니다.",
        "저는 {v|이에요/예요}.",
        "나 {v|이야/야}",
        "나는 {v|으로/로} 일해",
        "{v|으로/로} 일하고 있어요.",
        "저는 {v} 일을 해요",
        "요즘 {v} 일 하고 있어",
        "직업이 {v|이에요/예요}",
        "{v|으로/로} 취직했어",
        "제가 하는 일은 {v|이에요/예요}.",
    ],
    "home": [
        "나 {v}에 살아",
        "저는 {v}에 살아요.",
        "{v}에 살고 있어요",
        "우리 집은 {v|이야/야}",
        "{v|으로/로} 이사했어",
        "집이 {v|이에요/예요}.",
        "지금 {v}에서 지내요",
        "나는 {v} 살아",
        "{v} 쪽에 살아요",
    ],
    "studies": ["내 전공은 {v|이야/야}", "제 전공은 {v|이에요/예요}.", "{v|을/를} 전공하고 있어요.", "나 {v} 전공해", "대학에서 {v|을/를} 공부해요", "저는 {v} 전공이에요", "{v} 배우고 있어"],
    "allergy": ["나 {v} 알레르기 있어", "저 {v} 알레르기가 있어요.", "{v} 못 먹어. 알레르기야", "{v} 먹으면 알레르기 올라와요", "{v} 알레르기가 심해요.", "전 {v} 못 먹어요"],
    "likes": ["나 {v} 좋아해", "저는 {v|을/를} 좋아해요.", "{v} 정말 좋아해요", "내가 제일 좋아하는 건 {v|이야/야}", "요즘 {v}에 빠졌어", "{v} 완전 좋아함", "저 {v} 사랑해요"],
    "dislikes": ["나 {v} 싫어해", "저는 {v|을/를} 싫어해요.", "{v} 정말 싫어", "{v|은/는} 별로 안 좋아해요", "{v} 진짜 별로야", "저는 {v|이/가} 너무 싫어요"],
    "pet": ["나 {v} 키워", "저는 {v|을/를} 키워요.", "우리 집에 {v} 있어", "{v} 키우고 있어요", "{v}랑 같이 살아요", "얼마 전에 {v} 데려왔어"],
    "hobby": ["내 취미는 {v|이야/야}", "제 취미는 {v|이에요/예요}.", "취미로 {v} 해요", "요즘 {v}에 빠졌어요", "쉬는 날엔 {v} 해", "주말마다 {v} 해요"],
    "birthday": ["내 생일은 {v|이야/야}", "제 생일은 {v|이에요/예요}.", "생일이 {v|이에요/예요}", "나 {v}에 태어났어", "{v|이/가} 제 생일이에요", "내 생일 {v|이야/야} 기억해줘"],
}

ASK_KO: dict[str, list[str]] = {
    "name": [
        "내 이름이 뭐야?",
        "내 이름 알아?",
        "제 이름이 뭐예요?",
        "제 이름 아세요?",
        "내 이름 뭐라고 했지?",
        "내 이름 기억나?",
        "제 이름 기억나세요?",
        "내가 누구야?",
        "내가 누구게?",
        "내 이름 말해줘",
        "내 이름이 뭐라고?",
        "제 이름이 뭐라고 했죠?",
        "내 이름 맞혀봐",
        "나를 뭐라고 부를 거야?",
        "내 이름 잊었어?",
        "이름이 뭔지 말해 주세요",
        "내 이름 뭐게",
    ],
    "job": [
        "내 직업이 뭐야?",
        "내 직업 알아?",
        "제 직업이 뭐예요?",
        "내가 무슨 일 하는지 알아?",
        "내 직업 뭐라고 했지?",
        "제가 무슨 일을 한다고 했죠?",
        "내 직업 기억나?",
        "내가 하는 일이 뭐지?",
        "직업이 뭔지 말해줘",
        "제 직업 기억하세요?",
        "나 뭐 하는 사람이야?",
        "내 일이 뭐였지?",
        "내 직업이 뭐게",
    ],
    "home": [
        "내가 어디 살지?",
        "나 어디 살아?",
        "내가 어디 산다고 했지?",
        "제가 어디에 사는지 아세요?",
        "우리 집 어디게?",
        "내가 사는 곳 기억나?",
        "제가 사는 곳이 어디예요?",
        "나 사는 데 어디라고 했더라",
        "내가 사는 도시 알아?",
        "우리 집이 어디라고 했죠?",
    ],
    "studies": ["내 전공이 뭐야?", "내 전공 알아?", "제 전공이 뭐라고 했죠?", "내가 뭘 공부하지?", "내 전공 기억나?", "제 전공 기억하세요?", "나 무슨 과게?", "전공이 뭐였더라"],
    "allergy": [
        "내가 무슨 알레르기 있지?",
        "내 알레르기 뭐야?",
        "제가 못 먹는 게 뭐죠?",
        "나 못 먹는 거 뭐였지?",
        "내 알레르기 기억나?",
        "제 알레르기 아세요?",
        "내가 먹으면 안 되는 게 뭐야?",
        "제가 피해야 하는 음식이 뭐예요?",
        "나 뭐 못 먹게",
    ],
    "likes": [
        "내가 뭘 좋아하지?",
        "내가 좋아하는 게 뭐야?",
        "제가 뭘 좋아한다고 했죠?",
        "내가 뭐 좋아하는지 알아?",
        "내가 좋아하는 거 기억나?",
        "나 뭐 좋아한다고 했더라",
        "제가 좋아하는 거 아세요?",
        "내 취향 기억해?",
        "내가 좋아하는 거 말해봐",
    ],
    "dislikes": ["내가 뭘 싫어하지?", "내가 싫어하는 게 뭐야?", "제가 뭘 싫어한다고 했죠?", "내가 뭐 싫어하는지 알아?", "내가 싫어하는 거 기억나?", "제가 싫어하는 거 아세요?", "나 뭐 별로라고 했지?"],
    "pet": [
        "내 반려동물 기억나?",
        "나 뭐 키우지?",
        "내가 키우는 동물이 뭐야?",
        "제가 뭘 키운다고 했죠?",
        "우리 집 애 이름이 뭐게?",
        "내 반려동물 이름 알아?",
        "제 반려동물 아세요?",
        "내가 키우는 애 이름이 뭐였지?",
    ],
    "hobby": ["내 취미가 뭐야?", "내 취미 알아?", "제 취미가 뭐라고 했죠?", "내 취미 기억나?", "내가 쉬는 날 뭐 한다고 했지?", "제 취미 기억하세요?", "내가 시간 나면 뭐 하지?"],
    "birthday": [
        "내 생일이 언제야?",
        "내 생일 알아?",
        "제 생일이 언제예요?",
        "내 생일 기억나?",
        "제 생일이 언제라고 했죠?",
        "내 생일 언제라고 했지?",
        "내가 언제 태어났지?",
        "제 생일 기억하세요?",
        "내 생일 언제게",
    ],
}

NOUN_KO = {
    "name": "이름",
    "job": "직업",
    "home": "사는 곳",
    "studies": "전공",
    "allergy": "알레르기",
    "likes": "좋아하는 것",
    "dislikes": "싫어하는 것",
    "pet": "반려동물",
    "hobby": "취미",
    "birthday": "생일",
}

# Where Korean allows it, the value stands between spaces, as it does in the memory block: a small model copies whole pieces far better than fused ones.
SAY_KO: dict[str, list[str]] = {
    "name": ["{v} 님이에요.", "{v} 님이라고 하셨어요.", "이름은 {v} 님이에요.", "{v} 님이시죠."],
    "job": ["직업은 {v} 맞죠?", "{v} 일을 하신다고 하셨어요.", "하시는 일은 {v} 일이에요.", "{v} 맞으시죠?"],
    "home": ["{v} 쪽에 사신다고 하셨어요.", "사는 곳은 {v} 맞죠?", "{v} 쪽이라고 하셨어요."],
    "studies": ["전공은 {v} 맞죠?", "{v} 전공이라고 하셨어요.", "{v} 전공이시죠."],
    "allergy": ["{v} 알레르기가 있다고 하셨어요.", "{v} 드시면 안 돼요. 알레르기가 있으시잖아요.", "{v} 못 드신다고 하셨어요."],
    "likes": ["{v} 좋아한다고 하셨어요.", "좋아하시는 건 {v} 맞죠?", "{v} 좋아하시잖아요."],
    "dislikes": ["{v} 싫어한다고 하셨어요.", "싫어하시는 건 {v} 맞죠?", "{v} 별로라고 하셨어요."],
    "pet": ["{v} 키우신다고 하셨어요.", "{v} 키우시잖아요.", "반려동물은 {v} 맞죠?"],
    "hobby": ["취미는 {v} 맞죠?", "{v} 즐기신다고 하셨어요.", "취미가 {v|이라고/라고} 하셨어요."],
    "birthday": ["생일은 {v} 맞죠?", "{v} 생일이라고 하셨어요.", "생일은 {v|이에요/예요}."],
}

FRAME_KO: dict[str, tuple[list[str], list[str]]] = {
    "mechuri": (["", "", "그럼요!", "기억하고 있어요."], ["", "", "메뉴도 골라 드릴까요?", "오늘은 뭐 드실래요?"]),
    "listener": (["", "", "네, 기억하고 있어요.", "그럼요."], ["", "", "오늘 마음은 어떠세요?", "더 들려주셔도 좋아요."]),
    "helper": (["", "", "네.", "말씀해 주셨죠."], ["", "", "더 도와드릴 일이 있을까요?"]),
    "campus": (["", "", "네."], ["", "", "캠퍼스에서 찾으시는 곳이 있나요?"]),
}

UNKNOWN_KO: dict[str, list[str]] = {
    "mechuri": ["아직 {n} 말씀해 주신 적이 없어요. 알려 주시면 기억할게요.", "{n} 아직 모르겠어요. 알려 주세요!"],
    "listener": ["아직 {n} 들은 적이 없어요. 편하실 때 알려 주세요.", "{n} 아직 모르지만, 알려 주시면 기억할게요."],
    "helper": ["아직 {n} 말씀해 주신 적이 없어요.", "{n} 아직 모르겠어요. 알려 주시면 기억할게요."],
    "campus": ["아직 {n} 말씀해 주신 적이 없어요.", "{n} 아직 모르겠어요. 알려 주시면 기억할게요."],
}

ACKNOWLEDGE_KO: dict[str, list[str]] = {
    "name": ["반가워요, {v} 님!", "{v} 님, 반가워요. 기억할게요.", "{v} 님이시군요. 만나서 반가워요.", "안녕하세요, {v} 님!"],
    "job": ["{v} 일을 하시는군요. 일은 어떠세요?", "{v} 일이라니 멋지네요.", "아, {v} 일을 하시는군요. 기억할게요."],
    "home": ["{v} 쪽에 사시는군요. 기억할게요.", "{v} 좋은 곳이죠. 기억해 둘게요."],
    "studies": ["{v} 전공이시군요. 재미있으세요?", "{v} 공부하시는군요. 멋져요."],
    "allergy": ["{v} 알레르기가 있으시군요. 꼭 기억할게요.", "{v} 빼고 생각할게요. 알려 주셔서 고마워요."],
    "likes": ["{v} 좋아하시는군요. 기억할게요.", "{v} 좋죠! 기억해 둘게요."],
    "dislikes": ["{v} 싫어하시는군요. 기억할게요.", "알겠어요, {v} 피할게요."],
    "pet": ["{v} 키우시는군요. 정말 귀엽겠어요.", "{v} 이야기 더 듣고 싶어요."],
    "hobby": ["{v} 즐기시는군요. 멋진 취미네요.", "{v} 재미있겠어요. 기억할게요."],
    "birthday": ["{v} 생일이시군요. 기억할게요.", "{v} 꼭 기억해 둘게요."],
}

OPENERS_EN = ["", "", "", "", "", "hey, ", "so, ", "okay, ", "by the way, ", "hmm, ", "quick question: ", "wait, ", "oh, ", "one more thing, ", "so tell me, "]
OPENERS_KO = ["", "", "", "", "", "", "근데 ", "저기, ", "참, ", "그런데 ", "음, ", "혹시 ", "아 맞다, "]

# (what the person once said, what they ask now, the answer); {v} is a day, a place or a thing of the kind named first.
EVENTS_EN: list[tuple[str, str, list[str], str]] = [
    ("day", "My interview is on {v}.", ["When is my interview?", "what did I say about the interview?", "which day is my interview"], "Your interview is on {v}."),
    ("day", "My exam is on {v}.", ["When's my exam?", "what day is my exam?", "Do you remember my exam?"], "Your exam is on {v}."),
    ("day", "I have a date on {v}.", ["when is my date?", "Do you remember when my date is?"], "Your date is on {v}."),
    ("day", "I fly home on {v}.", ["when do I fly home?", "Do you remember my flight?"], "You fly home on {v}."),
    ("day", "My sister gets married on {v}.", ["when is my sister's wedding?", "when does my sister get married?"], "Your sister gets married on {v}."),
    ("place", "I moved to {v} last spring.", ["Where did I move to?", "which city did I move to?", "do you remember where i moved?"], "You moved to {v}."),
    ("place", "I grew up in {v}.", ["Where did I grow up?", "which town did I grow up in?"], "You grew up in {v}."),
    ("place", "I am going to {v} on holiday.", ["Where am I going on holiday?", "do you remember my holiday plan?"], "You're going to {v}."),
    ("place", "My brother lives in {v}.", ["Where does my brother live?", "do you know where my brother lives"], "Your brother lives in {v}."),
    ("person", "My boss is called {v}.", ["What is my boss called?", "who is my boss?"], "Your boss is called {v}."),
    ("person", "My best friend is {v}.", ["Who is my best friend?", "what's my best friend's name?"], "Your best friend is {v}."),
    ("person", "I had a fight with {v}.", ["Who did I fight with?", "who was I mad at?"], "You had a fight with {v}."),
    ("thing", "I want to buy a new {v}.", ["What did I want to buy?", "do you remember what i wanted to buy?"], "You wanted to buy a new {v}."),
    ("thing", "I lost my {v} yesterday.", ["What did I lose?", "what was it that i lost?"], "You lost your {v}."),
]
EVENTS_KO: list[tuple[str, str, list[str], str]] = [
    ("day", "면접이 {v}에 있어.", ["내 면접 언제야?", "면접이 언제라고 했지?", "제 면접이 언제라고 했죠?"], "면접은 {v}에 있다고 하셨어요."),
    ("day", "시험이 {v}에 있어요.", ["내 시험 언제지?", "제 시험이 언제라고 했죠?", "시험 언제라고 했더라"], "시험은 {v}에 있다고 하셨어요."),
    ("day", "{v}에 여행을 가.", ["나 언제 여행 가지?", "여행 언제라고 했죠?"], "여행은 {v}에 가신다고 하셨어요."),
    ("place", "지난봄에 {v|으로/로} 이사했어.", ["내가 어디로 이사했지?", "이사한 데가 어디라고 했죠?"], "{v|으로/로} 이사했다고 하셨어요."),
    ("place", "고향은 {v|이야/야}.", ["내 고향이 어디야?", "제 고향 기억하세요?"], "고향은 {v|이라고/라고} 하셨어요."),
    ("place", "휴가는 {v|으로/로} 가요.", ["휴가 어디로 간다고 했지?", "제 휴가 계획 기억나세요?"], "휴가는 {v|으로/로} 가신다고 하셨어요."),
    ("person", "제일 친한 친구는 {v|이에요/예요}.", ["내 제일 친한 친구가 누구야?", "제 친구 이름 기억하세요?"], "제일 친한 친구는 {v|이라고/라고} 하셨어요."),
    ("person", "어제 {v|이랑/랑} 싸웠어.", ["내가 누구랑 싸웠지?", "누구랑 싸웠다고 했죠?"], "{v|이랑/랑} 싸웠다고 하셨어요."),
]
DAYS_EN = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "the 3rd", "the 12th", "June 4", "March 21", "next Tuesday", "the 28th"]
DAYS_KO = ["월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일", "3일", "12일", "6월 4일", "다음 주 화요일", "이번 주말", "28일", "내일모레"]
THINGS_TO_HAVE = ["bike", "phone", "laptop", "guitar", "camera", "jacket", "wallet", "umbrella", "watch", "sofa", "bag", "hat", "ring", "car", "piano", "book"]

ALL_EN = ["What do you know about me?", "Tell me what you know about me.", "What do you remember about me?", "What have I told you so far?", "do you remember anything about me?", "Who am I to you?"]
ALL_KO = ["나에 대해 뭐 알아?", "나에 대해 아는 거 말해줘", "제가 뭐라고 했는지 기억하세요?", "저에 대해 뭘 기억하세요?", "내가 뭐라고 소개했지?", "나에 대해 기억나는 거 있어?"]


def fill(template: str, value: str) -> str:
    """Puts a value into `{v}`, `{V}` (capitalised), `{a}` ("a"/"an" before it), `{A}`, or `{v|은/는}` (with the fitting particle)."""
    with_article = lexicon.article(value)
    forms = {"v": value, "V": value[:1].upper() + value[1:], "a": with_article, "A": with_article[:1].upper() + with_article[1:]}
    return lexicon.fill(template, forms)


def _joined(*pieces: str) -> str:
    return " ".join(piece for piece in pieces if piece)


def say(random: Random, persona: str, language: str, values: dict[str, str]) -> str:
    """An answer that names every given value."""
    table, frames = (SAY_KO, FRAME_KO) if language == "ko" else (SAY_EN, FRAME_EN)
    cores = [fill(random.choice(table[key]), value) for key, value in values.items()]
    if language == "en" and set(values) == {"name", "job"} and random.random() < 0.6:
        name, job = values["name"], lexicon.article(values["job"])
        cores = [random.choice([f"You're {name}, and you're {job}.", f"You are {name} and you work as {job}.", f"Your name is {name} and you're {job}."])]
    before, after = frames[persona]
    return _joined(random.choice(before), *cores, random.choice(after) if random.random() < 0.5 else "")


def unknown(random: Random, persona: str, language: str, key: str) -> str:
    """The answer to a question about something that was never told."""
    if language == "ko":
        return random.choice(UNKNOWN_KO[persona]).replace("{n}", lexicon.particle(NOUN_KO[key], "을/를"))
    return random.choice(UNKNOWN_EN[persona]).replace("{n}", NOUN_EN[key])


def tell(random: Random, language: str, key: str, value: str) -> str:
    """A sentence with which a person tells it."""
    return fill(random.choice((TELL_KO if language == "ko" else TELL_EN)[key]), value)


def acknowledge(random: Random, persona: str, language: str, key: str, value: str) -> str:
    """The persona takes up what it was told."""
    if language == "ko":
        return fill(random.choice(ACKNOWLEDGE_KO[key]), value)
    table = ACKNOWLEDGE_EN[key]
    return fill(random.choice(table.get(persona, []) * 2 + table["*"]), value)


def ask(random: Random, language: str, keys: list[str]) -> str:
    """A question about one key or several."""
    table, openers = (ASK_KO, OPENERS_KO) if language == "ko" else (ASK_EN, OPENERS_EN)
    opener = random.choice(openers)
    if len(keys) == 1:
        return opener + random.choice(table[keys[0]])
    if language == "ko":
        nouns = [NOUN_KO[key] for key in keys]
        listed = f"{lexicon.particle(nouns[0], '이랑/랑')} {nouns[1]}"
        return opener + random.choice(["내 {l} 알아?", "내 {l} 뭐야?", "제 {l} 기억하세요?", "내 {l} 말해줘", "제 {l} 뭐라고 했죠?", "내 {l} 뭐라고 했지?"]).replace("{l}", listed)
    nouns = [{"home": "home town", "likes": "favourite thing"}.get(key, NOUN_EN[key]) for key in keys]
    pattern = random.choice(
        [
            "What's my {0} and my {1}?",
            "What is my {0} and my {1}?",
            "Do you remember my {0} and my {1}?",
            "Tell me my {0} and {1}.",
            "what's my {0} and {1}?",
            "Do you know my {0} and my {1}?",
            "what are my {0} and my {1}",
            "My {0} and my {1}?",
        ]
    )
    return opener + pattern.format(*nouns)


def notes(random: Random, language: str, least: int, most: int, without: tuple[str, ...] = ()) -> dict[str, str]:
    """A random memory: some keys with random values."""
    keys = [key for key in [*KEYS, "note"] if key not in without]
    return {key: lexicon.value(random, key, language) for key in random.sample(keys, random.randint(least, most))}


def _pick(random: Random) -> str:
    return random.choices(KEYS, WEIGHTS)[0]


def noise(random: Random, language: str, user: User) -> None:
    """Other blocks that the answer does not come from."""
    events = EVENTS_KO if language == "ko" else EVENTS_EN
    speaker = user.memory.get("name") or lexicon.value(random, "name", language)
    if random.random() < 0.12:
        user.summary = [event_line(random, language, speaker, random.choice(events))[0] for _ in range(random.randint(1, 2))]
    if random.random() < 0.12:
        user.recall = [event_line(random, language, speaker, random.choice(events))[0] for _ in range(random.randint(1, 3))]


def event_line(random: Random, language: str, speaker: str, event: tuple[str, str, list[str], str]) -> tuple[str, str]:
    """(a line as `<recall>` writes it, what fills {v})"""
    kind, statement, _, _ = event
    korean = language == "ko"
    filler = {
        "day": lambda: random.choice(DAYS_KO if korean else DAYS_EN),
        "place": lambda: lexicon.value(random, "home", language),
        "person": lambda: lexicon.value(random, "name", language),
        "thing": lambda: random.choice(THINGS_TO_HAVE),
    }[kind]()
    return f"{speaker}: {fill(statement, filler)}", filler


def from_block(random: Random, persona: str, language: str) -> Dialogue:
    """The first message carries the whole memory and asks about a part of it."""
    known = notes(random, language, 1, 6)
    keys = [key for key in known if key != "note"]
    roll = random.random()
    if not keys or roll < 0.22:
        missing = [key for key in KEYS if key not in known]
        key = random.choices(missing, [WEIGHTS[KEYS.index(one)] for one in missing])[0]
        user = User(ask(random, language, [key]), memory=known)
        reply = unknown(random, persona, language, key)
    elif roll < 0.3:
        user = User(random.choice(ALL_KO if language == "ko" else ALL_EN), memory=known)
        reply = say(random, persona, language, {key: known[key] for key in list(known)[:3] if key != "note"} or {keys[0]: known[keys[0]]})
    else:
        asked = random.sample(keys, 2 if len(keys) > 1 and random.random() < 0.25 else 1)
        if random.random() < 0.35:
            for key in ("name", "job")[: random.randint(1, 2)]:
                known.setdefault(key, lexicon.value(random, key, language))
            asked = [key for key in ("name", "job") if key in known][: random.randint(1, 2)]
            random.shuffle(asked)
        user = User(ask(random, language, asked), memory=known)
        reply = say(random, persona, language, {key: known[key] for key in asked})
    noise(random, language, user)
    turns: list[User | str] = [user, reply]
    shows_again = random.random() < 0.6
    while random.random() < 0.65 and len(turns) < 12:
        key = random.choice(KEYS)
        # Later messages carry only the lines that they ask for, and nothing when there are none.
        again = User(ask(random, language, [key]), memory={key: known[key]} if shows_again and key in known else {})
        turns += [again, say(random, persona, language, {key: known[key]}) if key in known else unknown(random, persona, language, key)]
    return Dialogue(persona, turns, "memory")


def pet_by_name(random: Random, persona: str, language: str) -> Dialogue:
    """The pet's name is asked for, and the person's own name stands there too."""
    korean = language == "ko"
    animal = random.choice((lexicon.PETS_KO if korean else lexicon.PETS_EN)[:6])
    name = random.choice(lexicon.PET_NAMES_KO if korean else lexicon.PET_NAMES_EN)
    if random.random() < 0.5:
        name = lexicon.syllables_ko(random, 2, 2) if korean else lexicon.syllables_en(random)
    known = notes(random, language, 0, 2, without=("pet", "name")) | {"pet": f"{animal} {name}" if korean else random.choice([f"{animal} named {name}", f"a {animal} called {name}"])}
    if random.random() < 0.6:
        known["name"] = lexicon.value(random, "name", language)
    if korean:
        words = random.choice(["우리 {a} 이름이 뭐야?", "내 {a} 이름 뭐게", "우리 {a} 이름 알아?", "제 {a} 이름 기억하세요?", "내 {a} 이름이 뭐라고 했지?", "우리 {a} 이름 뭐였지"]).replace(
            "{a}", animal
        )
        core = random.choice([f"{animal} 이름은 {name} 맞죠?", f"{name} 맞죠?", fill("{v|이라고/라고} 하셨어요.", name)])
    else:
        words = random.choice(
            ["What's my {a}'s name?", "what is my {a} called", "What's the name of my {a}?", "Do you remember my {a}'s name?", "whats my {a}s name", "How is my {a} called?", "do you know my {a}?"]
        ).replace("{a}", animal)
        core = random.choice([f"Your {animal} is called {name}.", f"It's {name}!", f"{name}!", f"Your {animal}'s name is {name}."])
    before, after = (FRAME_KO if korean else FRAME_EN)[persona]
    user = User(random.choice(OPENERS_KO if korean else OPENERS_EN) + words, memory=known)
    return Dialogue(persona, [user, _joined(random.choice(before), core, random.choice(after) if random.random() < 0.4 else "")], "memory")


def from_earlier_line(random: Random, persona: str, language: str) -> Dialogue:
    """The answer stands in `<recall>` or `<summary>`."""
    events = EVENTS_KO if language == "ko" else EVENTS_EN
    chosen = random.sample(events, random.randint(1, 3))
    known = notes(random, language, 1, 3) if random.random() < 0.4 else {}
    speaker = known.get("name") or lexicon.value(random, "name", language)
    lines = [event_line(random, language, speaker, event) for event in chosen]
    kind_of_block = random.choice(["recall", "summary"])
    _, _, questions, answer = chosen[0]
    target = lines[0]
    shown = [line for line, _ in lines]
    random.shuffle(shown)
    user = User(random.choice(OPENERS_KO if language == "ko" else OPENERS_EN) + random.choice(questions), memory=known, **{kind_of_block: shown})
    before, after = (FRAME_KO if language == "ko" else FRAME_EN)[persona]
    reply = _joined(random.choice(before), fill(answer, target[1]), random.choice(after) if random.random() < 0.4 else "")
    return Dialogue(persona, [user, reply], "recall")


def told_then_asked(random: Random, persona: str, language: str, chat: Callable[[], list[User | str]]) -> Dialogue:
    """The person tells one to three things, perhaps chats a little, and asks. The block stands in the question, or nothing does."""
    keys: list[str] = []
    while len(keys) < random.choice([1, 1, 2, 2, 3]):
        key = _pick(random)
        if key not in keys:
            keys.append(key)
    if random.random() < 0.3:
        keys = ["name", "job"]
    known = {key: lexicon.value(random, key, language) for key in keys}
    shows_blocks = random.random() < 0.55
    told: dict[str, str] = notes(random, language, 1, 3, without=tuple(keys)) if random.random() < 0.2 else {}
    turns: list[User | str] = []
    if random.random() < 0.2:
        turns += chat()
    for key in keys:
        told = told | {key: known[key]}
        user = User(tell(random, language, key, known[key]))
        if shows_blocks and random.random() < 0.7:
            user.memory = dict(told)
        turns += [user, acknowledge(random, persona, language, key, known[key])]
    if random.random() < 0.35:
        turns += chat()
    if random.random() < 0.1:
        key = random.choice(keys)
        known[key] = lexicon.value(random, key, language)
        correction = "아니, 다시 말할게. " if language == "ko" else random.choice(["actually, ", "Sorry, correction: ", "no wait, "])
        turns += [User(correction + tell(random, language, key, known[key])), acknowledge(random, persona, language, key, known[key])]
    if random.random() < 0.12:
        key = random.choice([one for one in KEYS if one not in told])
        turns += [User(ask(random, language, [key])), unknown(random, persona, language, key)]
    asked = keys if len(keys) == 2 and random.random() < 0.6 else [random.choice(keys)]
    asked = random.sample(asked, len(asked))
    question = User(ask(random, language, asked))
    if shows_blocks:
        also = [key for key in keys if random.random() < 0.3]
        question.memory = {key: known[key] for key in (*asked, *also)}
    turns += [question, say(random, persona, language, {key: known[key] for key in asked})]
    if len(keys) > 1 and random.random() < 0.4:
        other = random.choice(keys)
        turns += [User(ask(random, language, [other]), memory={other: known[other]} if shows_blocks else {}), say(random, persona, language, {other: known[other]})]
    return Dialogue(persona, turns, "memory")


def never_told(random: Random, persona: str, language: str) -> Dialogue:
    """A question about oneself with nothing told before."""
    key = _pick(random)
    return Dialogue(persona, [User(ask(random, language, [key])), unknown(random, persona, language, key)], "memory")


def dialogue(random: Random, persona: str, language: str, chat: Callable[[], list[User | str]]) -> Dialogue:
    """Any one of the above. `chat` makes a pair of small talk that may stand in between."""
    roll = random.random()
    if roll < 0.05:
        return pet_by_name(random, persona, language)
    if roll < 0.42:
        return from_block(random, persona, language)
    if roll < 0.88:
        return told_then_asked(random, persona, language, chat)
    if roll < 0.95:
        return from_earlier_line(random, persona, language)
    return never_told(random, persona, language)
