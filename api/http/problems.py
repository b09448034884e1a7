"""The table of everything that is answered with a problem: code, status, and what people read."""

from enum import StrEnum
from typing import Final, NamedTuple

from ledger import RefusalCode


class DoorCode(StrEnum):
    """The noes that only HTTP knows. The ledger's own are RefusalCode."""

    TOKEN_MISSING = "token_missing"  # noqa: S105  a code, no secret
    TOKEN_INVALID = "token_invalid"  # noqa: S105  the same
    SCOPE_MISSING = "scope_missing"
    ROUTE_NOT_FOUND = "route_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    MEDIA_TYPE_UNSUPPORTED = "media_type_unsupported"
    REQUEST_REFUSED = "request_refused"
    INTERNAL_ERROR = "internal_error"
    OUTCOME_UNKNOWN = "outcome_unknown"
    OVERLOADED = "overloaded"
    DATABASE_UNAVAILABLE = "database_unavailable"
    NOT_READY = "not_ready"


Code = RefusalCode | DoorCode


class Words(NamedTuple):
    """How a code is answered: the status, a title that never changes, a sentence for the clerk."""

    status: int
    title: str
    detail: str


_R = RefusalCode
_D = DoorCode

PROBLEMS: Final[dict[Code, Words]] = {
    # shape
    _R.JSON_MALFORMED: Words(400, "The body is not JSON", "请求体不是有效的 JSON。"),
    _R.CASH_FORBIDDEN: Words(422, "Account money is never paid as cash", "个人账户资金不得提取现金。"),
    _R.UNKNOWN_FIELD: Words(422, "A field or query key is not known", "请求中有未定义的字段或参数。"),
    _R.SHAPE_INVALID: Words(422, "The request has the wrong shape", "请求的内容或格式不正确。"),
    _R.CARE_TYPE_UNKNOWN: Words(422, "The kind of care is not known", "医疗类别不存在。"),
    _R.LINE_CLASS_UNKNOWN: Words(422, "The class of a line is not known", "费用明细的目录类别不存在。"),
    _R.BULK_TOO_LARGE: Words(422, "Too many commands in one call", "一次提交的指令过多。"),
    _R.FILE_INVALID: Words(422, "The file cannot be read", "文件无法读取。"),
    _R.TOTALS_DIFFER: Words(422, "The control totals do not match the lines", "控制合计与明细不符。"),
    _R.FORMULA_IN_CELL: Words(422, "A cell holds a formula", "单元格含有公式，请粘贴为数值。"),
    _R.MERGED_CELL: Words(422, "A cell is merged with others", "单元格被合并，请取消合并。"),
    _R.DATE_IN_CELL: Words(422, "A cell holds a date", "单元格为日期，应为文本或金额。"),
    _R.NUMBER_IN_CELL: Words(
        422, "The ID number is stored as a number", "证件号码被存为数值，末位已丢失，请改为文本。"
    ),
    _R.FULL_WIDTH_DIGITS: Words(422, "The text has full-width digits", "含有全角字符，请改为半角。"),
    _R.LEADING_APOSTROPHE: Words(422, "The text begins with an apostrophe", "内容以撇号开头，请去掉。"),
    # key
    _R.IDEMPOTENCY_KEY_MISSING: Words(400, "Idempotency-Key is missing", "缺少 Idempotency-Key。"),
    _R.IDEMPOTENCY_KEY_INVALID: Words(
        400, "Idempotency-Key must be 1 to 255 visible ASCII characters", "Idempotency-Key 格式不正确。"
    ),
    _R.IDEMPOTENCY_KEY_REUSED: Words(
        422, "The key was used for another request", "该 Idempotency-Key 已用于不同的请求。"
    ),
    _R.MSGID_CONFLICT: Words(
        422, "The institution used this message id for another message", "该报文ID已用于不同的报文。"
    ),
    # not found
    _R.ACCOUNT_NOT_FOUND: Words(404, "No such account", "账户不存在。"),
    _R.EMPLOYER_NOT_FOUND: Words(404, "No such employer", "单位不存在。"),
    _R.DECLARATION_NOT_FOUND: Words(404, "No such declaration", "申报不存在。"),
    _R.ENROLMENT_NOT_FOUND: Words(404, "No such enrolment", "参保登记不存在。"),
    _R.ENTRY_NOT_FOUND: Words(404, "No such entry", "记账条目不存在。"),
    _R.HOLD_NOT_FOUND: Words(404, "No such hold", "预留不存在。"),
    _R.FREEZE_NOT_FOUND: Words(404, "No such freeze", "冻结不存在。"),
    _R.VISIT_NOT_FOUND: Words(404, "No such visit", "就诊登记不存在。"),
    _R.SETTLEMENT_NOT_FOUND: Words(404, "No such settlement", "结算不存在。"),
    _R.QUOTA_NOT_FOUND: Words(404, "No such quota", "共济额度不存在。"),
    _R.CASE_NOT_FOUND: Words(404, "No such case", "案件不存在。"),
    _R.CLAIM_NOT_FOUND: Words(404, "No such claim", "手工报销申请不存在。"),
    _R.CLEARING_NOT_FOUND: Words(404, "No such clearing", "清算不存在。"),
    _R.ANNUAL_SETTLEMENT_NOT_FOUND: Words(404, "No such annual settlement", "年度结算不存在。"),
    _R.BATCH_NOT_FOUND: Words(404, "No such batch", "批次不存在。"),
    _R.AREA_UNKNOWN: Words(422, "No such area", "统筹区不存在。"),
    # identity
    _R.ID_FORMAT: Words(422, "The ID number has the wrong form", "身份证件号码格式不正确。"),
    _R.ID_PREFIX: Words(422, "The ID number begins with no known region", "身份证件号码的前缀不存在。"),
    _R.ID_BIRTHDATE: Words(
        422, "The birth date in the ID number does not exist", "证件号码中的出生日期不存在。"
    ),
    _R.ID_FUTURE: Words(422, "The birth date in the ID number is to come", "证件号码中的出生日期晚于今天。"),
    _R.ID_CHECKSUM: Words(422, "The check character of the ID number is wrong", "身份证件号码校验位不正确。"),
    _R.ID_MISMATCH: Words(
        422, "What was declared differs from the ID number", "申报的姓名、性别或出生日期与证件号码不符。"
    ),
    _R.CREDIT_CODE_INVALID: Words(422, "The credit code is not valid", "统一社会信用代码不正确。"),
    _R.ALIAS_CONFLICT: Words(409, "The ID number belongs to somebody else", "该证件号码属于他人。"),
    _R.ACCOUNT_EXISTS_OTHER_PERSON: Words(
        409, "The ID number has an account under another name", "该证件号码已以其他姓名开户。"
    ),
    _R.EMPLOYER_DIFFERS: Words(
        409, "The employer was registered otherwise", "该单位已登记，且登记信息不同。"
    ),
    _R.SCHEME_NO_ACCOUNT: Words(422, "The resident scheme has no account", "居民医保不设个人账户。"),
    _R.INSTITUTION_DIFFERS: Words(
        409, "The institution was registered otherwise", "该机构已登记，且登记信息不同。"
    ),
    _R.QUOTA_SELF: Words(422, "Nobody gives a quota to themselves", "不能为本人设立共济额度。"),
    _R.NOT_RELATIVE: Words(422, "The recipient is no close relative of the donor", "被共济人不是近亲属。"),
    _R.RECIPIENT_NOT_INSURED: Words(422, "The recipient is not insured", "被共济人未参保。"),
    # closed
    _R.ACCOUNT_CLOSED: Words(409, "The account is closed", "账户已注销。"),
    _R.OPENING_DIFFERS: Words(409, "The account was opened otherwise", "该账户已存在，且开户信息不同。"),
    _R.ACCOUNT_TRANSFERRING: Words(409, "The account is being transferred", "账户正在转移。"),
    # deceased
    _R.ACCOUNT_DECEASED: Words(409, "The account holder has died", "账户所有人已死亡。"),
    _R.ACCOUNT_NOT_DECEASED: Words(409, "No death was reported for the account", "尚未登记账户所有人死亡。"),
    # frozen
    _R.ACCOUNT_FROZEN: Words(409, "The account is frozen", "账户已冻结。"),
    # period and date
    _R.PERIOD_INVALID: Words(422, "The period or date cannot be", "期间或日期不正确。"),
    _R.PERIOD_BEFORE_ENROLMENT: Words(422, "The period lies before the enrolment", "该期间早于参保日期。"),
    _R.NOT_ENROLLED: Words(422, "Not enrolled with this employer in the period", "该期间未在本单位参保。"),
    _R.RETIREE_PAYS_NO_PREMIUM: Words(422, "A retiree owes no premium", "退休人员不缴纳保险费。"),
    _R.PERIOD_CLOSED: Words(409, "The period is closed", "该期间已关闭。"),
    _R.PERIOD_AFTER_END: Words(409, "The period lies after the end of life", "该期间晚于死亡月份。"),
    _R.YEAR_NOT_OVER: Words(409, "The year is not over", "该年度尚未结束。"),
    _R.RATES_MISSING: Words(409, "The area has no value for the day", "该日期缺少政策参数。"),
    # institution
    _R.INSTITUTION_UNKNOWN: Words(422, "No such institution", "医药机构不存在。"),
    _R.NOT_DESIGNATED: Words(
        422, "The institution has no contract on that day", "该日机构不是定点医药机构。"
    ),
    _R.CONTRACT_SUSPENDED: Words(
        422, "The institution's contract is suspended on that day", "该日机构的服务协议已中止。"
    ),
    _R.CONTRACT_OVERLAPS: Words(409, "The contract overlaps another one", "协议期间与已有协议重叠。"),
    _R.FILING_NOT_APPLICABLE: Words(422, "No filing applies to this care", "该次就医不适用备案。"),
    _R.VISIT_MISMATCH: Words(
        422, "The visit is of another person or institution", "该就诊登记属于其他人员或其他机构。"
    ),
    # duplicates
    _R.DUPLICATE_SOURCE_REF: Words(409, "The source document was booked before", "该来源单据已入账。"),
    _R.DUPLICATE_BILL: Words(
        409, "The institution's bill number was settled before", "该机构的此单据号已结算。"
    ),
    _R.DUPLICATE_BENEFIT: Words(409, "What is claimed was settled before", "该费用已结算，不得重复报销。"),
    _R.CANCELLED_BEFORE_ARRIVAL: Words(
        409, "A correction of this message came before it", "该报文到达之前已被机构冲正。"
    ),
    _R.MESSAGE_CORRECTED: Words(409, "The institution cancelled this message", "该报文已被机构冲正。"),
    _R.DUPLICATE_LINE: Words(409, "The person stands in the list twice", "同一人员在清单中重复。"),
    _R.DUPLICATE_PERIOD: Words(409, "The month was assessed before", "该人员该期间已核定。"),
    _R.ALREADY_CONFIRMED: Words(409, "The declaration was confirmed before", "该申报已确认。"),
    _R.ALREADY_DECLARED: Words(409, "The month was declared or estimated before", "该期间已申报或已核定。"),
    _R.ALREADY_REVERSED: Words(409, "The entry was reversed before", "该条目已冲正。"),
    # the state of what is acted on
    _R.NOT_REVERSIBLE: Words(409, "Entries of this kind are not reversed", "该类条目不能冲正。"),
    _R.NOT_LAST: Words(
        409,
        "A later inpatient settlement depends on it",
        "其后的住院结算以本次结算为依据，请先冲正其后的结算。",
    ),
    _R.REVERSAL_WINDOW_PASSED: Words(409, "The time for a reversal has passed", "已超过可冲正的期限。"),
    _R.QUOTE_STALE: Words(
        409,
        "The result differs from the quote, or the quote ran out",
        "与预结算结果不符或预结算已过期，请重新预结算。",
    ),
    _R.VISIT_SETTLED: Words(409, "The visit was settled", "该次就诊已结算。"),
    _R.VISIT_ENDED: Words(409, "The visit was ended before", "该就诊登记已终止。"),
    _R.QUOTA_ENDED: Words(409, "The quota was ended before", "该共济额度已终止。"),
    _R.DONOR_PAUSED: Words(409, "The donor's enrolment is paused", "共济人已暂停参保。"),
    _R.NOT_RECONCILED: Words(
        409, "Not every day of the month has a balanced reconciliation", "该月仍有日期未对账或对账不平。"
    ),
    _R.ALREADY_CLEARED: Words(409, "The month was cleared before", "该月已清算。"),
    _R.CLEARING_ENDED: Words(409, "The clearing was taken back before", "该清算已撤销。"),
    _R.CLEARING_PAID: Words(409, "The clearing was paid", "该清算已拨付。"),
    _R.CAUSE_REQUIRED: Words(422, "The cause of the injury must be declared", "须先申报受伤原因。"),
    _R.CAUSE_UNKNOWN: Words(
        422, "The cause of the injury is not known: nothing is settled", "受伤原因不明，暂不结算。"
    ),
    _R.EVIDENCE_MISSING: Words(422, "A document that is needed is missing", "缺少必需的证明材料。"),
    _R.CLAIM_DECIDED: Words(409, "The claim was decided before", "该手工报销申请已办结。"),
    _R.CLAIM_TOO_LATE: Words(422, "The claim came after the deadline", "手工报销申请已超过期限。"),
    _R.ALREADY_ADVANCED: Words(409, "The case was advanced before", "该案件已先行支付。"),
    _R.NOTHING_ADVANCED: Words(409, "Nothing was advanced in the case", "该案件未先行支付。"),
    _R.SET_OFF_NOT_ALLOWED: Words(409, "The area does not allow a set-off", "本统筹区不允许抵扣。"),
    _R.NOTHING_ASSESSED: Words(409, "Nothing was assessed for the month", "该期间尚未核定。"),
    _R.NO_LAST_MONTH: Words(
        409, "There is no month before: the agency names the amount", "无上月数据，须由经办机构核定金额。"
    ),
    _R.NO_GOOD_LINE: Words(409, "No line can be assessed", "没有可核定的明细。"),
    _R.ENROLMENT_ENDED: Words(409, "The enrolment was ended before", "该参保登记已终止。"),
    _R.HOLD_NOT_OPEN: Words(409, "The hold was captured or released before", "该预留已结算或已释放。"),
    _R.HOLD_EXPIRED: Words(409, "The hold has expired", "该预留已过期。"),
    _R.FREEZE_ENDED: Words(409, "The freeze was ended before", "该冻结已解除。"),
    _R.OPEN_ITEMS: Words(409, "Holds are still open", "尚有未结清的预留。"),
    _R.SHARES_INVALID: Words(422, "The shares do not divide the whole", "继承份额不正确。"),
    _R.VERB_NOT_OFFERED: Words(422, "This is not offered", "暂不提供该业务。"),
    # amount
    _R.AMOUNT_INVALID: Words(
        422,
        'The amount must be a positive decimal string such as "128.50"',
        "金额不正确，应为形如“128.50”的正数。",
    ),
    _R.AMOUNT_MISMATCH: Words(422, "The amounts do not add up", "金额合计不符。"),
    _R.ITEM_NOT_ELIGIBLE: Words(
        422, "Neither fund nor account pays for an item", "含有医保基金和个人账户均不支付的项目。"
    ),
    _R.QUOTA_TOO_HIGH: Words(409, "The quota exceeds what is available", "共济额度超过可用余额。"),
    _R.WAGE_INVALID: Words(422, 'The wage must be a positive amount such as "8000.00"', "工资金额不正确。"),
    _R.SUSPENSE_EXCEEDED: Words(409, "More than what waits for the payer", "金额超过可退款项。"),
    _R.HOLD_EXCEEDED: Words(409, "The amount exceeds the hold", "金额超过预留。"),
    # insufficient
    _R.INSUFFICIENT_BALANCE: Words(409, "The balance does not suffice", "账户余额不足。"),
    _R.GROUP_REFUSED: Words(409, "Another command of the group was refused", "同组的其他指令被拒绝。"),
    # HTTP's own
    _D.TOKEN_MISSING: Words(401, "A bearer token is required", "需要访问令牌。"),
    _D.TOKEN_INVALID: Words(401, "The bearer token is not valid", "访问令牌无效或已过期。"),
    _D.SCOPE_MISSING: Words(403, "The token lacks a scope", "访问令牌没有所需的权限。"),
    _D.ROUTE_NOT_FOUND: Words(404, "No such resource", "资源不存在。"),
    _D.METHOD_NOT_ALLOWED: Words(405, "The method is not offered here", "不支持该请求方法。"),
    _D.BODY_TOO_LARGE: Words(413, "The body is too large", "请求体过大。"),
    _D.MEDIA_TYPE_UNSUPPORTED: Words(
        415, "The body must be application/json", "请求体必须是 application/json。"
    ),
    _D.REQUEST_REFUSED: Words(400, "The request was refused", "请求被拒绝。"),
    _D.INTERNAL_ERROR: Words(500, "A fault of the service", "服务内部错误。"),
    _D.OUTCOME_UNKNOWN: Words(
        503, "The outcome is unknown: send the same key again", "结果未知，请用相同的 Idempotency-Key 重试。"
    ),
    _D.OVERLOADED: Words(503, "Too many commands are waiting", "服务繁忙，请稍后重试。"),
    _D.DATABASE_UNAVAILABLE: Words(503, "The database is not available", "数据库暂时不可用。"),
    _D.NOT_READY: Words(503, "The service is not ready", "服务尚未就绪。"),
}

STATUS: Final[dict[RefusalCode, int]] = {
    code: words.status for code, words in PROBLEMS.items() if isinstance(code, RefusalCode)
}
