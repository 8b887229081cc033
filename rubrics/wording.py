"""What the wording of a criterion betrays: the paper's rules for criteria (UpBench, appendix A.3) as patterns.

A criterion speaks of the deliverable. Dates, people and adjectives that are *content* of the deliverable are fine
("Covers January to March 2026", "States that the return is due by 15 April"); the same words as a demand on the
work or the worker are not ("Delivered by Friday", "Written by a native speaker"). So text in quotation marks or
backticks is not looked at, names (capitals inside a sentence) are not adjectives, and what follows a verb that
reports content (contains, states, lists ...) is content.
"""

from __future__ import annotations

import re

from rubrics.words import (
    DEFINITE_VERBS,
    REPORTING_VERBS,
    SUBJECTIVE,
    SUBJECTIVE_HINTS,
    VAGUE,
    WORKER_NOUNS,
)


def _any(words: tuple[str, ...]) -> str:
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"


_QUOTED = re.compile(
    "`[^`]*`|\"[^\"]*\"|\u201c[^\u201d]*\u201d|\u00ab[^\u00bb]*\u00bb|(?<!\\w)'[^']{1,80}'(?!\\w)"
)
_REPORTS = re.compile(rf"\b{_any(REPORTING_VERBS)}\b", re.I)

_DAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow|tonight|noon|midnight)"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}|{_MONTH}\s+\d{{1,4}}|\d{{4}}-\d\d(?:-\d\d)?"
    r"|\d{1,2}[/.]\d{1,2})"
)
_SPAN = (
    r"(?:\d+|one|two|three|four|five|six|seven|ten|a|an|the)(?:[- ]\w+)?\s*[- ]?(?:business |working )?"
    r"(?:hour|day|week|month|hr)s?"
)
_MOMENT = (
    rf"(?:the\s+|next\s+|this\s+|coming\s+)*(?:end of (?:the |this |next )?(?:day|week|month|year|business)"
    rf"|{_DAY}|{_DATE}|deadline|due date|agreed (?:date|time)|eod|cob|(?:next|this) (?:week|month))"
)
_TIME = (
    rf"(?:(?:by|before|until|no later than|not later than|on or before|prior to|on|at)\s+{_MOMENT}"
    rf"|(?:with)?in\s+(?:under\s+|less than\s+|at most\s+)?{_SPAN}\b"
    r"|on time|on schedule|ahead of (?:time|schedule)|in time|promptly|quickly|in a timely (?:manner|fashion)"
    r"|as soon as possible|asap|right away|immediately|without delay)"
)
_WORK = (
    r"(?:(?:all|the|this|final|finished|complete|first|each|every|entire)\s+)*"
    r"(?:work|job|project|task|deliverables?|files?|reports?|documents?|drafts?|versions?|submissions?|translations?"
    r"|articles?|revisions?|edits?|everything|it|they|milestones?|results?|spreadsheets?|workbooks?|designs?)"
)
_DONE = (
    r"(?:completed|delivered|submitted|finished|handed in|turned in|returned|provided|sent|uploaded|received|done"
    r"|ready|due|supplied|made available)"
)
_DO = r"(?:deliver|submit|complete|finish|hand in|return|send|turn in|provide|upload)"
_DOES = (
    rf"(?:(?:must|should|has to|will) {_DO}|completes|delivers|submits|finishes|hands in|returns|responds|replies"
    r"|starts|begins work|is available)"
)
_WORKER = _any(WORKER_NOUNS)
_TRAIT = (
    r"(?:(?:years?|months?) of (?:\w+ )?experience|experienced?|based|located|resid(?:es|ing|ent)|lives|certified"
    r"|licen[sc]ed|chartered|native|fluent|bilingual|degree|portfolio|background|expertise|expert|qualifi(?:ed|cations?)"
    r"|top[- ]rated|rating|skilled|senior|speaks|job success|credentials?|human|u\.?s\.?a?\.?|uk)"
)
_MADE_BY = (
    r"(?:completed|done|written|made|created|prepared|translated|designed|produced|performed|carried out|edited"
    r"|proofread|drawn|developed|built|reviewed|checked|authored|recorded|coded)\s+(?:\w+\s+)?by"
)

