"""What the words of answers are called in a CSV with Chinese headings: one language in one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_STATES: Final = {
    "cleared": "已清算",
    "ended": "已撤销",
    "paid": "已拨付",
    "balanced": "已平",
    "different": "不平",
    "changed": "对账后有变动",
    "open": "未对账",
    "received": "已受理",
    "awaiting_proof": "待补材料",
    "approved": "已批准",
    "rejected": "已驳回",
}
_PAPERS: Final = {"invoice": "票据", "fee_list": "费用清单", "diagnosis": "诊断证明", "records": "病历"}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "state": _STATES,
    "care_type": {"outpatient": "门诊", "inpatient": "住院", "pharmacy": "药店购药", "chronic": "门诊慢特病"},
    "channel": {"network": "联网结算", "manual": "手工报销", "annual": "年度结算"},
    "result": {"balanced": "平", "different": "不平"},
    "evidence": _PAPERS,
    "missing": _PAPERS,
    "kind": {"contribution": "缴费划入", "retiree_credit": "退休人员划入"},
    "member_class": {
        "active": "在职",
        "retired": "退休",
        "flexible": "灵活就业",
        "unemployed": "领取失业金",
        "resident": "居民",
    },
    "step": {
        "order_to_register": "责令限期登记",
        "premium_fixed": "核定应缴",
        "fine_of_managers": "对责任人员罚款",
        "order_to_pay": "责令限期缴纳",
        "bank_inquiry": "查询存款账户",
        "forced_transfer": "划拨",
        "guarantee": "提供担保",
        "instalment_agreement": "延期缴费协议",
        "court_seizure": "申请法院强制执行",
        "fine": "罚款",
        "closed": "结案",
    },
}
"""By the column, each word of the API and the Chinese one."""

YES_AND_NO: Final = {"zh": ("是", "否"), "en": ("yes", "no")}
