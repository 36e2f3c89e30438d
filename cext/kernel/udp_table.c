/* Addresses: parsing numeric ones, and the open-addressing table of known senders. Owns no socket; see udp_batch.h. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "udp_batch.h"

int udp_address_set(udp_address *out, const char *host, uint16_t port) {
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return 0;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return 0;
    }
    return -1;
}

static bool same(const udp_address *a, const udp_address *b) {
    if (a->any.sa_family != b->any.sa_family) return false;
    if (a->any.sa_family == AF_INET) return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port && memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0;
}

static uint64_t hash(const udp_table *table, const udp_address *address) {
    uint64_t high = 0, low;
    if (address->any.sa_family == AF_INET) {
        low = (uint64_t)address->v4.sin_addr.s_addr << 16 | address->v4.sin_port;
    } else {
        memcpy(&high, &address->v6.sin6_addr, 8);
        memcpy(&low, (const uint8_t *)&address->v6.sin6_addr + 8, 8);
        high ^= (uint64_t)address->v6.sin6_port << 32;
    }
    unsigned __int128 product = (unsigned __int128)(low ^ table->key) * (high ^ 0x9e3779b97f4a7c15ull);
    uint64_t mixed = (uint64_t)product ^ (uint64_t)(product >> 64);
    return mixed ^ mixed >> 29;
}

int udp_table_init(udp_table *table, uint64_t key) {
    table->capacity = 16;
    table->used = 0;
    table->key = key;
    table->entries = calloc(table->capacity, sizeof *table->entries);
    return table->entries ? 0 : -1;
}

void udp_table_free(udp_table *table) {
    free(table->entries);
    table->entries = NULL;
    table->capacity = 0;
}

static udp_entry *place(const udp_table *table, const udp_address *address) {
    uint64_t i = hash(table, address);
    while (true) {
        udp_entry *entry = &table->entries[i & (table->capacity - 1)];
        if (!entry->value || same(&entry->address, address)) return entry;
        i++;
    }
}

void *udp_table_find(const udp_table *table, const udp_address *address) { return place(table, address)->value; }

static int rehash(udp_table *table, uint32_t capacity) {
    udp_table fresh = {.capacity = capacity, .used = table->used, .key = table->key};
    fresh.entries = calloc(capacity, sizeof *fresh.entries);
    if (!fresh.entries) return -1;
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->entries[i].value) *place(&fresh, &table->entries[i].address) = table->entries[i];
    }
    free(table->entries);
    *table = fresh;
    return 0;
}

int udp_table_add(udp_table *table, const udp_address *address, void *value) {
    if (udp_table_find(table, address)) return -1;
    if ((table->used + 1) * 2 > table->capacity && rehash(table, table->capacity * 2)) return -1;
    *place(table, address) = (udp_entry){.address = *address, .value = value};
    table->used++;
    return 0;
}

void udp_table_remove(udp_table *table, const udp_address *address) {
    udp_entry *entry = place(table, address);
    if (!entry->value) return;
    entry->value = NULL;
    table->used--;
    /* Later entries of the same chain must stay reachable: take each out and place it again. */
    uint32_t i = (uint32_t)(entry - table->entries);
    while (table->entries[i = (i + 1) & (table->capacity - 1)].value) {
        udp_entry moved = table->entries[i];
        table->entries[i].value = NULL;
        *place(table, &moved.address) = moved;
    }
}
