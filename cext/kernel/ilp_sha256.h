/* SHA-256 of exactly 32 bytes (a fulfillment): one compression, with the CPU's SHA instructions where it has them.
 *
 * The one primitive we carry ourselves: a library call costs two to ten times the hash here. Tested against OpenSSL. */
#ifndef ILP_SHA256_H
#define ILP_SHA256_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `digest` may be `input`. */
void ilp_sha256_32(const uint8_t input[32], uint8_t digest[32]);

/* The two ways behind it, for tests and measurements. */
void ilp_sha256_32_portable(const uint8_t input[32], uint8_t digest[32]);
bool ilp_sha256_accelerated(void); /* does ilp_sha256_32 use the CPU's instructions? */

#ifdef __cplusplus
}
#endif

#endif
