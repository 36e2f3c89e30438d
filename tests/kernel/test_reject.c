/* ilp_reject: the table is complete and fit to be sent, and what is made from it parses. */
#include "check.h"
#include "ilp_oer.h"
#include "ilp_reject.h"

static const char *code_of(int status) { return ilp_reject_lookup(status)->code; }

static void the_table_is_complete(void) {
    for (int status = ILP_REJECT_FIRST; status < ILP_REJECT_END; status++) {
        const ilp_reject_entry *entry = ilp_reject_lookup(status);
        CHECK_EQ(strlen(entry->code), 3);
        CHECK(strchr("FTR", entry->code[0]) != NULL);
        CHECK(strlen(entry->message) > 0 && strlen(entry->name) > 0);
        for (const char *c = entry->name; *c; c++) CHECK((*c >= 'a' && *c <= 'z') || *c == '_');
        for (const char *c = entry->message; *c; c++) CHECK(*c >= ' ' && *c <= '~');
        for (int other = ILP_REJECT_FIRST; other < status; other++)
            CHECK(strcmp(entry->name, ilp_reject_lookup(other)->name) != 0);
    }
    const ilp_reject_entry *internal = ilp_reject_lookup(ILP_INTERNAL_ERROR);
    CHECK(ilp_reject_lookup(ILP_OK) == internal && ilp_reject_lookup(-1) == internal &&
          ilp_reject_lookup(ILP_REJECT_END) == internal);
}

static void codes_of_the_rfc(void) {
    CHECK_BYTES(code_of(ILP_BAD_REQUEST), "F00", 4);
    CHECK_BYTES(code_of(ILP_INVALID_PACKET), "F01", 4);
    CHECK_BYTES(code_of(ILP_UNREACHABLE), "F02", 4);
    CHECK_BYTES(code_of(ILP_WRONG_CONDITION), "F05", 4);
    CHECK_BYTES(code_of(ILP_AMOUNT_TOO_LARGE), "F08", 4);
    CHECK_BYTES(code_of(ILP_INTERNAL_ERROR), "T00", 4);
    CHECK_BYTES(code_of(ILP_PEER_UNREACHABLE), "T01", 4);
    CHECK_BYTES(code_of(ILP_PEER_BUSY), "T02", 4);
    CHECK_BYTES(code_of(ILP_CONNECTOR_BUSY), "T03", 4);
    CHECK_BYTES(code_of(ILP_INSUFFICIENT_LIQUIDITY), "T04", 4);
    CHECK_BYTES(code_of(ILP_RATE_LIMITED), "T05", 4);
    CHECK_BYTES(code_of(ILP_TRANSFER_TIMED_OUT), "R00", 4);
    CHECK_BYTES(code_of(ILP_INSUFFICIENT_SOURCE_AMOUNT), "R01", 4);
    CHECK_BYTES(code_of(ILP_EXPIRED), "R02", 4);
}

static void rejects_are_small_and_parse(void) {
    uint8_t address[400];
    memset(address, 'x', sizeof address);
    memcpy(address, "g.", 2);
    ilp_bytes_view us = {address, sizeof address};
    for (int status = ILP_REJECT_FIRST; status < ILP_REJECT_END; status++) {
        uint8_t *out = malloc(512); /* the promise of ilp_reject.h */
        CHECK(out != NULL);
        ilp_reject_view view;
        size_t len = ilp_reject_make(out, 512, status, us, 1000, 999);
        CHECK(len > 0);
        CHECK_EQ(ilp_reject_parse(out, len, &view), ILP_OK);
        CHECK(view.canonical);
        CHECK_BYTES(view.code_view, code_of(status), 3);
        CHECK_EQ(view.triggered_by.len, sizeof address);
        CHECK_EQ(view.data.len, status == ILP_AMOUNT_TOO_LARGE ? ILP_F08_DATA_LEN : 0);
        if (status == ILP_AMOUNT_TOO_LARGE) {
            CHECK_EQ(ilp_oer_get_u64(view.data.at), 1000);
            CHECK_EQ(ilp_oer_get_u64(view.data.at + 8), 999);
        }
        CHECK_EQ(ilp_reject_make(out, len - 1, status, us, 1000, 999), 0);
        free(out);
    }
}

int main(void) {
    the_table_is_complete();
    codes_of_the_rfc();
    rejects_are_small_and_parse();
    return 0;
}
