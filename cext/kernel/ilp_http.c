/* Request heads of ILP over HTTP. Owns the rules of acceptance; knows no socket and no packet. */
#include "ilp_http.h"

#include <string.h>

static inline uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

static bool equals(const uint8_t *at, size_t len, const char *text) { /* text in lower case */
    size_t i = 0;
    for (; i < len && text[i]; i++) {
        if (lower(at[i]) != (uint8_t)text[i]) return false;
    }
    return i == len && text[i] == 0;
}

static bool is_space(uint8_t c) { return c == ' ' || c == '\t'; }

static void trim(const uint8_t **at, size_t *len) {
    while (*len && is_space(**at)) (*at)++, (*len)--;
    while (*len && is_space((*at)[*len - 1])) (*len)--;
}

void ilp_http_head_begin(ilp_http_head *head, const ilp_tokens *tokens, uint32_t size_max, uint32_t body_max) {
    memset(head, 0, offsetof(ilp_http_head, named)); /* named is read only as far as named_len says */
    head->tokens = tokens;
    head->content_length = UINT64_MAX;
    head->size_max = size_max;
    head->body_max = body_max;
}

void ilp_http_head_method(ilp_http_head *head, const uint8_t *method, size_t len) {
    if (len == 4 && memcmp(method, "POST", 4) == 0)
        head->method = ILP_HTTP_POST;
    else if (len == 4 && memcmp(method, "HEAD", 4) == 0)
        head->method = ILP_HTTP_HEAD;
    else if (len == 3 && memcmp(method, "GET", 3) == 0)
        head->method = ILP_HTTP_GET;
    else
        head->method = ILP_HTTP_METHOD_OTHER;
}

void ilp_http_head_path(ilp_http_head *head, const uint8_t *path, size_t len) {
    static const char before[] = "/accounts/", after[] = "/ilp";
    const size_t before_len = sizeof before - 1, after_len = sizeof after - 1;
    const uint8_t *query = memchr(path, '?', len);
    if (query) len = (size_t)(query - path);
    head->path = ILP_HTTP_PATH_OTHER;
    if (len == 1 && path[0] == '/') {
        head->path = ILP_HTTP_PATH_ROOT;
    } else if (len == after_len && memcmp(path, after, after_len) == 0) {
        head->path = ILP_HTTP_PATH_ILP;
    } else if (len > before_len + after_len && memcmp(path, before, before_len) == 0 &&
               memcmp(path + len - after_len, after, after_len) == 0) {
        const uint8_t *peer = path + before_len;
        const size_t named_len = len - before_len - after_len;
        if (memchr(peer, '/', named_len)) return;
        head->path = ILP_HTTP_PATH_PEER;
        head->named_len = UINT32_MAX;
        if (named_len <= ILP_HTTP_PEER_MAX) {
            memcpy(head->named, peer, named_len);
            head->named_len = (uint32_t)named_len;
        }
    }
}

static bool is_named(const ilp_http_peer *peer, const uint8_t *name, size_t len) {
    return peer->name_len == len && memcmp(peer->name, name, len) == 0;
}

/* "Bearer <token>" in any case with one space or more, "Bearer <name>:<token>" of old Rust nodes, or the bare token. */
static void authorize(ilp_http_head *head, const uint8_t *value, size_t len) {
    bool bare = true;
    if (head->has_authorization) head->malformed = 1; /* two credentials: nobody can say which one counts */
    head->has_authorization = 1;
    head->peer = NULL;
    trim(&value, &len);
    if (len > 6 && equals(value, 6, "bearer") && is_space(value[6])) {
        bare = false;
        value += 6;
        len -= 6;
        trim(&value, &len);
    }
    if (len == 0 || !head->tokens) return;
    const ilp_http_peer *peer = ilp_tokens_find(head->tokens, value, len);
    const uint8_t *colon = memchr(value, ':', len);
    if (!peer && colon && head->path == ILP_HTTP_PATH_PEER) {
        const size_t user_len = (size_t)(colon - value), token_len = len - user_len - 1;
        if (token_len && user_len == head->named_len && memcmp(head->named, value, user_len) == 0) {
            peer = ilp_tokens_find(head->tokens, colon + 1, token_len);
        }
    }
    if (peer && bare && !peer->bare_token) peer = NULL;
    head->peer = peer;
}

static void media_type(ilp_http_head *head, const uint8_t *value, size_t len) {
    const uint8_t *parameters = memchr(value, ';', len);
    if (parameters) len = (size_t)(parameters - value);
    trim(&value, &len);
    head->media_refused = !(equals(value, len, "application/octet-stream") || equals(value, len, "application/ilp+octet-stream"));
}

static void content_length(ilp_http_head *head, const uint8_t *value, size_t len) {
    uint64_t number = 0;
    trim(&value, &len);
    if (len == 0 || len > 18) {
        head->malformed = 1;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9') {
            head->malformed = 1;
            return;
        }
        number = number * 10 + (value[i] - '0');
    }
    if (head->content_length != UINT64_MAX && head->content_length != number) head->malformed = 1;
    head->content_length = number;
}

/* One name for one request: two of them, none, or an endless one is an error of the peer, not a request without a name. */
static void request_id(ilp_http_head *head, const uint8_t *value, size_t len) {
    trim(&value, &len);
    if (head->has_request_id || len == 0 || len > ILP_HTTP_REQUEST_ID_MAX) head->malformed = 1;
    head->has_request_id = 1;
    if (head->tokens && !head->malformed) head->request_id = ilp_tokens_hash(head->tokens, value, len);
}

bool ilp_http_head_count(ilp_http_head *head, size_t name_len, size_t len) {
    const uint64_t size = (uint64_t)head->size + name_len + len + 32;
    head->size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    return head->size <= head->size_max;
}

bool ilp_http_head_add(ilp_http_head *head, const uint8_t *name, size_t name_len, const uint8_t *value, size_t len) {
    if (!ilp_http_head_count(head, name_len, len)) return false;
    switch (name_len) { /* the length alone tells most headers apart */
    case 6:
        if (equals(name, 6, "expect")) head->expect_continue = equals(value, len, "100-continue");
        break;
    case 10:
        if (equals(name, 10, "request-id")) request_id(head, value, len);
        break;
    case 12:
        if (equals(name, 12, "content-type")) media_type(head, value, len);
        break;
    case 13:
        if (equals(name, 13, "authorization")) authorize(head, value, len);
        break;
    case 14:
        if (equals(name, 14, "content-length")) content_length(head, value, len);
        break;
    default: break;
    }
    return true;
}

int ilp_http_head_decide(const ilp_http_head *head) {
    if (head->size > head->size_max) return 431;
    if (head->malformed) return 400;
    if (head->path == ILP_HTTP_PATH_OTHER) return 404;
    if (head->method == ILP_HTTP_GET || head->method == ILP_HTTP_HEAD) return 200;
    if (head->method != ILP_HTTP_POST || head->path == ILP_HTTP_PATH_ROOT) return 405;
    if (!head->peer) return 401;
    if (head->path == ILP_HTTP_PATH_PEER && !is_named(head->peer, head->named, head->named_len)) return 403;
    if (head->media_refused) return 415;
    if (head->content_length != UINT64_MAX && head->content_length > head->body_max) return 413;
    return 0;
}
