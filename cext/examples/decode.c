/* Print the fields of one ILP packet, given as hex: an example of the C interface (ilprouter.h). Compiles as C and as C++.
 *
 *   make libilpkernel.a as the project's build does (setup.py build_clib), then
 *   cc -Icext/include -Icext/kernel cext/examples/decode.c path/to/libilpkernel.a -o decode
 *   ./decode 0d21 117b434f1a54e9044f4f54923b2cff9e4a6d420ae281d5025d7bb040c4b4c04a 00
 *
 * Exit codes: 0 printed, 1 no valid packet, 2 no hex. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ilprouter.h"

/* Append the bytes that `hex` stands for. Returns false for anything but pairs of hex digits, or when `out` is full. */
static bool append_hex(const char *hex, uint8_t *out, size_t cap, size_t *len) {
    for (; *hex; hex += 2) {
        unsigned value = 0;
        for (int i = 0; i < 2; i++) {
            const char *digits = "0123456789abcdef";
            const char *digit = hex[i] ? strchr(digits, hex[i] | 0x20) : NULL;
            if (!digit) return false;
            value = value << 4 | (unsigned)(digit - digits);
        }
        if (*len == cap) return false;
        out[(*len)++] = (uint8_t)value;
    }
    return true;
}

static void print_hex(const char *name, const uint8_t *at, size_t len) {
    printf("%s: ", name);
    for (size_t i = 0; i < len; i++) printf("%02x", at[i]);
    printf("\n");
}

/* Text from the network is shown with everything but plain ASCII escaped: a packet must not drive a terminal. */
static void print_text(const char *name, ilp_bytes_view view) {
    printf("%s: ", name);
    for (uint32_t i = 0; i < view.len; i++)
        view.at[i] >= ' ' && view.at[i] <= '~' ? printf("%c", view.at[i]) : printf("\\x%02x", view.at[i]);
    printf("\n");
}

static int print_prepare(const uint8_t *packet, size_t len) {
    ilp_prepare_view view;
    if (ilp_prepare_parse(packet, len, &view) != ILP_OK) return 1;
    printf("type: prepare\namount: %" PRIu64 "\nexpires_at_ms: %" PRId64 "\n", view.amount, view.expires_at_ms);
    print_hex("execution_condition", view.condition_view, 32);
    print_text("destination", view.destination);
    print_hex("data", view.data.at, view.data.len);
    printf("canonical: %s\n", view.canonical ? "yes" : "no");
    return 0;
}

static int print_fulfill(const uint8_t *packet, size_t len) {
    ilp_fulfill_view view;
    uint8_t condition[32];
    if (ilp_fulfill_parse(packet, len, &view) != ILP_OK) return 1;
    ilp_sha256_32(view.fulfillment_view, condition);
    printf("type: fulfill\n");
    print_hex("fulfillment", view.fulfillment_view, 32);
    print_hex("fulfils condition", condition, 32);
    print_hex("data", view.data.at, view.data.len);
    printf("canonical: %s\n", view.canonical ? "yes" : "no");
    return 0;
}

static int print_reject(const uint8_t *packet, size_t len) {
    ilp_reject_view view;
    ilp_bytes_view code;
    if (ilp_reject_parse(packet, len, &view) != ILP_OK) return 1;
    code.at = view.code_view;
    code.len = 3;
    printf("type: reject\n");
    print_text("code", code);
    print_text("triggered_by", view.triggered_by);
    print_text("message", view.message);
    print_hex("data", view.data.at, view.data.len);
    printf("canonical: %s\n", view.canonical ? "yes" : "no");
    return 0;
}

int main(int argc, char **argv) {
    static uint8_t packet[2 * ILP_REJECT_MAX];
    size_t len = 0;
    int result = 1;
    for (int i = 1; i < argc; i++) {
        if (!append_hex(argv[i], packet, sizeof packet, &len)) {
            fprintf(stderr, "decode: argument %d is not hex, or too long\n", i);
            return 2;
        }
    }
    if (len == 0) {
        fprintf(stderr, "usage: decode HEX...\n");
        return 2;
    }
    if (packet[0] == ILP_PREPARE) result = print_prepare(packet, len);
    if (packet[0] == ILP_FULFILL) result = print_fulfill(packet, len);
    if (packet[0] == ILP_REJECT) result = print_reject(packet, len);
    if (result) fprintf(stderr, "decode: %zu bytes are no valid ILPv4 packet\n", len);
    return result;
}
