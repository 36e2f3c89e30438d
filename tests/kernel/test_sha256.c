/* ilp_sha256: known digests, and the two ways against each other. */
#include "check.h"
#include "ilp_sha256.h"

static void expect(const uint8_t input[32], const char *hex) {
    uint8_t digest[32];
    uint8_t portable[32];
    char text[65];
    ilp_sha256_32(input, digest);
    ilp_sha256_32_portable(input, portable);
    CHECK_BYTES(digest, portable, 32);
    for (int i = 0; i < 32; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
    CHECK_BYTES(text, hex, 64);
}

int main(void) {
    uint8_t input[32] = {0};
    expect(input, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
    memset(input, 0xff, 32);
    expect(input, "af9613760f72635fbdb44a5a0a63c39f12af30f950a6ee5c971be188e89c4051");
    for (int i = 0; i < 32; i++) input[i] = (uint8_t)i;
    expect(input, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd");

    uint8_t *exact = check_copy(input, 32);
    for (int i = 0; i < 100000; i++) {
        uint8_t portable[32];
        ilp_sha256_32_portable(exact, portable);
        ilp_sha256_32(exact, exact); /* in place, and each digest is the next input */
        CHECK_BYTES(exact, portable, 32);
    }
    free(exact);
    printf("SHA instructions: %s\n", ilp_sha256_accelerated() ? "used" : "absent, both ways are the portable one");
    return 0;
}