_DEADLINES = (
    # "Completed by Friday", not "Completed tasks of 3 March are green".
    re.compile(
        rf"^(?:must |should |has to |is to |to )?(?:be )?(?:{_DO}|{_DONE})\b[^.;]*?\b{_TIME}"
        r"(?!.*\b(?:is|are|has|have|was|were|carr(?:y|ies)|shows?|stands?|equals?|adds?)\b)",
        re.I,
    ),
    re.compile(rf"^{_WORK}\s+{_TIME}", re.I),
    re.compile(rf"(?:[.;]\s+|\band\s+){_DONE}\b[^.;]*?\b{_TIME}", re.I),
    re.compile(
        rf"^{_WORK}\s+(?:\w+\s+)?(?:(?:is|are|was|were|must be|should be|has to be|to be|gets?)\s+)?"
        rf"{_DONE}\b[^.;]*?\b{_TIME}",
        re.I,
    ),
    re.compile(rf"\b(?:{_WORKER}|{_WORK})\s+(?:\w+\s+)?{_DOES}\b[^.;]*?\b{_TIME}", re.I),
    re.compile(
        r"\b(?:meets?|keeps?|respects?|within|misses|before) (?:the |its |all |agreed )*deadlines?\b", re.I
    ),
    re.compile(rf"\b(?:turnaround|delivery)(?: time)?\s+(?:is\s+|of\s+|within\s+|under\s+)+{_SPAN}", re.I),
    re.compile(
        rf"^(?:timely|prompt|fast|quick)\b|^(?:by|before|within|no later than)\s+(?:{_MOMENT}|{_SPAN})", re.I
    ),
    re.compile(rf"^{_WORK}\s+(?:is|are)\s+(?:on time|timely|late|on schedule)\b", re.I),
)
_WORKERS = (
    re.compile(rf"\b{_MADE_BY}\s+[^.;]{{0,40}}?\b(?:{_TRAIT}|{_WORKER})(?!\w)", re.I),
    re.compile(
        rf"(?:^|[.;]\s+)(?:(?:the|a|an|each|every|any|all)\s+)?{_WORKER}\s+"
        r"(?:is|are|has|have|holds?|must|should|was|with|who|lives|resides|speaks|possesses)\b"
        rf"[^.;]{{0,60}}?\b{_TRAIT}(?!\w)",
        re.I,
    ),
    re.compile(rf"\b{_TRAIT}\s+(?:\w+\s+)?{_WORKER}\b", re.I),
    re.compile(r"\b(?:native(?:[- ]level)?|fluent) (?:\w+ )?speakers?\b|\btop[- ]rated(?: plus)?\b", re.I),
    re.compile(r"\b(?:u\.?s\.?a?\.?|uk|eu|locally|offshore)[- ]based\b", re.I),
    re.compile(r"^(?:at least |minimum )?\d+\+? years? of (?:\w+ )?experience\b", re.I),
)
_SUBJECTIVE = re.compile(rf"\b{_any(SUBJECTIVE)}(?!\w)", re.I)
_HINTS = re.compile(rf"\b{_any(SUBJECTIVE_HINTS)}(?!\w)", re.I)
_VAGUE = re.compile(rf"\b{_any(VAGUE)}(?!\w)", re.I)
_INDEFINITE = re.compile(
    r"\b(?:should|might|could|would|may|ought to|(?:try|tries|trying) to|(?:attempts?|aims?|strives?|seeks?) to"
    r"|ideally|preferably|hopefully|perhaps|possibly|probably|if (?:possible|needed|necessary|appropriate)"
    r"|(?:where|when|as) (?:possible|needed|necessary|appropriate)|to the extent possible)\b",
    re.I,
)
# "May include ..." is a wish; every other "May" is the month.
_MAY_DO = re.compile(r"May (?:also |not )?(?:be|have|include|contain|use|show|need|list|state|mention|cover|do)\b")
_ADVICE = re.compile(
    r"\b(?:recommend|suggest|advise|provide|include|state|say|explain|note|warn|tell|instruct|mention|describe|propose|clarif|conclude"
    r"|specif|ask|show|address|list|identif|predict|estimate)(?:s|ies|es)?\b[^.;]*?"
    r"\b(?:that|how|when|what|whether|which|why|where|who|if|and)\b",
    re.I,
)
# "the people who may be contacted": a permission in a clause, not a wish.
_CLAUSE = re.compile(r"\b(?:who|whom|whose|which|that|what|when|where|how|if|unless)\s+(?:[\w'-]+\s+){0,4}$", re.I)
_VERB = re.compile(rf"\b{_any(DEFINITE_VERBS)}\b", re.I)
_AND_VERB = re.compile(
    rf"(?:\band\b|;|\bbut\b)\s+(?:also\s+|it\s+|then\s+)*(?:does not|is|are|has|have|{_any(REPORTING_VERBS)})\s+"
    r"(?:also\s+)?(?:an?|the|all|each|every|at least|at most|exactly|no|its|their|\d|`|\")",
    re.I,
)
_ABBREVIATED = (
    "etc",
    "e\\.g",
    "i\\.e",
    "vs",
    "No",
    "St",
    "Mr",
    "Ms",
    "Mrs",
    "Dr",
    "Co",
    "Inc",
    "Ltd",
    "Fig",
    "Sec",
    "approx",
)
_SENTENCES = re.compile("".join(rf"(?<!\b{word})" for word in _ABBREVIATED) + r"(?<![A-Z])[.!?]\s+(?=[A-Z])")
_SLOW = re.compile(
    r"\b(?:all|every|each)(?: of the)?(?: \w+)? (?:sources?|links?|facts?|citations?|references?|claims?|figures"
    r"|statements?|calculations?)(?: \w+)? (?:is|are|has been|have been|were)(?: \w+)?"
    r" (?:verified|checked|fact-checked|validated|accurate|correct|true|reliable|credible)\b"
    r"|\b(?:error[- ]free|flawless(?:ly)?|100 ?% (?:accurate|correct)|(?:fully|completely) (?:accurate|correct)"
    r"|free (?:of|from) (?:all |any )?(?:errors|mistakes|plagiarism)|not plagiari[sz]ed|plagiarism[- ]free"
    r"|throughout the entire|line by line)\b",
    re.I,
)
_NEGATED = re.compile(
    r"^(?:no|none|never|not|nothing|nobody|without|avoids?|free (?:of|from)|(?:do|does|must|may|can) ?not)\b"
    r"|^(?:(?!that\b|which\b|who\b|whose\b)[\w*.-]+\s+){0,4}"
    r"(?:(?:do|does|must|may|can|should) ?not|doesn't|don't|avoids?|(?:contain|include|ha|use|show)(?:s|ve)? no"
    r"|(?:is|are) (?:free (?:of|from)|not))\b",
    re.I,
)


