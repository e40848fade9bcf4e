"""What servers say about a failure, in their own words, where no code says it.

Status and codes decide where they can. But a context that is too long is a 400
of one server, a 422 of another and a 500 of a third, an empty account a 400,
and a flagged prompt a 403: there, only the words tell a fact of the question
from the state of an account. The catalogue in ``testing/dialects.jsonl`` holds
an example of each.
"""

from __future__ import annotations

import re


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE | re.DOTALL)


CONTEXT = _any_of(
    r"context[_ ]length[_ ]exceeded|context ?window ?exceeded|exceed_context_size|string_above_max_length",
    r"maximum (?:context|prompt|input|sequence) length|(?:max|maximum) (?:context|input|prompt) (?:size|tokens)",
    r"model'?s (?:maximum )?context length|context length of only|longer than the (?:model|context|maximum model)",
    r"(?:prompt|input|message|conversation)s? (?:is|are|was|text is)? ?too long|too many (?:input|prompt) tokens",
    r"too many total text bytes|(?:prompt|input) token count.{0,40}(?:cannot exceed|exceeds)",
    r"too many tokens: (?:total|size)|too large for model with|input is too long",
    r"input token count.{0,60}(?:exceeds the maximum|only supports? up to)|input tokens exceeded?",
    r"input length and .?max_tokens.? exceed context limit|`?inputs`? (?:tokens \+|must have less than)",
    r"exceeds?(?:ed)? (?:the |this |max |model |our )*(?:available |maximum )?context (?:size|window|length|limit)",
    r"context (?:size|window|length) (?:has been |is )?exceed|context window exceeds? limit|overflows? the context",
    r"context shift is disabled|context the overflows|greater than the context length|context window of \d+",
    r"max_tokens must be at least 1, got (?:0|-\d+)|cannot be greater than max_model_len|exceeds? the max_model_len",
    r"reduce (?:the length of |your |the )(?:input|prompt|messages)|exceeded? model token limit",
    r"range of input length should be",
    r"(?:input|prompt) length(?: of)? \(?\d+(?: tokens)?\)? (?:exceeds|is (?:longer|greater))",
    r"exceeds? max(?:imum)? (?:input |prompt |context )?length|greater than max_?seq_?len",
    r"exceeds? max_?(?:seq|input)_?len",
    r"should not exceed max_(?:num_tokens|seq_len|input_len)|number of input tokens.{0,20}(?:cannot exceed|exceeds)",
    r"prompt (?:tokens )?too long|prompt size exceeds|exceed max message tokens",
    r"request body too large for .{0,60}tokens",
    r"tokens_limit_reached|session_len|exceeds the model'?s max token length|expected a string with maximum length",
    r"expected maxLength: \d+, actual: \d+|the max input characters is|exceed.{0,20}total tokens limit",
    r"(?:输入|提示|上下文|prompt|token).{0,20}(?:超长|过长|超过|超出)",
)
"""Says that a context is too long, in the words of some thirty servers."""

_LENGTH = r"(?:\btokens?\b|\bcontext\b|\bprompt\b|\binputs?\b|sequence length)"
_BEYOND = (
    r"(?:exceed|too (?:long|large|big|many)|(?:longer|larger|greater|more) than|\bbeyond\b"
    r"|must be (?:<|less|under|at most)|only supports?|at most|does(?: not|n't) fit|overflow|\blimit)"
)
TOO_LONG = _any_of(rf"{_LENGTH}.{{0,80}}{_BEYOND}", rf"{_BEYOND}.{{0,60}}{_LENGTH}")
"""Speaks of a length and of too much of it, in words that nobody has listed."""

OTHER_LIMIT = _any_of(
    r"per (?:second|minute|min|hour|day|month)|\brate\b|\b[tr]p[mdhs]\b|quota|timeout|time limit|deadline",
    r"cancel|concurren",
    r"image|video|audio|picture|\bfiles?\b|media|\bpages?\b|frame|\bfps\b|logprob|stop sequence|\btools?\b|function",
    r"(?:completion|output|generated|new) tokens|max_(?:completion_|output_|new_)?tokens|temperature|top_[pk]",
    r"header|cookie",
    r"credit|balance|billing|price|budget|api key|json|schema|requests?\b.{0,20}maximum size",
)
"""Speaks of another limit than that of the context."""

TOKENS_PER_MINUTE = re.compile(
    r"request too large for .* tokens per min.*limit:? (\d+).*requested:? (\d+)", re.IGNORECASE | re.DOTALL
)
"""A single request that is larger than the account's tokens per minute: waiting never helps."""

