// Every sentence that the page says itself, in Korean and English, and the language it is said in. Not for what personas or the daemon say.

const SENTENCES = {
  skip: ["Skip to the message box", "입력창으로 건너뛰기"],
  people: ["Friends", "친구들"],
  choose: ["Choose a friend", "친구 고르기"],
  close: ["Close", "닫기"],
  language: ["Language", "언어"],
  speaksKo: ["speaks Korean", "한국어로 이야기해요"],
  speaksEn: ["speaks English", "영어로 이야기해요"],
  speaksBoth: ["speaks Korean and English", "한국어와 영어로 이야기해요"],

  conversation: ["Conversation", "대화"],
  anew: ["New conversation", "새 대화"],
  anewShort: ["New", "새 대화"],
  toEnd: ["Newest", "최근 말로"],
  ai: ["You are talking with an AI, not with a person. What it says can be wrong.", "사람이 아니라 AI와 이야기하고 있어요. 틀린 말을 할 수도 있어요."],
  you: ["You: ", "나: "],
  thinking: ["{name} is thinking", "{name}: 생각하는 중"],

  message: ["Message", "메시지"],
  hint: ["Message {name}", "{name}에게 말하기"],
  sayLabel: ["Message to {name}. Enter sends, Shift and Enter begin a new line.", "{name}에게 보낼 말. 엔터는 보내기, 시프트와 엔터는 줄바꿈이에요."],
  send: ["Send", "보내기"],
  stop: ["Stop the reply", "답 멈추기"],
  commands: ["Commands", "명령"],
  footNote: ["AI, not a person. It can be wrong.", "사람이 아닌 AI예요. 틀릴 수 있어요."],
  stillAnswering: ["{name} is still answering. Stop the reply or wait for its end.", "{name}: 아직 답하는 중이에요. 멈추거나 끝날 때까지 기다려 주세요."],
  lengthLeft: ["{count} of {longest} characters", "{longest}자 중 {count}자"],
  tooLong: ["Too long by {over} (at most {longest} characters).", "{over}자를 줄여 주세요. {longest}자까지 보낼 수 있어요."],

  regenerate: ["Answer again", "다시 답하기"],
  stopped: ["Stopped", "멈췄어요"],
  unfinished: ["Unfinished", "끝까지 하지 않은 답"],
  lengthReached: ["The reply reached its longest length.", "답이 정해진 길이에 닿았어요."],
  noReply: ["This message has no reply yet.", "이 말에는 아직 답이 없어요."],
  answerNow: ["Answer now", "지금 답하기"],
  retry: ["Try again", "다시 시도"],

  gone: ["chatfriends does not answer at this address. Trying to reach it…", "이 주소에서 chatfriends가 답하지 않아요. 계속 연결해 볼게요…"],
  notSent: ["Your message was not sent: chatfriends cannot be reached. It is still in the box below.", "chatfriends에 연결할 수 없어 메시지를 보내지 못했어요. 쓴 글은 아래 입력창에 그대로 있어요."],
  notReached: ["chatfriends cannot be reached. Is it running?", "chatfriends에 연결할 수 없어요. 실행 중인지 확인해 주세요."],
  brokeOff: ["The connection to chatfriends broke off here.", "여기서 chatfriends와 연결이 끊겼어요."],
  refused: ["chatfriends did not take this: {reason}", "chatfriends가 받지 않았어요: {reason}"],
  historyTrouble: ["What was said before could not be read.", "지난 대화를 읽지 못했어요."],
  failed: ["The model cannot answer. Whoever runs chatfriends must mend this and start it again.", "모델이 답할 수 없어요. 운영자가 고치고 다시 시작해야 해요."],
  notReady: ["The model is not ready yet. This page goes on by itself when it is.", "모델이 아직 준비되지 않았어요. 준비되면 저절로 이어져요."],
  ready: ["The model is ready.", "모델이 준비됐어요."],
  back: ["chatfriends is back.", "chatfriends와 다시 연결됐어요."],

  memory: ["What {name} remembers about you", "{name}의 기억"],
  memoryShort: ["Memory", "기억"],
  memoryAbout: ["Every friend has a memory of their own. You can delete what you do not want kept.", "친구마다 따로 기억해요. 남기고 싶지 않은 것은 지울 수 있어요."],
  memoryEmpty: ["Nothing yet. Tell me your name or what you like, and it will stand here.", "아직 없어요. 이름이나 좋아하는 것을 말하면 여기에 나와요."],
  memorySummary: ["From earlier talk", "지난 이야기에서"],
  memoryTrouble: ["The memory could not be read.", "기억을 읽지 못했어요."],
  notForgotten: ["That could not be deleted. Please try again.", "지우지 못했어요. 다시 시도해 주세요."],
  forget: ["Forget: {key}, {value}", "지우기: {key}, {value}"],
  forgotten: ["Forgotten: {value}", "지웠어요: {value}"],
  forgetAll: ["Forget everything", "모두 지우기"],
  forgetTitle: ["Shall {name} forget everything about you?", "{name}의 기억을 모두 지울까요?"],
  forgetWarning: ["All lines and the whole conversation with this friend are deleted. This cannot be undone.", "기억한 것과 이 친구와 나눈 대화를 모두 지워요. 되돌릴 수 없어요."],
  keep: ["Keep", "그대로 두기"],
  allForgotten: ["Everything is forgotten.", "모두 지웠어요."],

  starterName: ["Starter model", "스타터 모델"],
  starterNote: ["This is the small starter model that comes along: short chats about a few topics.", "함께 들어 있는 작은 스타터 모델이에요. 몇 가지 주제로 짧게만 이야기할 수 있어요."],
  starterMore: ["What it can do, and how to use a real model", "할 수 있는 일과 진짜 모델을 쓰는 법"],
  starterTitle: ["The starter model", "스타터 모델"],
  starterCan: ["It is tiny, so that everything works at once, without a download. Each friend can greet you, chat briefly about their own topics, and use what you told them, such as your name or job.", "내려받을 것 없이 바로 써 볼 수 있도록 아주 작게 만든 모델이에요. 친구마다 인사하고, 자기 주제로 짧게 이야기하고, 알려 준 이름이나 직업을 쓸 수 있어요."],
  starterCannot: ["About anything else it will often miss the point or say something wrong. That is this model, not the friends.", "그 밖의 것에는 엉뚱하거나 틀린 답을 자주 해요. 친구들이 아니라 이 모델의 한계예요."],
  starterHow: ["Use a real model", "진짜 모델 쓰기"],
  starterGet: ["Get a model as a GGUF file. scripts/README.md names good ones for 4, 8 and 24 GB of memory, with the commands that fetch them.", "GGUF 모델 파일을 준비해요. scripts/README.md에 메모리 4, 8, 24GB에 맞는 모델과 받는 명령이 있어요."],
  starterSet: ["Name the file in config/local.toml:", "config/local.toml에 그 파일을 적어요:"],
  starterRestart: ["Start chatfriends again.", "chatfriends를 다시 시작해요."],
};

