#define _GNU_SOURCE
#include "ilp_pool.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

typedef struct size_class {
    ilp_buffer *free;  /* last put, first got */
    uint8_t *memory;   /* one mapping for all buffers of the class */
    uint32_t capacity; /* bytes of data per buffer */
    uint32_t stride;
    uint32_t count;
    uint32_t fresh; /* buffers never handed out so far: their pages are untouched */
} size_class;

struct ilp_pool {
    size_class tiny;
    size_class small;
    size_class large;
    uint32_t in_use;
};

static int size_class_open(size_class *class, uint32_t capacity, uint32_t count) {
    class->free = NULL;
    class->capacity = capacity;
    class->stride = (uint32_t)((sizeof(ilp_buffer) + capacity + 63u) & ~63u);
    class->count = count;
    class->fresh = 0;
    class->memory = NULL;
    if (count == 0) return 0;
    void *memory =
        mmap(NULL, (size_t)class->stride * count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return -1;
    /* One TLB entry for a thousand buffers instead of two; the kernel may decline. */
    madvise(memory, (size_t)class->stride * count, MADV_HUGEPAGE);
    class->memory = memory;
    return 0;
}

static void size_class_close(size_class *class) {
    if (class->memory) munmap(class->memory, (size_t)class->stride * class->count);
}

static ilp_buffer *size_class_get(size_class *class) {
    ilp_buffer *buffer = class->free;
    if (buffer) {
        class->free = buffer->next;
    } else if (class->fresh < class->count) {
        buffer = (ilp_buffer *)(class->memory + (size_t)class->stride * class->fresh++);
        buffer->cap = class->capacity;
        buffer->in_use = 0;
    } else {
        return NULL;
    }
    assert(!buffer->in_use);
    buffer->next = NULL;
    buffer->len = 0;
    buffer->offset = 0;
    buffer->in_use = 1;
    return buffer;
}

ilp_pool *ilp_pool_new(uint32_t small_count, uint32_t large_count) {
    ilp_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    if (size_class_open(&pool->tiny, ILP_BUFFER_TINY, small_count) ||
        size_class_open(&pool->small, ILP_BUFFER_SMALL, small_count) ||
        size_class_open(&pool->large, ILP_BUFFER_LARGE, large_count)) {
        ilp_pool_free(pool);
        return NULL;
    }
    return pool;
}

void ilp_pool_free(ilp_pool *pool) {
    size_class_close(&pool->tiny);
    size_class_close(&pool->small);
    size_class_close(&pool->large);
    free(pool);
}

ilp_buffer *ilp_pool_get(ilp_pool *pool, uint32_t size) {
    ilp_buffer *buffer = NULL;
    if (size <= ILP_BUFFER_TINY) buffer = size_class_get(&pool->tiny);
    if (!buffer && size <= ILP_BUFFER_SMALL) buffer = size_class_get(&pool->small);
    if (!buffer && size <= ILP_BUFFER_LARGE) buffer = size_class_get(&pool->large);
    if (buffer) pool->in_use++;
    return buffer;
}

void ilp_pool_put(ilp_pool *pool, ilp_buffer *buffer) {
    if (!buffer) return;
    assert(buffer->in_use);
    buffer->in_use = 0;
    size_class *class = buffer->cap == ILP_BUFFER_TINY    ? &pool->tiny
                        : buffer->cap == ILP_BUFFER_SMALL ? &pool->small
                                                          : &pool->large;
    buffer->next = class->free;
    class->free = buffer;
    pool->in_use--;
}

uint32_t ilp_pool_in_use(const ilp_pool *pool) { return pool->in_use; }