def deadline(text: str) -> str | None:
    """The words that set a time for handing the work in, or None."""
    return _demand(_DEADLINES, text)


def worker(text: str) -> str | None:
    """The words that ask for an attribute of the worker (place, experience, certificate), or None."""
    return _demand(_WORKERS, text)


def subjective(text: str) -> str | None:
    """A word that two reviewers will read differently, or None."""
    return _adjective(_SUBJECTIVE, text)


def subjective_hint(text: str) -> str | None:
    """A word that is often, not always, a matter of opinion, or None."""
    return _adjective(_HINTS, text)


def vague(text: str) -> str | None:
    """An amount that is not one (several, various, etc.), or None."""
    return _adjective(_VAGUE, text)


def indefinite(text: str) -> str | None:
    """The words that make a demand a wish (should, might, if possible), or None; quoted advice is content."""
    bare = _bare(text)
    for match in _INDEFINITE.finditer(bare):
        name = match.group() == "May" and not _MAY_DO.match(bare, match.start())
        before = bare[: match.start()]
        if not name and not _ADVICE.search(before) and not _CLAUSE.search(before):
            return match.group()
    return None


def lacks_verb(text: str) -> bool:
    """Whether the criterion says of nothing that it is, has or does something."""
    return _VERB.search(_bare(text)) is None


def compound(text: str) -> str | None:
    """The words that join a second demand to the first, or None. A hint, no more."""
    bare = _bare(text)
    match = _AND_VERB.search(bare) or _SENTENCES.search(bare)
    return bare[match.start() : match.end() + 20].strip() if match else None


def slow(text: str) -> str | None:
    """Words that ask for more than a minute or two of verification, or None."""
    match = _SLOW.search(_bare(text))
    return match.group() if match else None


def negated(text: str) -> str | None:
    """The negation of a sentence that says what is *not* there, or None."""
    match = _NEGATED.search(_bare(text).strip())
    return match.group() if match else None


def _bare(text: str) -> str:
    """Without what is quoted: names of sheets, columns, sentences that must be in the deliverable."""
    return " ".join(_QUOTED.sub(" X ", text).split())


def _demand(patterns: tuple[re.Pattern[str], ...], text: str) -> str | None:
    bare = _bare(text)
    for pattern in patterns:
        for match in pattern.finditer(bare):
            if not _REPORTS.search(bare[: match.start()]):
                return match.group().strip()
    return None


def _adjective(pattern: re.Pattern[str], text: str) -> str | None:
    bare = _bare(text)
    for match in pattern.finditer(bare):
        starts = match.start() == 0 or bare[: match.start()].rstrip().endswith((".", ":", "!", "?"))
        if starts or not match.group()[0].isupper():
            return match.group()
    return None
