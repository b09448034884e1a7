"""What is answered with a problem: the ledger's own refusals, and the noes that only HTTP knows."""

from ledger.refusals import RefusalCode, Worded, Words


class DoorCode(Worded):
    """The noes that only HTTP knows. The ledger's own are RefusalCode."""

    TOKEN_MISSING = Words("token_missing", 401, "A bearer token is required", "需要访问令牌。")
    TOKEN_INVALID = Words("token_invalid", 401, "The bearer token is not valid", "访问令牌无效或已过期。")
    SCOPE_MISSING = Words("scope_missing", 403, "The token lacks a scope", "访问令牌没有所需的权限。")
    CHANNEL_NOT_ALLOWED = Words(
        "channel_not_allowed",
        403,
        "This is not shown or done through this channel",
        "该渠道不能查询或办理此项。",
    )
    PURPOSE_MISSING = Words(
        "purpose_missing", 403, "A read of a person's data states its purpose", "查询个人信息须说明用途。"
    )
    PURPOSE_NOT_ALLOWED = Words(
        "purpose_not_allowed", 403, "The channel may not read for this purpose", "该渠道不能以此用途查询。"
    )
    ROUTE_NOT_FOUND = Words("route_not_found", 404, "No such resource", "资源不存在。")
    METHOD_NOT_ALLOWED = Words(
        "method_not_allowed", 405, "The method is not offered here", "不支持该请求方法。"
    )
    BODY_TOO_LARGE = Words("body_too_large", 413, "The body is too large", "请求体过大。")
    REQUEST_TIMEOUT = Words(
        "request_timeout", 408, "The request did not come in time", "请求未在规定时间内发送完毕。"
    )
    PATH_TOO_LARGE = Words("path_too_large", 414, "The path is too large", "请求路径过长。")
    HEADERS_TOO_LARGE = Words(
        "headers_too_large", 431, "The headers are too many or too large", "请求头过多或过大。"
    )
    MEDIA_TYPE_UNSUPPORTED = Words(
        "media_type_unsupported", 415, "The body must be application/json", "请求体必须是 application/json。"
    )
    REQUEST_REFUSED = Words("request_refused", 400, "The request was refused", "请求被拒绝。")
    INTERNAL_ERROR = Words("internal_error", 500, "A fault of the service", "服务内部错误。")
    OUTCOME_UNKNOWN = Words(
        "outcome_unknown",
        503,
        "The outcome is unknown: send the same key again",
        "结果未知，请用相同的 Idempotency-Key 重试。",
    )
    OVERLOADED = Words("overloaded", 503, "Too much is waiting", "服务繁忙，请稍后重试。")
    DATABASE_UNAVAILABLE = Words(
        "database_unavailable", 503, "The database is not available", "数据库暂时不可用。"
    )
    DEADLINE = Words(
        "deadline",
        503,
        "No answer in time: send the same again, a command with the same key",
        "处理超时，请以相同的 Idempotency-Key 重试，即可得知结果。",
    )
    READ_LOG_UNAVAILABLE = Words(
        "read_log_unavailable",
        503,
        "The read could not be recorded, so nothing is shown",
        "查询记录暂时无法写入，不能提供查询结果。",
    )
    TOO_MANY_REQUESTS = Words(
        "too_many_requests", 429, "Too many requests of one caller", "查询过于频繁，请稍后再试。"
    )
    DOCUMENT_KEY_MISSING = Words(
        "document_key_missing",
        503,
        "The installation has no key that signs documents",
        "系统尚未配置单据签名密钥，暂不能出具单据。",
    )
    SEALS_UNAVAILABLE = Words(
        "seals_unavailable",
        503,
        "What was sealed cannot be read on this machine, or is not whole",
        "本机暂时无法读取封存文件，或封存文件不完整，暂不能出具证明。",
    )
    NOT_READY = Words("not_ready", 503, "The service is not ready", "服务尚未就绪。")
    KEYS_DIFFER = Words(
        "keys_differ",
        503,
        "The keys of the service are not those of its database",
        "服务的密钥与数据库不符。",
    )
    POLICY_OUTDATED = Words(
        "policy_outdated",
        503,
        "A newer policy of the area is in force than this service has",
        "本服务的统筹区政策版本已过期，请稍后重试。",
    )


Code = RefusalCode | DoorCode