NO_QUOTA = _any_of(r"\blimit:? ?[\"']?0\b(?![.,]?\d)", r"quota (?:of|is) 0\b")
"""A quota of nothing at all, in a refusal for its sake: waiting never helps."""

ACCOUNT = _any_of(
    r"(?:credit|account) balance|(?:insufficient|not enough) (?:account |your )?(?:balance|credits?|funds|quota)",
    r"balance (?:is |was )?(?:insufficient|not enough|too low|exhausted)|out of credits?",
    r"no credits? (?:left|remaining|available)",
    r"(?:requires?|add|purchase|buy) (?:more )?credits|can only afford|payment (?:is )?required|past due|overdue",
    r"(?:account|organi[sz]ation|project|workspace|subscription|team).{0,60}(?:suspended|deactivated|disabled|terminated|"
    r"in arrears|not active|inactive|not in good standing|expired|blocked)",
    r"arrearage|good standing|billing (?:hard )?limit|billing.{0,30}(?:not active|disabled|not enabled)",
    r"(?:monthly|spend\w*|usage|budget|daily) (?:limit|cap|budget).{0,40}(?:reached|exceeded|hit)",
    r"spend(?:ing)? limit",
    r"exceeded .{0,30}(?:monthly|spend\w*|budget)|budget (?:has been )?exceeded|free (?:tier|quota|trial).{0,40}"
    r"(?:exhausted|used up|ended|expired)|trial.{0,20}(?:ended|expired)|余额不足|欠费|账户.{0,10}(?:停用|冻结)",
)
"""Says that the account cannot ask: no question of this run can succeed."""

KEY = _any_of(
    r"(?:invalid|incorrect|wrong|missing|expired|revoked|no) (?:x-)?(?:api|auth\w*|access|bearer)[ _-]?"
    r"(?:key|token|credentials)",
    r"api[ _-]?key.{0,40}(?:invalid|not valid|expired|missing|disabled|revoked|not found|inactive|incorrect)",
    r"invalid credentials|no auth credentials|user not found|authentication (?:failed|fails|required)",
)
"""Says that the key is not taken."""

NO_MODEL = _any_of(
    r"\bmodel\b.{0,100}(?:not exist|not found|unknown model|decommissioned"
    r"|has been (?:deprecated|retired|removed)|is not available|not supported by this (?:api|endpoint|server))",
    r"(?:no such|unknown|invalid|unsupported) model(?: name)?\b|model_not_found|not a valid model",
)
"""Says that there is no such model: no question of this run can succeed."""

FLAGGED = _any_of(
    r"\bflagged\b|moderation|content[ _-](?:policy|filter|management|risk|exists risk)|content exists risk",
    r"usage polic",
    r"safety (?:system|polic|filter|guideline|check|settings)|violat\w+.{0,60}(?:polic|guideline|terms)",
    r"responsible ?ai",
    r"inappropriate content|data_?inspection|sensitive (?:content|word|information)|sensitive_words|high risk",
    r"harmful content",
    r"prohibited (?:content|use)|guardrail|jailbreak",
    r"blocked (?:output|input|by (?:our|the) (?:content|safety|policy))",
    r"敏感|不安全|违规",
)
"""Says that a filter stopped this question; others are not stopped for it."""

CROWDED = _any_of(
    r"rate.?limit|too many (?:concurrent |parallel )?(?:requests|connections)|throttl|over ?capacity",
    r"capacity (?:is |was )?exceeded",
    r"overloaded|concurrency limit|server (?:is )?(?:busy|at capacity)|slow down|请求(?:过于频繁|过多)|限流",
)
"""Says that there are too many requests just now, whatever the status."""

LOST_FILE = _any_of(
    r"permission to access the file|file .{0,80}(?:not exist|not found|expired|no longer)|no such file object",
    r"cache miss for .{0,40}data is not provided|cachedcontent not found",
)
"""Says that an uploaded file or a stored beginning is gone."""

OTHER_FIELD = _any_of(r"max_tokens.{0,80}(?:not supported|unsupported|deprecated|instead).{0,80}max_completion_tokens")
"""Wants the output limit under another name."""

TEMPERATURE = _any_of(
    r"temperature.{0,80}(?:not support|unsupported|deprecated|not allowed|not permitted|must be|only|cannot|invalid)",
    r"(?:not support|unsupported|unrecognized|unknown|invalid|extra|not permitted|does not take).{0,80}temperature",
)
"""Refuses a temperature, whichever."""
