/* What the HTTP endpoint keeps in the kernel: SipHash against its published vectors, tokens, slots, budgets, request heads. */
#include "check.h"
#include "ilp_budget.h"
#include "ilp_http.h"
#include "ilp_siphash.h"
#include "ilp_slots.h"
#include "ilp_tokens.h"

static void test_siphash(void) {
    /* Of the reference implementation: key 00..0f, input of n bytes 00.., 128-bit output as two little-endian words. */
    static const struct {
        size_t len;
        uint64_t low, high;
    } vectors[] = {
        {0, 0xe6a825ba047f81a3, 0x930255c71472f66d},
        {1, 0x44af996bd8c187da, 0x45fc229b11597634},
    };
    uint8_t key[16], input[16];
    for (uint8_t i = 0; i < 16; i++) key[i] = input[i] = i;
    for (size_t i = 0; i < 2; i++) {
        ilp_hash128 hash = ilp_siphash(key, input, vectors[i].len);
        CHECK_EQ(hash.low, vectors[i].low);
        CHECK_EQ(hash.high, vectors[i].high);
    }
    ilp_hash128 whole = ilp_siphash(key, input, 16);
    for (size_t at = 0; at < 16; at++) { /* every byte of input and key counts */
        input[at] ^= 1;
        CHECK(ilp_siphash(key, input, 16).low != whole.low);
        input[at] ^= 1;
        key[at] ^= 1;
        CHECK(ilp_siphash(key, input, 16).low != whole.low);
        key[at] ^= 1;
    }
}

static void test_tokens(void) {
    enum { COUNT = 1000 };
    static char text[COUNT][24];
    static ilp_token_entry entries[COUNT];
    static int owners[COUNT];
    const uint8_t key[16] = {7};
    for (int i = 0; i < COUNT; i++) {
        int len = snprintf(text[i], sizeof text[i], "token-%d", i);
        entries[i] = (ilp_token_entry){(const uint8_t *)text[i], (size_t)len, &owners[i / 2]};
    }
    ilp_tokens *tokens = ilp_tokens_build(key, entries, COUNT);
    CHECK(tokens != NULL);
    for (int i = 0; i < COUNT; i++) {
        CHECK(ilp_tokens_find(tokens, entries[i].token, entries[i].len) == &owners[i / 2]);
        CHECK(ilp_tokens_find(tokens, entries[i].token, entries[i].len - 1) != &owners[i / 2] || i >= 10);
    }
    CHECK(ilp_tokens_find(tokens, (const uint8_t *)"nobody", 6) == NULL);
    CHECK(ilp_tokens_find(tokens, (const uint8_t *)"", 0) == NULL);
    ilp_tokens_free(tokens);

    entries[1] = entries[0]; /* the same token twice for one owner is one token */
    tokens = ilp_tokens_build(key, entries, 2);
    CHECK(tokens != NULL);
    ilp_tokens_free(tokens);
    entries[1].owner = &owners[COUNT - 1];
    CHECK(ilp_tokens_build(key, entries, 2) == NULL);
    tokens = ilp_tokens_build(key, NULL, 0);
    CHECK(ilp_tokens_find(tokens, entries[0].token, entries[0].len) == NULL);
    ilp_tokens_free(tokens);
}

