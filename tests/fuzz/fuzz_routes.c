/* Routes: a table made of the lines of the input, asked for its last line, against a search from end to end. */
#include "fuzz.h"
#include "ilp_address.h"
#include "ilp_routes.h"

#define ROUTES_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ilp_route list[ROUTES_MAX];
    uint32_t count = 0;
    const uint8_t *end = data + size;
    const uint8_t *line = data;
    for (const uint8_t *at = data; at < end; at++) {
        if (*at != '\n') continue;
        size_t len = (size_t)(at - line);
        if (count < ROUTES_MAX && ilp_address_prefix_valid(line, len)) {
            list[count] = (ilp_route){{line, (uint32_t)len}, count};
            count++;
        }
        line = at + 1;
    }
    if (!ilp_address_valid(line, (size_t)(end - line))) return 0;
    ilp_bytes_view destination = {line, (uint32_t)(end - line)};

    uint32_t best = ILP_NO_LINK;
    uint32_t best_len = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!ilp_address_has_prefix(destination.at, destination.len, list[i].prefix.at, list[i].prefix.len)) continue;
        if (best != ILP_NO_LINK && list[i].prefix.len < best_len) continue;
        best = i;
        best_len = list[i].prefix.len;
    }
    ilp_routes *routes = ilp_routes_build(list, count);
    REQUIRE(routes != NULL);
    uint32_t len;
    REQUIRE(ilp_routes_find(routes, destination, &len) == best);
    REQUIRE(len == best_len);
    uint32_t cursor = 0;
    uint32_t seen = 0;
    ilp_route route;
    while (ilp_routes_next(routes, &cursor, &route)) {
        REQUIRE(route.link < count && list[route.link].prefix.len == route.prefix.len);
        REQUIRE(route.prefix.len == 0 || memcmp(list[route.link].prefix.at, route.prefix.at, route.prefix.len) == 0);
        seen++;
    }
    REQUIRE(seen == ilp_routes_count(routes) && seen <= count);
    ilp_routes_free(routes);
    return 0;
}
