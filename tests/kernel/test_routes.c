/* ilp_routes against a list that is searched from end to end, deep tables, and the memory of 100 000 routes. */
#include <time.h>

#include "check.h"
#include "ilp_address.h"
#include "ilp_routes.h"

#define ROUTES 200
#define TEXT 100

typedef struct text {
    char at[TEXT];
    uint32_t len;
} text;

/* Few different segments of different lengths around the 8-byte words of the hash: many matches, many near misses. */
static text random_address(uint64_t segments_max) {
    static const char *segments[] = {"a", "b", "ab", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghijklmnop", "~x"};
    text result = {"g", 1};
    for (uint64_t n = check_below(segments_max + 1); n > 0; n--) {
        const char *segment = segments[check_below(sizeof segments / sizeof *segments)];
        result.at[result.len++] = '.';
        memcpy(result.at + result.len, segment, strlen(segment));
        result.len += (uint32_t)strlen(segment);
    }
    return result;
}

static void against_a_list(void) {
    static text prefixes[ROUTES];
    ilp_route list[ROUTES];
    for (int round = 0; round < 300; round++) {
        uint32_t count = (uint32_t)check_below(ROUTES + 1);
        for (uint32_t i = 0; i < count; i++) {
            prefixes[i] = random_address(4);
            if (check_below(50) == 0) prefixes[i].len = 0;
            list[i] = (ilp_route){{(uint8_t *)prefixes[i].at, prefixes[i].len}, i};
        }
        ilp_routes *routes = ilp_routes_build(list, count);
        CHECK(routes != NULL);
        for (int i = 0; i < 300; i++) {
            text destination = random_address(5);
            uint32_t best = ILP_NO_LINK;
            uint32_t best_len = 0;
            for (uint32_t j = 0; j < count; j++) {
                bool covers = ilp_address_has_prefix((uint8_t *)destination.at, destination.len, (uint8_t *)prefixes[j].at,
                                                     prefixes[j].len);
                if (covers && (best == ILP_NO_LINK || prefixes[j].len >= best_len)) {
                    best = j; /* the last of equals wins */
                    best_len = prefixes[j].len;
                }
            }
            uint8_t *exact = check_copy(destination.at, destination.len);
            uint32_t len = 12345;
            CHECK_EQ(ilp_routes_find(routes, (ilp_bytes_view){exact, destination.len}, &len), best);
            CHECK_EQ(len, best_len);
            CHECK_EQ(ilp_routes_find(routes, (ilp_bytes_view){exact, destination.len}, NULL), best);
            free(exact);
        }
        uint32_t cursor = 0;
        uint32_t distinct = 0;
        ilp_route route;
        while (ilp_routes_next(routes, &cursor, &route)) {
            uint32_t last = ILP_NO_LINK;
            for (uint32_t j = 0; j < count; j++)
                if (prefixes[j].len == route.prefix.len && memcmp(prefixes[j].at, route.prefix.at, route.prefix.len) == 0)
                    last = j;
            CHECK_EQ(route.link, last);
            distinct++;
        }
        CHECK_EQ(distinct, ilp_routes_count(routes));
        ilp_routes_free(routes);
    }
}

static void an_empty_table_and_a_default_route(void) {
    ilp_bytes_view destination = {(const uint8_t *)"g.alice", 7};
    ilp_routes *routes = ilp_routes_build(NULL, 0);
    CHECK(routes != NULL);
    CHECK_EQ(ilp_routes_find(routes, destination, NULL), ILP_NO_LINK);
    CHECK_EQ(ilp_routes_count(routes), 0);
    ilp_routes_free(routes);

    ilp_route only = {{NULL, 0}, 7};
    uint32_t len = 99;
    routes = ilp_routes_build(&only, 1);
    CHECK(routes != NULL);
    CHECK_EQ(ilp_routes_find(routes, destination, &len), 7);
    CHECK_EQ(len, 0);
    CHECK_EQ(ilp_routes_find(routes, (ilp_bytes_view){NULL, 0}, &len), 7);
    ilp_routes_free(routes);
    ilp_routes_free(NULL);
}

/* The deepest address there can be: 512 segments. Every one of its prefixes is a route. */
static void the_deepest_address(void) {
    static uint8_t address[ILP_ADDRESS_MAX];
    static ilp_route list[512];
    for (uint32_t i = 0; i < sizeof address; i++) address[i] = i % 2 ? '.' : 'g';
    for (uint32_t i = 0; i < 512; i++) list[i] = (ilp_route){{address, 2 * i + 1}, i};
    ilp_routes *routes = ilp_routes_build(list, 512);
    CHECK(routes != NULL);
    for (uint32_t i = 0; i < 512; i++) {
        uint32_t len;
        uint8_t *exact = check_copy(address, 2 * i + 1);
        CHECK_EQ(ilp_routes_find(routes, (ilp_bytes_view){exact, 2 * i + 1}, &len), i);
        CHECK_EQ(len, 2 * i + 1);
        free(exact);
    }
    ilp_routes_free(routes);

    routes = ilp_routes_build(&list[3], 1); /* deeper destinations than any route */
    CHECK(routes != NULL);
    CHECK_EQ(ilp_routes_find(routes, (ilp_bytes_view){address, sizeof address}, NULL), 3);
    CHECK_EQ(ilp_routes_find(routes, (ilp_bytes_view){address, 5}, NULL), ILP_NO_LINK);
    ilp_routes_free(routes);
}

static void a_hundred_thousand(void) {
    enum { COUNT = 100000, WIDTH = 40 };
    char *names = malloc((size_t)COUNT * WIDTH);
    ilp_route *list = malloc(COUNT * sizeof *list);
    CHECK(names && list);
    for (uint32_t i = 0; i < COUNT; i++) {
        int len = snprintf(names + (size_t)i * WIDTH, WIDTH, "g.region%" PRIu32 ".node-%" PRIu32, i % 321, i);
        list[i] = (ilp_route){{(uint8_t *)names + (size_t)i * WIDTH, (uint32_t)len}, i};
    }
    clock_t start = clock();
    ilp_routes *routes = ilp_routes_build(list, COUNT);
    CHECK(routes != NULL);
    CHECK_EQ(ilp_routes_count(routes), COUNT);
    CHECK(ilp_routes_memory(routes) < 8u << 20);
    for (uint32_t i = 0; i < COUNT; i++) {
        char destination[WIDTH + 20];
        int len =
            snprintf(destination, sizeof destination, "%.*s.alice.~1", (int)list[i].prefix.len, (const char *)list[i].prefix.at);
        uint32_t prefix_len;
        CHECK_EQ(ilp_routes_find(routes, (ilp_bytes_view){(uint8_t *)destination, (uint32_t)len}, &prefix_len), i);
        CHECK_EQ(prefix_len, list[i].prefix.len);
    }
    /* About 0.2 s of CPU under sanitizers; a hash that sends all prefixes to one place takes a minute. */
    CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 5);
    ilp_routes_free(routes);
    free(names);
    free(list);
}

int main(void) {
    against_a_list();
    an_empty_table_and_a_default_route();
    the_deepest_address();
    a_hundred_thousand();
    return 0;
}
