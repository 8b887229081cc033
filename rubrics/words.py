"""The linter's vocabulary: fragments of regular expressions, parted by semicolons, matched as whole words."""

from __future__ import annotations


def _fragments(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split(";"))


REPORTING_VERBS = _fragments(
    r"""
    contains?; includes?; states?; lists?; shows?; covers?; names?; mentions?; says?; gives?; explains?;
    describes?; has; have; holds?; quotes?; notes?; presents?; reports?; identif(?:y|ies); displays?;
    specif(?:y|ies); defines?; provides?; recommends?; suggests?; calculates?; counts?; computes?;
    summari[sz]es?; compares?; documents; records; marks?; flags?; uses?; warns?; advises?; proposes?;
    plots?; tells?; asks?; explicitly; references?; cites?; details; outlines?; highlights?; limits?;
    restricts?; filters?; sorts?; groups?; classif(?:y|ies); labels?; reads; keeps?; retains?; excludes?;
    omits?; addresses; discusses; analy[sz]es?; lays out; sets out; dates?; attributes?; assigns?;
    allocates?; treats?
    """
)
DEFINITE_VERBS = REPORTING_VERBS + _fragments(
    r"""
    is; are; was; were; be; does; do; must; can; cannot; equals?; begins?; starts?; ends?; opens?; runs?;
    returns?; prints?; matches; match; agrees?; adds? up; sums?; totals?; appears?; follows?; precedes?;
    stands?; lies; lie; fits?; links?; leads?; carries; carry; bears?; consists?; exists?; occurs?;
    remains?; refers?; corresponds?; exceeds?; ranges?; measures?; weighs?; costs?; comes?; goes; stays?;
    avoids?; ignores?; removes?; drops?; adds?; appl(?:y|ies); renames?; converts?; translates?; writes?;
    spells?; formats?; loads?; saves?; exports?; imports?; handles?; raises?; accepts?; rejects?;
    validates?; pass(?:es)?; schedules?; apologi[sz]es?; fails?; works?; answers?; offers?; splits?;
    breaks?; maps?; draws?; places?; puts?; sets?; makes?; takes?; tak(?:en|ing); carr(?:y|ies); leaves?;
    deducts?; reconciles?; balances?; rounds?; ranks?; scores?; sends?; calls?; creates?; generates?;
    produces?; implements?; supports?; requires?; allows?; restores?; preserves?; traces?; repeats?;
    numbers; differs?; changes?; fixes; fix; corrects?; rewrites?; corrected; ties; tie; uses?; points?;
    fills?; freezes?; sits?; belongs?; appends?; claims?; invents?; duplicates?; merges?; pairs?; posts?;
    credits?; debits?; charges?; divides?; multipl(?:y|ies); subtracts?; respects?; loses?; reaches; reach;
    meets?; faces?; spans?; overlaps?; touches; touch; renders?; scales?; closes?; crosses; scrolls?;
    wraps?; hides?; invites?; thanks?; greets?; promises?; discloses?; reveals?; copies; copy; breaches;
    contradicts?; implies; imply; assumes?
    """
)
SUBJECTIVE = _fragments(
    r"""
    high[- ]quality; good[- ]quality; top[- ]quality;
    professional[- ](?:quality|looking|manner|tone|appearance|design|standards?|format|formatting);
    professional[- ](?:layout|finish|way|language|look|level|style|presentation|wording|grade);
    (?:is|are|looks?|appears?|reads?|seems?|sounds?|very|more|remains?) (?:\w+ )?professional;
    professionally; adequate(?:ly)?; appropriate(?:ly)?; inappropriate(?:ly)?; suitabl[ey];
    engaging(?:ly)?; compelling(?:ly)?; thorough(?:ly|ness)?; comprehensive(?:ly)?;
    (?<!baked )(?<!finished )good(?! (?:faith|friday|standing|till|through)); great; excellent;
    outstanding (?:quality|work|design); nice(?:ly)?; beautiful(?:ly)?; attractive(?:ly)?; appealing;
    pleasing; proper (?:grammar|english|formatting|style); clean(?= and);
    aesthetic(?:ally|s)?(?: pleasing)?; eye[- ]catching; visually (?:pleasing|striking|stunning); stunning;
    polished; elegant(?:ly)?; user[- ]friendly; intuitive(?:ly)?;
    easy to (?:read|understand|follow|use|navigate);
    easily (?:readable|understood|understandable|digestible);
    well[- ](?:written|structured|organi[sz]ed|designed|formatted|researched|documented);
    well[- ](?:crafted|presented|laid[- ]out|thought[- ]out);
    reasonabl[ey](?! (?:adjustments?|care|doubt|efforts?|accommodations?|person)); sufficient(?:ly)?;
    satisfactory; satisfactorily; acceptabl[ey]; meaningful(?:ly)?; insightful(?:ly)?; in[- ]depth;
    impressive; creative(?:ly)?(?= (?:and|way|manner|design|solution|approach|writing|use));
    persuasive(?:ly)?; catchy; memorable; state[- ]of[- ]the[- ]art; best[- ]in[- ]class; world[- ]class;
    cutting[- ]edge; clean (?:design|layout|look|code|format|formatting|structure);
    modern (?:design|look|style|layout);
    (?:reads?|sounds?|flows?) (?:\w+ )?(?:naturally|natural|well|smoothly); natural[- ]sounding;
    seamless(?:ly)?; smoothly; effectively; interesting; concise(?:ly)?; coherent(?:ly)?; poor(?:ly)?;
    useful; helpful; valuable; satisf(?:y|ies) the client; client is (?:happy|satisfied|pleased);
    (?:to|meets) (?:a |the )?(?:high|industry|highest) standards?; high standards?; best practices?;
    free[- ]flowing; impactful; robust (?:solution|design|approach|code); sensibl[ey]; superb(?:ly)?
    """
)
SUBJECTIVE_HINTS = _fragments(
    r"""
    clear(?:ly)?(?! all| out| the| cache); relevant; detailed; proper(?:ly)?; readable; legible;
    logical(?:ly)?;
    natural(?:ly)?(?!
    (?:gas|logarithm|log|key|resource|person|number|fib|wood|stone|language|history|order)); simple;
    key (?:points|insights|takeaways|aspects|findings); important (?:points|aspects|information|details);
    high[- ]level; formal tone; friendly; tone; realistic; consistent(?:ly)?; significant improvements?
    """
)
VAGUE = _fragments(
    r"""
    several; various; numerous; a few; some (?:of the )?\w+s; (?<!and )(?<!-)many;
    a (?:number|variety|range) of; enough; etc\.?; and so on; and the like; or similar; among others;
    as much as; plenty of; a lot of; lots of
    """
)
WORKER_NOUNS = _fragments(
    r"""
    freelancers?; workers?; contractors?; translators?; writers?; designers?; developers?; engineers?;
    accountants?; analysts?; specialists?; professionals?; experts?; editors?; authors?; proofreaders?;
    architects?; applicants?; agency; agent; assistants?; programmers?; illustrators?; speakers?;
    bookkeepers?; consultants?; copywriters?; marketers?; humans?; person
    """
)
