"""One closed table of codes and their words, in order of precedence.

The order is the order in which a request is judged: shape, key, who asks, not found, identity, closed,
deceased, frozen, period and date, institution, duplicates, state of the thing acted on, amount, insufficient.
When two refusals apply at once, the one that stands higher here is the answer.
"""

from __future__ import annotations

from ledger.refusals.words import Worded, Words


class RefusalCode(Worded):
    """Why a command was not taken. Stable: other systems are written against these words."""

    # one row a code: laid by hand, since the formatter would make six lines of most
    # fmt: off

    # shape
    JSON_MALFORMED = Words("json_malformed", 400, "The body is not JSON", "请求体不是有效的 JSON。")
    CASH_FORBIDDEN = Words("cash_forbidden", 422, "Account money is never paid as cash",
        "个人账户资金不得提取现金。")
    UNKNOWN_FIELD = Words("unknown_field", 422, "A field or query key is not known",
        "请求中有未定义的字段或参数。", "A field is not known")
    SHAPE_INVALID = Words("shape_invalid", 422, "The request has the wrong shape", "请求的内容或格式不正确。",
        "The line is cut or a field of it has the wrong form")
    NAME_INVALID = Words("name_invalid", 422, "The name has characters that no name has",
        "姓名含有无法识别或不允许的字符。",
        "The name has characters that no name has: a lost or hidden part or a private character")
    PERSONAL_DATA_IN_TEXT = Words("personal_data_in_text", 422, "An ID number stands in a text or reference",
        "文本、单据号或幂等键中含有身份证件号码，请删去。",
        "An ID number stands in a text or reference or key: leave it out")
    VERIFICATION_CODE_INVALID = Words("verification_code_invalid", 422,
        "The verification code has a slip: one of its characters is wrong or two have changed places",
        "核验码有误，请核对后重新输入。")
    NO_LEGAL_BASIS = Words("no_legal_basis", 422, "A request of another agency names its legal basis",
        "其他机关查询个人信息须写明法律依据。")
    CARE_TYPE_UNKNOWN = Words("care_type_unknown", 422, "The kind of care is not known", "医疗类别不存在。")
    LINE_CLASS_UNKNOWN = Words("line_class_unknown", 422, "The class of a line is not known",
        "费用明细的目录类别不存在。")
    BULK_TOO_LARGE = Words("bulk_too_large", 422, "Too many commands in one call", "一次提交的指令过多。",
        "There are too many lines in one call")
    FILE_INVALID = Words("file_invalid", 422, "The file cannot be read", "文件无法读取。")
    TOTALS_DIFFER = Words("totals_differ", 422, "The control totals do not match the lines",
        "控制合计与明细不符。")
    HIDDEN_ROWS = Words("hidden_rows", 422, "The sheet has hidden rows or columns",
        "工作表含有隐藏或筛选掉的行列，请取消隐藏，或声明一并计入。")
    FORMULA_IN_CELL = Words("formula_in_cell", 422, "A cell holds a formula",
        "单元格含有公式，请粘贴为数值。", "A cell holds a formula: paste it as a value")
    MERGED_CELL = Words("merged_cell", 422, "A cell is merged with others", "单元格被合并，请取消合并。")
    DATE_IN_CELL = Words("date_in_cell", 422, "A cell holds a date", "单元格为日期，应为文本或金额。",
        "A cell holds a date where a text or an amount belongs")
    NUMBER_IN_CELL = Words("number_in_cell", 422, "The ID number is stored as a number",
        "证件号码被存为数值，末位已丢失，请改为文本。",
        "The ID number is stored as a number and has lost its last digits")
    FULL_WIDTH_DIGITS = Words("full_width_digits", 422, "The text has full-width digits",
        "含有全角字符，请改为半角。", "There are full-width digits: type them half-width")
    LEADING_APOSTROPHE = Words("leading_apostrophe", 422, "The text begins with an apostrophe",
        "内容以撇号开头，请去掉。", "A field begins with an apostrophe")
    # key
    IDEMPOTENCY_KEY_MISSING = Words("idempotency_key_missing", 400, "Idempotency-Key is missing",
        "缺少 Idempotency-Key。", "The idempotency key is missing")
    IDEMPOTENCY_KEY_INVALID = Words("idempotency_key_invalid", 400,
        "Idempotency-Key must be 1 to 255 visible ASCII characters", "Idempotency-Key 格式不正确。",
        "The idempotency key is not 1 to 255 visible ASCII characters")
    IDEMPOTENCY_KEY_REUSED = Words("idempotency_key_reused", 422, "The key was used for another request",
        "该 Idempotency-Key 已用于不同的请求。", "The idempotency key was used for another line")
    MSGID_CONFLICT = Words("msgid_conflict", 422, "The institution used this message id for another message",
        "该报文ID已用于不同的报文。")
    # who asks: judged before anything is looked for, and locked before wrong, so that a no tells nothing
    MANDATE_ENDED = Words("mandate_ended", 403, "The proxy's mandate has ended", "代理人的委托期限已届满。")
    INQUIRY_LOCKED = Words("inquiry_locked", 403, "Inquiries by telephone are locked for a day",
        "电话查询已锁定一天，请持证件到窗口办理。")
    FACTOR_WRONG = Words("factor_wrong", 403, "What was said does not prove who is asking",
        "身份信息核对不一致，不能提供查询结果。")
    OWN_CASE = Words("own_case", 403, "Nobody answers a case that they opened or that is about themselves",
        "不得办理本人提出或涉及本人的事项。")
    NOT_YOURS = Words("not_yours", 422, "The person is not of your staff", "该人员未在本单位参保登记。")
    # not found
    ACCOUNT_NOT_FOUND = Words("account_not_found", 404, "No such account", "账户不存在。",
        "There is no account of this number or ID number")
    EMPLOYER_NOT_FOUND = Words("employer_not_found", 404, "No such employer", "单位不存在。",
        "There is no such employer")
    DECLARATION_NOT_FOUND = Words("declaration_not_found", 404, "No such declaration", "申报不存在。",
        "There is no such declaration")
    ENROLMENT_NOT_FOUND = Words("enrolment_not_found", 404, "No such enrolment", "参保登记不存在。",
        "There is no such enrolment")
    ENTRY_NOT_FOUND = Words("entry_not_found", 404, "No such entry", "记账条目不存在。",
        "There is no such entry")
    HOLD_NOT_FOUND = Words("hold_not_found", 404, "No such hold", "预留不存在。",
        "There is no such hold")
    FREEZE_NOT_FOUND = Words("freeze_not_found", 404, "No such freeze", "冻结不存在。",
        "There is no such freeze")
    VISIT_NOT_FOUND = Words("visit_not_found", 404, "No such visit", "就诊登记不存在。",
        "There is no such visit")
    SETTLEMENT_NOT_FOUND = Words("settlement_not_found", 404, "No such settlement", "结算不存在。",
        "There is no such settlement")
    QUOTA_NOT_FOUND = Words("quota_not_found", 404, "No such quota", "共济额度不存在。",
        "There is no such quota")
    FILING_NOT_FOUND = Words("filing_not_found", 404, "No such filing", "未查到相应的备案。",
        "There is no such filing")
    APPROVAL_NOT_FOUND = Words("approval_not_found", 404, "No such approval", "待审批事项不存在。")
    CASE_NOT_FOUND = Words("case_not_found", 404, "No such case", "案件不存在。",
        "There is no such case")
    CLAIM_NOT_FOUND = Words("claim_not_found", 404, "No such claim", "手工报销申请不存在。",
        "There is no such claim")
    CONTRACT_NOT_FOUND = Words("contract_not_found", 404, "No such contract", "服务协议不存在。",
        "There is no such contract")
    SUSPENSION_NOT_FOUND = Words("suspension_not_found", 404, "No such suspension", "协议中止不存在。",
        "There is no such suspension")
    CLEARING_NOT_FOUND = Words("clearing_not_found", 404, "No such clearing", "清算不存在。",
        "There is no such clearing")
    ANNUAL_SETTLEMENT_NOT_FOUND = Words("annual_settlement_not_found", 404, "No such annual settlement",
        "年度结算不存在。",
        "There is no such annual settlement")
    ESTATE_NOT_FOUND = Words("estate_not_found", 404, "No such estate", "遗产不存在。")
    BATCH_NOT_FOUND = Words("batch_not_found", 404, "No such batch", "批次不存在。",
        "There is no such batch")
    AGENCY_REQUEST_NOT_FOUND = Words("agency_request_not_found", 404, "No such request of an agency",
        "查询申请不存在。",
        "There is no such request of an agency")
    DOCUMENT_NOT_FOUND = Words("document_not_found", 404, "No such document", "单据不存在。",
        "There is no such document")
    CARD_NOT_FOUND = Words("card_not_found", 404, "No such card", "社会保障卡不存在。",
        "There is no such card")
    STATEMENT_NOT_FOUND = Words("statement_not_found", 404, "No such version of the statement",
        "该年度对账单没有这一版本。",
        "There is no such version of the statement")
    WEBHOOK_NOT_FOUND = Words("webhook_not_found", 404, "No such webhook", "事件推送地址不存在。",
        "There is no such webhook")
    TRANSFER_NOT_FOUND = Words("transfer_not_found", 404, "No such transfer", "转移接续业务不存在。")
    PAYOUT_NOT_FOUND = Words("payout_not_found", 404, "No such payout", "支付单不存在。")
    DEMAND_NOT_FOUND = Words("demand_not_found", 404, "No such demand", "追缴通知不存在。")
    DEBT_NOT_FOUND = Words("debt_not_found", 404, "The account owes no such debt", "该账户无此项欠款。",
        "The account owes no such debt or nothing of it any more")
    CORRECTION_NOT_FOUND = Words("correction_not_found", 404, "No such correction", "更正批次不存在。")
    AREA_UNKNOWN = Words("area_unknown", 422, "No such area", "统筹区不存在。",
        "There is no such area")
    PARAMETER_UNKNOWN = Words("parameter_unknown", 422,
        "Nothing was posted by such a parameter that is corrected in this way",
        "该参数不存在，或不适用批量更正。")
    # identity
    ID_FORMAT = Words("id_format", 422, "The ID number has the wrong form", "身份证件号码格式不正确。")
    ID_PREFIX = Words("id_prefix", 422, "The ID number begins with no known region",
        "身份证件号码的前缀不存在。")
    ID_BIRTHDATE = Words("id_birthdate", 422, "The birth date in the ID number does not exist",
        "证件号码中的出生日期不存在。")
    ID_FUTURE = Words("id_future", 422, "The birth date in the ID number is to come",
        "证件号码中的出生日期晚于今天。")
    ID_CHECKSUM = Words("id_checksum", 422, "The check character of the ID number is wrong",
        "身份证件号码校验位不正确。")
    ID_MISMATCH = Words("id_mismatch", 422, "What was declared differs from the ID number",
        "申报的姓名、性别或出生日期与证件号码不符。",
        "Sex or birth date differ from the ID number")
    CREDIT_CODE_INVALID = Words("credit_code_invalid", 422, "The credit code is not valid",
        "统一社会信用代码不正确。")
    ALIAS_CONFLICT = Words("alias_conflict", 409, "The ID number belongs to somebody else",
        "该证件号码属于他人。")
    ID_NUMBER_SHARED = Words("id_number_shared", 409,
        "Two people shared this ID number, and it is in force for neither of them",
        "该证件号码曾由两人共用，且不再为任何一方的现用号码，请使用账户号或现用证件号码。",
        "Two people shared this ID number: name the account or the number in force")
    ACCOUNT_EXISTS_OTHER_PERSON = Words("account_exists_other_person", 409,
        "The ID number has an account under another name", "该证件号码已以其他姓名开户。")
    MERGE_ORDER = Words("merge_order", 409, "The account that was opened later goes into the older one",
        "只能将后开立的账户并入先开立的账户。")
    CARD_IN_USE = Words("card_in_use", 409, "The card belongs to somebody else", "该社会保障卡属于他人。")
    WEBHOOK_IN_USE = Words("webhook_in_use", 409, "Events are sent to this address already",
        "该地址已登记事件推送。")
    EMPLOYER_DIFFERS = Words("employer_differs", 409, "The employer was registered otherwise",
        "该单位已登记，且登记信息不同。")
    SCHEME_NO_ACCOUNT = Words("scheme_no_account", 422, "The resident scheme has no account",
        "居民医保不设个人账户。")
    INSTITUTION_DIFFERS = Words("institution_differs", 409, "The institution was registered otherwise",
        "该机构已登记，且登记信息不同。")
    QUOTA_SELF = Words("quota_self", 422, "Nobody gives a quota to themselves", "不能为本人设立共济额度。")
    NOT_RELATIVE = Words("not_relative", 422, "The recipient is no close relative of the donor",
        "被共济人不是近亲属。")
    RECIPIENT_NOT_INSURED = Words("recipient_not_insured", 422, "The recipient is not insured",
        "被共济人未参保。")
    # closed
    ACCOUNT_CLOSED = Words("account_closed", 409, "The account is closed", "账户已注销。")
    OPENING_DIFFERS = Words("opening_differs", 409, "The account was opened otherwise",
        "该账户已存在，且开户信息不同。",
        "The account was opened with another day or balance")
    ACCOUNT_TRANSFERRING = Words("account_transferring", 409, "The account is being transferred",
        "账户正在转移。")
    # deceased
    ACCOUNT_DECEASED = Words("account_deceased", 409, "The account holder has died", "账户所有人已死亡。")
    ACCOUNT_NOT_DECEASED = Words("account_not_deceased", 409, "No death was reported for the account",
        "尚未登记账户所有人死亡。")
    # frozen
    ACCOUNT_FROZEN = Words("account_frozen", 409, "The account is frozen", "账户已冻结。")
    # period and date
    PERIOD_AFTER_END = Words("period_after_end", 409, "The period lies after the end of life",
        "该期间晚于死亡月份。",
        "The month lies after the end of life")
    PERIOD_INVALID = Words("period_invalid", 422, "The period or date cannot be", "期间或日期不正确。",
        "The month or date does not exist or is to come or lies before the opening")
    PERIOD_BEFORE_ENROLMENT = Words("period_before_enrolment", 422, "The period lies before the enrolment",
        "该期间早于参保日期。",
        "The month lies before the enrolment")
    NOT_ENROLLED = Words("not_enrolled", 422, "Not enrolled with this employer in the period",
        "该期间未在本单位参保。",
        "The person was not enrolled with this employer in the month")
    RETIREE_PAYS_NO_PREMIUM = Words("retiree_pays_no_premium", 422, "A retiree owes no premium",
        "退休人员不缴纳保险费。")
    PERIOD_CLOSED = Words("period_closed", 409, "The period is closed", "该期间已关闭。")
    YEAR_NOT_OVER = Words("year_not_over", 409, "The year is not over", "该年度尚未结束。")
    RETENTION_NOT_OVER = Words("retention_not_over", 409, "It is still kept whose account it was",
        "账户资料的保存期限未满。")
    RATES_MISSING = Words("rates_missing", 409, "The area has no value for the day", "该日期缺少政策参数。",
        "The area's policy has no value for the day")
    # institution
    INSTITUTION_UNKNOWN = Words("institution_unknown", 422, "No such institution", "医药机构不存在。",
        "There is no such institution")
    NOT_DESIGNATED = Words("not_designated", 422, "The institution has no contract on that day",
        "该日机构不是定点医药机构。")
    CONTRACT_SUSPENDED = Words("contract_suspended", 422,
        "The institution's contract is suspended on that day", "该日机构的服务协议已中止。")
    CONTRACT_OVERLAPS = Words("contract_overlaps", 409, "The contract overlaps another one",
        "协议期间与已有协议重叠。")
    FILING_NOT_APPLICABLE = Words("filing_not_applicable", 422, "No filing applies to this care",
        "该次就医不适用备案。")
    VISIT_MISMATCH = Words("visit_mismatch", 422, "The visit is of another person or institution",
        "该就诊登记属于其他人员或其他机构。")
    # duplicates
    DUPLICATE_SOURCE_REF = Words("duplicate_source_ref", 409, "The source document was booked before",
        "该来源单据已入账。",
        "The document was booked for this account before")
    DUPLICATE_BILL = Words("duplicate_bill", 409, "The institution's bill was settled before",
        "该机构的此单据已结算：单据号或费用明细相同。")
    DUPLICATE_BENEFIT = Words("duplicate_benefit", 409, "What is claimed was settled before",
        "该费用已结算，不得重复报销。")
    CANCELLED_BEFORE_ARRIVAL = Words("cancelled_before_arrival", 409,
        "A correction of this message came before it", "该报文到达之前已被机构冲正。")
    MESSAGE_CORRECTED = Words("message_corrected", 409, "The institution cancelled this message",
        "该报文已被机构冲正。")
    DUPLICATE_LINE = Words("duplicate_line", 409, "The person stands in the list twice",
        "同一人员在清单中重复。")
    DUPLICATE_PERIOD = Words("duplicate_period", 409, "The month was assessed before", "该人员该期间已核定。")
    ENROLMENT_DIFFERS = Words("enrolment_differs", 409, "The enrolment was recorded with another last day",
        "该参保登记已存在，且终止日期不同。",
        "The enrolment was recorded with another last day: end it by its name")
    FILING_DIFFERS = Words("filing_differs", 409, "The filing was recorded with another last day",
                           "该备案已登记，但终止日期不同，请先办理终止。")
    CARD_DIFFERS = Words("card_differs", 409, "The card was recorded with other days",
        "该社会保障卡已登记，且起止日期不同。")
    ALREADY_CONFIRMED = Words("already_confirmed", 409, "The declaration was confirmed before",
        "该申报已确认。")
    ALREADY_DECLARED = Words("already_declared", 409, "The month was declared or estimated before",
        "该期间已申报或已核定。")
    ALREADY_REVERSED = Words("already_reversed", 409, "The entry was reversed before", "该条目已冲正。")
    # the state of what is acted on
    NOT_REVERSIBLE = Words("not_reversible", 409, "Entries of this kind are not reversed",
        "该类条目不能冲正。")
    NOT_LAST = Words("not_last", 409, "Something later depends on it: that goes back first",
        "其后的业务以此为依据，请先冲正其后的业务。")
    NOTHING_TO_CORRECT = Words("nothing_to_correct", 409, "What was posted is what the rules give",
        "已入账金额与现行规则一致，无需更正。")
    REVERSAL_WINDOW_PASSED = Words("reversal_window_passed", 409, "The time for a reversal has passed",
        "已超过可冲正的期限。")
    QUOTE_STALE = Words("quote_stale", 409, "The result differs from the quote, or the quote ran out",
        "与预结算结果不符或预结算已过期，请重新预结算。",
        "The result differs from the quote or the quote ran out")
    VISIT_SETTLED = Words("visit_settled", 409, "The visit was settled", "该次就诊已结算。")
    VISIT_ENDED = Words("visit_ended", 409, "The visit was ended before", "该就诊登记已终止。")
    FILING_ENDED = Words("filing_ended", 409, "The filing was ended before", "该备案已终止。")
    CONTRACT_ENDED = Words("contract_ended", 409, "The contract was ended before", "该服务协议已终止。")
    SUSPENSION_ENDED = Words("suspension_ended", 409, "The suspension was ended before", "该协议中止已解除。")
    INSTITUTION_ENDED = Words("institution_ended", 409, "The institution was ended before",
        "该机构已终止。")
    INSTITUTION_NOT_ENDED = Words("institution_not_ended", 409, "The institution has not ended",
        "该机构未终止。")
    QUOTA_ENDED = Words("quota_ended", 409, "The quota was ended before", "该共济额度已终止。")
    DONOR_PAUSED = Words("donor_paused", 409, "The donor's enrolment is paused", "共济人已暂停参保。")
    NOT_RECONCILED = Words("not_reconciled", 409, "Not every day of the month has a balanced reconciliation",
        "该月仍有日期未对账或对账不平。")
    ALREADY_CLEARED = Words("already_cleared", 409, "The month was cleared before", "该月已清算。")
    CLEARING_ENDED = Words("clearing_ended", 409, "The clearing was taken back before", "该清算已撤销。")
    CLEARING_PAID = Words("clearing_paid", 409, "The clearing was paid", "该清算已拨付。")
    CAUSE_REQUIRED = Words("cause_required", 422, "The cause of the injury must be declared",
        "须先申报受伤原因。")
    CAUSE_UNKNOWN = Words("cause_unknown", 422, "The cause of the injury is not known: nothing is settled",
        "受伤原因不明，暂不结算。")
    EVIDENCE_MISSING = Words("evidence_missing", 422, "A document that is needed is missing",
        "缺少必需的证明材料。")
    CLAIM_DECIDED = Words("claim_decided", 409, "The claim was decided before", "该手工报销申请已办结。")
    CLAIM_TOO_LATE = Words("claim_too_late", 422, "The claim came after the deadline",
        "手工报销申请已超过期限。")
    ALREADY_ADVANCED = Words("already_advanced", 409, "The case was advanced before", "该案件已先行支付。")
    NOTHING_ADVANCED = Words("nothing_advanced", 409, "Nothing was advanced in the case",
        "该案件未先行支付。")
    SET_OFF_NOT_ALLOWED = Words("set_off_not_allowed", 409, "The area does not allow a set-off",
        "本统筹区不允许抵扣。")
    CORRECTION_OVERLAPS = Words("correction_overlaps", 409,
        "Another correction of the same that is not finished has days in common with it",
        "与尚未完成的同类更正期间重叠，请先完成该更正。")
    CORRECTION_TOO_LARGE = Words("correction_too_large", 422,
        "It has more lines than one call posts: an operator's command does",
        "更正行数超过单次请求上限，请由运维命令执行。")
    NOTHING_ASSESSED = Words("nothing_assessed", 409, "Nothing was assessed for the month",
        "该期间尚未核定。")
    EMPLOYER_CLOSED = Words("employer_closed", 409, "The employer is closed", "该单位已注销。")
    EMPLOYER_NOT_CLOSED = Words("employer_not_closed", 409, "The employer is not closed", "该单位未注销。")
    NOBODY_ENROLLED = Words("nobody_enrolled", 409, "Nobody is enrolled with the employer in that month",
        "该月无人在该单位参保。")
    NO_LAST_MONTH = Words("no_last_month", 409, "There is no month before: the agency names the amount",
        "无上月数据，须由经办机构核定金额。")
    ESTIMATES_EXHAUSTED = Words("estimates_exhausted", 409,
        "As many estimates in a row as the area allows: the agency names the amount",
        "连续估算已达上限，须由经办人员处理并核定金额。")
    NO_GOOD_LINE = Words("no_good_line", 409, "No line can be assessed", "没有可核定的明细。")
    ENROLMENT_ENDED = Words("enrolment_ended", 409, "The enrolment was ended before", "该参保登记已终止。")
    DOCUMENT_TOO_LONG = Words("document_too_long", 422,
        "The document would have too many lines: ask for a shorter period",
        "单据内容过长，请缩短查询期间。")
    DOCUMENT_DAMAGED = Words("document_damaged", 409,
        "What is kept of the document is not what was handed out: nothing is handed out in its place",
        "单据留存内容与出具时不符，不能提供，请联系经办机构。")
    DOCUMENT_NOT_KEPT = Words("document_not_kept", 409,
        "The bytes of the document are not kept: an older version made it or its person was erased",
        "单据未留存原件：由旧版本出具，或者当事人的个人信息已经销毁，不能提供。")
    DECIDER_ASKED = Words("decider_asked", 403, "Who asked does not decide",
        "申请人不得审批本人提交的查询申请。")
    AGENCY_REQUEST_DECIDED = Words("agency_request_decided", 409, "The request was decided before",
        "该查询申请已审批。")
    AGENCY_REQUEST_UNDECIDED = Words("agency_request_undecided", 409, "The request is not decided yet",
        "该查询申请尚未审批。")
    AGENCY_REQUEST_REJECTED = Words("agency_request_rejected", 409, "The request was rejected",
        "该查询申请未获批准。")
    AGENCY_REQUEST_ANSWERED = Words("agency_request_answered", 409,
        "The request was answered before: a request is answered once",
        "该查询申请已答复，每份申请只答复一次。")
    SAME_PERSON = Words("same_person", 403, "Who asked or whom it is about does not decide",
        "申请人本人、账户持有人或其近亲属不得审批该事项。")
    APPROVAL_DECIDED = Words("approval_decided", 409, "It was approved or rejected before", "该事项已审批。")
    APPROVAL_REJECTED = Words("approval_rejected", 409, "The second person rejected it", "该事项未通过审批。")
    APPROVAL_EXPIRED = Words("approval_expired", 409, "It was not approved in time", "逾期未审批，请重报。")
    STATEMENT_NOT_SEALED = Words("statement_not_sealed", 409, "No seal proves that year", "该年度尚未封存。")
    CASE_ANSWERED = Words("case_answered", 409, "The case was answered before", "该事项已答复。")
    CASE_NOT_ANSWERED = Words("case_not_answered", 409, "The case is not answered yet", "该事项尚未答复。")
    CORRECTION_TOO_EARLY = Words("correction_too_early", 422,
        "The entry was posted before the case was opened", "该条目早于本事项的提出时间。")
    HOLD_NOT_OPEN = Words("hold_not_open", 409, "The hold was captured or released before",
        "该预留已结算或已释放。")
    HOLD_EXPIRED = Words("hold_expired", 409, "The hold has expired", "该预留已过期。")
    FREEZE_ENDED = Words("freeze_ended", 409, "The freeze was ended before", "该冻结已解除。")
    RETIREE = Words("retiree", 409, "Retirees do not transfer", "退休人员不办理转移接续。")
    TRANSFER_STATE = Words("transfer_state", 409, "The transfer is at another step", "转移业务不在此环节。")
    DEMAND_PAID = Words("demand_paid", 409, "Nothing of the demand is owed", "该追缴款项已结清。")
    OPEN_ITEMS = Words("open_items", 409, "Something is still open and has to be settled first",
        "尚有未办结的事项，请先办结。")
    HEIRS_DISPUTED = Words("heirs_disputed", 409, "The heirs dispute the estate: nothing is paid",
        "继承存在争议或受遗赠人尚未表示，暂不支付。")
    ESTATE_NOT_CONFIRMED = Words("estate_not_confirmed", 409, "The estate is not confirmed",
        "该遗产尚未确认分配。")
    ESTATE_PAID_OUT = Words("estate_paid_out", 409, "A share was paid to a bank: it is demanded back",
        "遗产份额已支付，不能撤销，请依法追回。")
    PAYOUT_STATE = Words("payout_state", 409, "The payout is at another step", "支付单不在此环节。")
    NOTHING_PAYABLE = Words("nothing_payable", 409, "Nothing is to be paid out to that person",
        "该继承人没有待支付的份额。")
    ESTATE_NOT_HELD = Words("estate_not_held", 409, "Somebody inherits or nobody was asked for yet",
        "该遗产有继承人或尚未确认无人继承。")
    SHARES_INVALID = Words("shares_invalid", 422, "The shares do not divide the whole", "继承份额不正确。")
    VERB_NOT_OFFERED = Words("verb_not_offered", 422, "This is not offered", "暂不提供该业务。")
    # amount
    AMOUNT_INVALID = Words("amount_invalid", 422,
        'The amount must be a positive decimal string such as "128.50"',
        "金额不正确，应为形如“128.50”的正数。",
        "The amount is no positive number of yuan with two decimals")
    AMOUNT_DIFFERS = Words("amount_differs", 409, "The money is not what the information sheet says",
        "到账金额与信息表金额不符。")
    AMOUNT_MISMATCH = Words("amount_mismatch", 422, "The amounts do not add up", "金额合计不符。")
    ITEM_NOT_ELIGIBLE = Words("item_not_eligible", 422, "Neither fund nor account pays for an item",
        "含有医保基金和个人账户均不支付的项目。")
    QUOTA_TOO_HIGH = Words("quota_too_high", 409, "The quota exceeds what is available",
        "共济额度超过可用余额。")
    WAGE_INVALID = Words("wage_invalid", 422, 'The wage must be a positive amount such as "8000.00"',
        "工资金额不正确。", "The wage is no positive number of yuan with two decimals")
    SUSPENSE_EXCEEDED = Words("suspense_exceeded", 409, "More than what waits for the payer",
        "金额超过可退款项。", "The amount is more than what waits for the payer")
    HOLD_EXCEEDED = Words("hold_exceeded", 409, "The amount exceeds the hold", "金额超过预留。")
    CAP_EXCEEDED = Words("cap_exceeded", 409, "The account may not pay so much on that day",
        "超过该日个人账户支付限额。")
    # insufficient
    INSUFFICIENT_BALANCE = Words("insufficient_balance", 409, "The balance does not suffice",
        "账户余额不足。")
    PREMIUM_NOT_OWED = Words("premium_not_owed", 409, "Not so much of that year's premium is owed",
        "该年度应缴保费不足该金额。")
    APPROVAL_NEEDED = Words("approval_needed", 409, "A second person is needed: send it by itself",
        "该业务须经第二人审批，请单独提交。")
    # not by its own fault: a neighbour in an atomic group was refused
    GROUP_REFUSED = Words("group_refused", 409, "Another command of the group was refused",
        "同组的其他指令被拒绝。",
        "Another line of the group was refused")
    # fmt: on


PRECEDENCE: dict[RefusalCode, int] = {code: rank for rank, code in enumerate(RefusalCode)}