static void test_slots(void) {
    typedef struct item {
        ilp_slot slot;
        uint64_t value;
    } item;
    CHECK(ilp_slots_new(0, sizeof(item)) == NULL);
    CHECK(ilp_slots_new(4, 3) == NULL);
    ilp_slots *slots = ilp_slots_new(4, sizeof(item));
    item *items[4];
    for (int i = 0; i < 4; i++) {
        items[i] = ilp_slots_get(slots);
        CHECK_EQ(items[i]->value, 0);
        items[i]->value = 100 + (uint64_t)i;
    }
    CHECK(ilp_slots_get(slots) == NULL);
    CHECK_EQ(ilp_slots_in_use(slots), 4);
    uint64_t name = ilp_slot_name(&items[2]->slot);
    CHECK(ilp_slots_find(slots, name) == items[2]);
    ilp_slots_put(slots, items[2]);
    CHECK(ilp_slots_find(slots, name) == NULL);
    item *again = ilp_slots_get(slots);
    CHECK(again == items[2]);
    CHECK_EQ(again->value, 0);
    CHECK(ilp_slots_find(slots, name) == NULL);
    CHECK(ilp_slots_find(slots, ilp_slot_name(&again->slot)) == again);
    CHECK(ilp_slots_find(slots, 0) == NULL);
    CHECK(ilp_slots_find(slots, UINT64_MAX) == NULL);
    CHECK(ilp_slots_find(slots, (1ull << 32) | 4) == NULL);
    ilp_slots_free(slots);
    ilp_slots_free(NULL);
}

static void test_budget(void) {
    ilp_budget budget;
    ilp_budget_init(&budget, 3, 2, 1000);
    for (int i = 0; i < 3; i++) CHECK(ilp_budget_take(&budget, 1, 1000));
    CHECK(!ilp_budget_take(&budget, 1, 1000));
    CHECK(!ilp_budget_take(&budget, 1, 1000 + 499999999));
    CHECK(ilp_budget_take(&budget, 1, 1000 + 500000000));
    CHECK(!ilp_budget_take(&budget, 1, 900)); /* a clock that steps back refills nothing */
    CHECK(ilp_budget_take(&budget, 3, INT64_MAX / 2));
    CHECK(!ilp_budget_take(&budget, 1, INT64_MAX / 2));
    ilp_budget_credit(&budget, 2);
    CHECK(ilp_budget_take(&budget, 2, INT64_MAX / 2));
    ilp_budget_credit(&budget, 1000000000);
    CHECK(!ilp_budget_take(&budget, 4, INT64_MAX / 2));
    CHECK(ilp_budget_take(&budget, 3, INT64_MAX / 2));
    ilp_budget_init(&budget, 1, 0, 0);
    CHECK(ilp_budget_take(&budget, 1, 0));
    CHECK(!ilp_budget_take(&budget, 1, INT64_MAX));
}

static const uint8_t key[16] = {1};
static ilp_http_peer alice = {.name = (const uint8_t *)"alice", .name_len = 5};
static ilp_http_peer bare = {.name = (const uint8_t *)"bare", .name_len = 4, .bare_token = 1};
static ilp_tokens *known;

#define TEXT(text) (const uint8_t *)(text), strlen(text)

static int decide(const char *method, const char *path, const char *authorization, const char *name, const char *value) {
    ilp_http_head head;
    ilp_http_head_begin(&head, known, 8192, 40000);
    ilp_http_head_method(&head, TEXT(method));
    uint8_t *copy = check_copy(path, strlen(path));
    ilp_http_head_path(&head, copy, strlen(path));
    free(copy);
    if (authorization) {
        copy = check_copy(authorization, strlen(authorization));
        ilp_http_head_add(&head, TEXT("Authorization"), copy, strlen(authorization));
        free(copy);
    }
    if (name) ilp_http_head_add(&head, TEXT(name), TEXT(value));
    return ilp_http_head_decide(&head);
}

