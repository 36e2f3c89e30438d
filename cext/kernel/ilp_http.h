/* The meaning of a request's head in ILP over HTTP: method, path, bearer token, media type -> "go on" or an HTTP status.
 *
 * Fed one header at a time by HTTP/2 and HTTP/1.1 alike; allocates nothing and keeps no token. Never an ILP packet, never a
 * socket. Source: IL-RFC 35, and what its implementations accept. */
#ifndef ILP_HTTP_H
#define ILP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ilp_tokens.h"

#define ILP_HTTP_REQUEST_ID_MAX 128u /* octets of a Request-Id; IL-RFC 35 asks for a UUID, which has 36 */
#define ILP_HTTP_PEER_MAX 128u       /* longest peer name that is compared; a longer one in a path matches nobody */

struct ilp_link;

/* Whom a token speaks for. The owner pointer of the token table. */
typedef struct ilp_http_peer {
    const uint8_t *name; /* as in /accounts/{name}/ilp */
    uint32_t name_len;
    uint8_t bare_token; /* also accept the token without "Bearer" */
    struct ilp_link *link;
} ilp_http_peer;

typedef enum ilp_http_path { ILP_HTTP_PATH_OTHER = 0, ILP_HTTP_PATH_ROOT, ILP_HTTP_PATH_ILP, ILP_HTTP_PATH_PEER } ilp_http_path;
typedef enum ilp_http_method { ILP_HTTP_METHOD_OTHER = 0, ILP_HTTP_GET, ILP_HTTP_HEAD, ILP_HTTP_POST } ilp_http_method;

typedef struct ilp_http_head {
    const ilp_tokens *tokens;  /* may be NULL: then nobody is known */
    const ilp_http_peer *peer; /* whom the token named; NULL: nobody */
    uint64_t content_length;   /* UINT64_MAX when not stated */
    uint32_t size;             /* names, values and 32 per header, as HTTP/2 counts a header list */
    uint32_t size_max;
    uint32_t body_max;
    uint32_t named_len; /* of the name in the path; UINT32_MAX when longer than ILP_HTTP_PEER_MAX */
    uint8_t method;
    uint8_t path;
    uint8_t has_authorization;
    uint8_t media_refused; /* a content type that is not ILP's */
    uint8_t malformed;
    uint8_t expect_continue;
    uint8_t has_request_id;
    ilp_hash128 request_id; /* keyed hash of the header Request-Id, when there is one */
    uint8_t named[ILP_HTTP_PEER_MAX];
} ilp_http_head;

void ilp_http_head_begin(ilp_http_head *head, const ilp_tokens *tokens, uint32_t size_max, uint32_t body_max);
void ilp_http_head_method(ilp_http_head *head, const uint8_t *method, size_t len);
void ilp_http_head_path(ilp_http_head *head, const uint8_t *path, size_t len);
/* One header. `name` is compared without regard to case. False once the list is over size_max. */
bool ilp_http_head_add(ilp_http_head *head, const uint8_t *name, size_t name_len, const uint8_t *value, size_t len);
/* Add to the counted size only (pseudo headers). */
bool ilp_http_head_count(ilp_http_head *head, size_t name_len, size_t len);

/* 0: a POST of `head->peer` whose body should be read. Otherwise the status to answer:
 * 200 health · 400 · 401 · 403 token of another peer · 404 · 405 · 413 · 415 · 431. */
int ilp_http_head_decide(const ilp_http_head *head);

#endif
