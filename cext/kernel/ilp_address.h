/* ILP address grammar (IL-RFC 15). Never a routing decision. */
#ifndef ILP_ADDRESS_H
#define ILP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ilp_scheme {
    ILP_SCHEME_INVALID = 0,
    ILP_SCHEME_G,
    ILP_SCHEME_PRIVATE,
    ILP_SCHEME_EXAMPLE,
    ILP_SCHEME_PEER,
    ILP_SCHEME_SELF,
    ILP_SCHEME_TEST, /* test, test1, test2, test3 */
    ILP_SCHEME_LOCAL,
} ilp_scheme;

#ifdef __cplusplus
extern "C" {
#endif

bool ilp_address_valid(const uint8_t *address, size_t len);        /* a full address: scheme and at least one segment */
bool ilp_address_prefix_valid(const uint8_t *prefix, size_t len);  /* also a bare scheme; the empty prefix is valid */
ilp_scheme ilp_address_scheme(const uint8_t *address, size_t len); /* of a valid address */
/* Does `prefix` match `address` at a segment boundary? The empty prefix matches all. */
bool ilp_address_has_prefix(const uint8_t *address, size_t len, const uint8_t *prefix, size_t prefix_len);
/* Only characters that may occur in an address, in any order; true for none at all. What a Reject's triggered_by must be: other
 * nodes put names there that are no full address, and a Reject is worth relaying all the same. */
bool ilp_address_characters(const uint8_t *at, size_t len);

#ifdef __cplusplus
}
#endif

#endif
