"""Names that tell an agent, a model or its vendor, and what only looks like one.

A pattern is a regular expression over case-folded text in which every run of spaces, hyphens, underscores, slashes
and dots is one space; it must begin and end at the border of a word. Words that mean something else as often
(`cohere`, `gemini`, `grok`, `mistral`, `opus`) count only with what makes them a name: a version, a vendor.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["agent", "model", "vendor", "phrase"]


class Known(NamedTuple):
    """A name: what it tells, how it is called in a finding, the pattern that finds it."""

    kind: Kind
    name: str
    pattern: str


_MODEL = r"(?:large language model|language model|llm)"
_MADE = r"(?:generated|written|produced|created)"

KNOWN: tuple[Known, ...] = (
    Known("vendor", "OpenAI", r"open ?ai"),
    Known("vendor", "Anthropic", r"anthropic"),
    Known("vendor", "Google DeepMind", r"(?:google )?deep ?mind"),
    Known("vendor", "Mistral AI", r"mistral ?ai"),
    Known("vendor", "Meta AI", r"meta ai"),
    Known("vendor", "xAI", r"x ai grok|xai"),
    Known("vendor", "Moonshot AI", r"moonshot ?ai"),
    Known("vendor", "Zhipu", r"zhipu(?: ?ai)?"),
    Known("vendor", "Perplexity", r"perplexity ?ai"),
    Known("vendor", "Cohere", r"cohere ?(?:ai|labs|inc)"),
    Known("model", "ChatGPT", r"chat ?gpt"),
    Known("model", "GPT", r"gpt ?(?:\d[a-z0-9]*(?: \d+)?|oss)(?: ?(?:mini|nano|turbo|pro|\d+b))?"),
    Known("model", "o-series", r"o[134] (?:mini|preview|pro)|open ?ai o\d"),
    Known("model", "Claude", r"claude(?: ?(?:\d+|opus|sonnet|haiku|instant|code|ai))*"),
    Known("model", "Gemini", r"google gemini|gemini (?:\d(?: \d)?|ultra|nano|flash|advanced)(?: (?:pro|flash))?"),
    Known("model", "Gemma", r"gemma ?\d(?: \d+b)?"),
    Known("model", "Bard", r"google bard"),
    Known("model", "PaLM", r"palm 2"),
    Known("model", "Llama", r"(?:meta |code )?llama ?\d+(?: \d+)*b?|code ?llama|meta llama"),
    Known("model", "Mistral", r"mistral (?:large|medium|small|nemo|\d+b)|mixtral|(?:code|dev|mini)stral|pixtral"),
    Known("model", "Qwen", r"qwen ?\d*(?: \d+)*b?|qwq"),
    Known("model", "DeepSeek", r"deep ?seek(?: (?:v|r)\d)?"),
    Known("model", "Kimi", r"kimi k\d"),
    Known("model", "GLM", r"(?:chat ?)?glm ?\d(?: \d)?"),
    Known("model", "Grok", r"grok ?\d(?: \d)?"),
    Known("model", "Command R", r"command r(?: plus|\+)|command a \d+"),
    Known("model", "Copilot", r"(?:microsoft|github|m365|microsoft 365) copilot"),
    Known("model", "Nova", r"amazon nova"),
    Known("model", "Phi", r"(?:microsoft )?phi ?[345] ?(?:mini|small|medium|vision)?"),
    Known("agent", "Claude Code", r"claude code"),
    Known("agent", "AutoGPT", r"auto ?gpt"),
    Known("agent", "LangChain", r"lang ?(?:chain|graph)"),
    Known("agent", "OpenHands", r"open ?hands ?(?:ai|agent)|open ?devin"),
    Known("agent", "SWE-agent", r"swe agent"),
    Known("agent", "Manus", r"manus ai"),
    Known("phrase", "as an AI", rf"as an (?:ai|artificial intelligence)|as an? {_MODEL}"),
    Known("phrase", "I am an AI", rf"i(?: a|')?m (?:just |only )?an? (?:ai|artificial intelligence|{_MODEL})"),
    Known("phrase", "training data", r"my (?:training data|knowledge cut ?off|training cut ?off)"),
    Known("phrase", "made by AI", rf"{_MADE} (?:by|with|using) (?:an? )?(?:ai|artificial intelligence|{_MODEL})"),
)  # fmt: skip

# Taken out before anything is looked for: a space stands for any run of spaces, hyphens, underscores and dots.
FALSE_FRIENDS: tuple[str, ...] = (
    r"(?:jean|pierre|marie|saint|st|louis|paul|anne) claude(?: \w+)?",
    r"claude (?:monet|debussy|shannon|elwood shannon|lorrain|l[e\u00e9]vi strauss|rains|chabrol|fran[c\u00e7]ois)",
    r"claude (?:bernard|garamond|mckay|simon|cahun|berri|lelouch|sautet|mak[e\u00e9]l[e\u00e9]l[e\u00e9]|nobs)",
    r"claude (?:perrault|ledoux|nicollier|puel|giroux|julien|lemieux|montana)",
    r"anthropic (?:principle|reasoning|bias|argument|rock|landscape|landform|activit\w+|soil\w*|geomorphology)",
    r"project gemini|gemini (?:program|spacecraft|observatory|constellation|horoscope)",
    r"llama (?:wool|farm|fiber|fibre|trek\w*)",
)