static void test_heads(void) {
    ilp_token_entry entries[] = {{TEXT("a-token"), &alice}, {TEXT("b-token"), &bare}};
    known = ilp_tokens_build(key, entries, 2);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", NULL, NULL), 0);
    CHECK_EQ(decide("POST", "/ilp", "\tbeAReR \t a-token  ", NULL, NULL), 0);
    CHECK_EQ(decide("POST", "/accounts/alice/ilp", "Bearer a-token", NULL, NULL), 0);
    CHECK_EQ(decide("POST", "/accounts/alice/ilp", "Bearer alice:a-token", NULL, NULL), 0);
    CHECK_EQ(decide("POST", "/accounts/alice/ilp", "Bearer alice:", NULL, NULL), 401);
    CHECK_EQ(decide("POST", "/accounts/bare/ilp", "Bearer a-token", NULL, NULL), 403);
    CHECK_EQ(decide("POST", "/accounts/bare/ilp", "Bearer bare:a-token", NULL, NULL), 403);
    CHECK_EQ(decide("POST", "/ilp", "b-token", NULL, NULL), 0);
    CHECK_EQ(decide("POST", "/ilp", "a-token", NULL, NULL), 401);
    CHECK_EQ(decide("POST", "/ilp", "", NULL, NULL), 401);
    CHECK_EQ(decide("POST", "/ilp", "Bearer", NULL, NULL), 401);
    CHECK_EQ(decide("POST", "/ilp", "Bearer ", NULL, NULL), 401);
    CHECK_EQ(decide("POST", "/ilp", "Bearera-token", NULL, NULL), 401);
    CHECK_EQ(decide("POST", "/ilp", NULL, NULL, NULL), 401);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "authorization", "Bearer a-token"), 400);
    CHECK_EQ(decide("POST", "", "Bearer a-token", NULL, NULL), 404);
    CHECK_EQ(decide("POST", "/accounts/ilp", "Bearer a-token", NULL, NULL), 404);
    CHECK_EQ(decide("POST", "/?/ilp", "Bearer a-token", NULL, NULL), 405);
    CHECK_EQ(decide("post", "/ilp", "Bearer a-token", NULL, NULL), 405);
    CHECK_EQ(decide("GET", "/", NULL, NULL, NULL), 200);
    CHECK_EQ(decide("HEAD", "/ilp", "Bearer wrong", NULL, NULL), 200);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "Content-Type", " application/OCTET-stream ;x=y"), 0);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "content-type", "text/plain"), 415);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "content-length", "40000"), 0);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "content-length", "40001"), 413);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "content-length", "1e3"), 400);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "content-length", "9999999999999999999"), 400);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "content-length", ""), 400);

    static char filler[8200];
    memset(filler, 'f', sizeof filler - 1);
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "x", filler), 431);
    filler[8000] = 0;
    CHECK_EQ(decide("POST", "/ilp", "Bearer a-token", "x", filler), 0);
    memcpy(filler, "/accounts/", 10);
    strcpy(filler + 10 + ILP_HTTP_PEER_MAX + 1, "/ilp");
    CHECK_EQ(decide("POST", filler, "Bearer a-token", NULL, NULL), 403);

    ilp_http_head head;
    ilp_http_head_begin(&head, NULL, UINT32_MAX, 1);
    CHECK(ilp_http_head_add(&head, TEXT("authorization"), TEXT("Bearer a-token")));
    CHECK(head.peer == NULL);
    CHECK(ilp_http_head_count(&head, SIZE_MAX / 4, SIZE_MAX / 4) == true); /* saturates, never wraps */
    CHECK_EQ(head.size, UINT32_MAX);
    ilp_tokens_free(known);
}

static void test_random_heads(void) {
    static const char *names[] = {"authorization", "content-type", "content-length", "expect", "x"};
    ilp_token_entry entries[] = {{TEXT("a:b"), &alice}};
    known = ilp_tokens_build(key, entries, 1);
    for (int round = 0; round < 20000; round++) {
        char value[32];
        size_t len = check_below(sizeof value);
        for (size_t i = 0; i < len; i++) value[i] = "Bearer :/a?;0x"[check_below(14)];
        ilp_http_head head;
        uint8_t *copy = check_copy(value, len);
        ilp_http_head_begin(&head, known, 8192, 40000);
        ilp_http_head_method(&head, copy, len);
        ilp_http_head_path(&head, copy, len);
        for (int i = 0; i < 3; i++) ilp_http_head_add(&head, TEXT(names[check_below(5)]), copy, len);
        ilp_http_head_decide(&head);
        free(copy);
    }
    ilp_tokens_free(known);
}

int main(void) {
    test_siphash();
    test_tokens();
    test_slots();
    test_budget();
    test_heads();
    test_random_heads();
    return 0;
}