const LANGUAGES = ["en", "ko"];

let chosen = stored() ?? (navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en");

// How an element says its sentence. The attributes data-word, data-label and data-hint name it.
const WAYS = {
  word: (element, text) => (element.textContent = text),
  label: (element, text) => {
    element.setAttribute("aria-label", text);
    if (element.tagName === "BUTTON") {
      element.title = text;
    }
  },
  hint: (element, text) => (element.placeholder = text),
};

// What stands for the names in an element's sentences, so that a change of language can say them again.
const values = { word: new WeakMap(), label: new WeakMap(), hint: new WeakMap() };

/** `en` or `ko`. */
export function language() {
  return chosen;
}

/** Says everything on the page in another language from now on, and sends the document the event `spoken`. */
export function speak(language) {
  chosen = language;
  try {
    localStorage.setItem("chatfriends.language", language);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  sayAll();
  document.dispatchEvent(new Event("spoken"));
}

/** A sentence in the chosen language; `{name}` in it becomes `values.name`. */
export function words(key, values = {}) {
  return SENTENCES[key][LANGUAGES.indexOf(chosen)].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Makes an element's text a sentence, in whatever language is chosen later. */
export function tell(element, key, values) {
  say(element, "word", key, values);
}

/** Gives an element an accessible name, and a button a tooltip, in the same way. */
export function label(element, key, values) {
  say(element, "label", key, values);
}

/** Gives an input its placeholder in the same way. */
export function hint(element, key, values) {
  say(element, "hint", key, values);
}

/** Says every marked sentence again. */
export function sayAll() {
  document.documentElement.lang = chosen;
  for (const way of Object.keys(WAYS)) {
    for (const element of document.querySelectorAll(`[data-${way}]`)) {
      say(element, way, element.dataset[way], values[way].get(element));
    }
  }
}

function say(element, way, key, replacements = {}) {
  element.dataset[way] = key;
  values[way].set(element, replacements);
  WAYS[way](element, words(key, replacements));
}

/** The language of a text, for readers that speak it aloud. */
export function languageOf(text) {
  return /[\uac00-\ud7a3]/.test(text) ? "ko" : "en";
}

function stored() {
  try {
    const language = localStorage.getItem("chatfriends.language");
    return LANGUAGES.includes(language) ? language : undefined;
  } catch {
    return undefined;
  }
}
