#!/usr/bin/env python3
"""Records what LangChain's ConversationSummaryBufferMemory keeps, into langchain.json beside this file; tests/oracle.rs compares.

Tokens are words, and the summariser answers "S<n>" to its n-th call, so that both sides use the same two functions.

    python3 -m venv venv && venv/bin/pip install langchain-classic==1.0.8 && venv/bin/python record.py
"""
import json
import pathlib
import random
import warnings

warnings.filterwarnings("ignore")

from langchain_classic.memory import ConversationSummaryBufferMemory  # noqa: E402
from langchain_core.language_models.llms import LLM  # noqa: E402


class CountingSummariser(LLM):
    """Answers S1, S2, ... and counts words as tokens."""

    calls: list = []

    @property
    def _llm_type(self) -> str:
        return "counting-summariser"

    def _call(self, prompt, stop=None, run_manager=None, **kwargs) -> str:
        self.calls.append(prompt)
        return f"S{len(self.calls)}"

    def get_num_tokens(self, text: str) -> int:
        return len(text.split())


def states(limit: int, turns: list) -> list:
    llm = CountingSummariser()
    llm.calls = []
    memory = ConversationSummaryBufferMemory(llm=llm, max_token_limit=limit)
    seen = []
    for person, reply in turns:
        memory.save_context({"input": person}, {"output": reply})
        kept = [f"{message.type}: {message.content}" for message in memory.chat_memory.messages]
        seen.append({"kept": kept, "calls": len(llm.calls)})
    return seen


def words(chance: random.Random, longest: int) -> str:
    return " ".join(chance.choice("abcdefgh") for _ in range(chance.randint(0, longest)))


def main() -> None:
    chance = random.Random(2026)
    cases = [
        {"limit": 10, "turns": [["a b c", "d e f"], ["g", "h i"]]},  # single messages leave
        {"limit": 8, "turns": [["a b c", "d e f"]]},  # exactly full
        {"limit": 5, "turns": [["a", "b"], ["c d e f g h i j", "k"], ["l", "m"]]},  # the newest alone is too long
        {"limit": 0, "turns": [["a", "b"], ["c", "d"]]},
        {"limit": 6, "turns": [["", ""], ["", ""], ["", ""], ["", ""]]},  # empty texts cost their prefix
    ]
    for _ in range(195):
        longest = chance.choice([2, 5, 9])
        turns = [[words(chance, longest), words(chance, longest)] for _ in range(chance.randint(1, 9))]
        cases.append({"limit": chance.randint(0, 40), "turns": turns})
    for case in cases:
        case["states"] = states(case["limit"], case["turns"])
    how = "langchain-classic 1.0.8, ConversationSummaryBufferMemory; tokens are words; recorded by record.py beside this file"
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    text = f'{{"how": {json.dumps(how)},\n"cases": [\n{lines}\n]}}\n'
    pathlib.Path(__file__).with_name("langchain.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
