/* The C interface of ilprouter's packet kernel: everything a C or C++ program needs to read, write, check and route ILPv4 packets.
 *
 * Link libilpkernel.a; give the compiler cext/include and cext/kernel. Nothing here allocates per packet, keeps state, reads a
 * clock or logs; the only objects with a life of their own are route tables (ilp_routes_build, ilp_routes_free). All functions may
 * be called from any thread; a route table may be read by many threads at once. The other headers of cext/kernel (pool, pending,
 * pipeline, link, context) are the router's own and change without notice.
 *
 *   ilp_packet.h    Prepare, Fulfill, Reject: parse in place, patch amount and expiry, encode canonically
 *   ilp_oer.h       the integers and strings they are made of
 *   ilp_address.h   address grammar, prefixes
 *   ilp_time.h      17-digit timestamps
 *   ilp_status.h    what functions return
 *   ilp_reject.h    status -> error code and message; our own Rejects
 *   ilp_routes.h    longest-prefix table
 *   ilp_sha256.h    fulfillment -> condition
 */
#ifndef ILPROUTER_H
#define ILPROUTER_H

#include "ilp_address.h"
#include "ilp_oer.h"
#include "ilp_packet.h"
#include "ilp_reject.h"
#include "ilp_routes.h"
#include "ilp_sha256.h"
#include "ilp_status.h"
#include "ilp_time.h"

#endif
