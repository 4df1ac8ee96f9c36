/* Mutation of bus scripts. What is inserted comes from drivers.h; numbers change by libFuzzer's own
 * mutator, which knows the constants that they have been compared with. */
#include "tests/fuzz/mutate.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

void ops_parse(struct ops *to, const u8 *text, size_t size)
{
    char line[OP_LINE];

    to->count = 0;
    while (size && to->count < OPS_MAX) {
        const u8 *end = memchr(text, '\n', size);
        size_t len = end ? (size_t)(end - text) : size, all = end ? len + 1 : len;
        if (len < sizeof(line)) {
            struct op *op = &to->op[to->count];
            memcpy(line, text, len);
            line[len] = 0;
            to->count += op_parse(line, op) && op->kind != OP_NONE;
        }
        text += all;
        size -= all;
    }
}

size_t ops_print(const struct ops *from, u8 *text, size_t max)
{
    char line[OP_LINE];
    size_t size = 0;

    for (unsigned i = 0; i < from->count; i++) {
        size_t len = op_print(&from->op[i], line);
        if (size + len + 1 > max)
            break;
        memcpy(text + size, line, len);
        size += len;
        text[size++] = '\n';
    }
    return size;
}

static u32 below(u64 *random, u32 limit)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return limit ? (u32)(*random >> 33) % limit : 0;
}

static void insert(struct ops *ops, unsigned at, const struct op *op, unsigned count)
{
    if (count > OPS_MAX - ops->count)
        count = OPS_MAX - ops->count;
    memmove(ops->op + at + count, ops->op + at, (ops->count - at) * sizeof(*op));
    memcpy(ops->op + at, op, count * sizeof(*op));
    ops->count += count;
}

static void cut(struct ops *ops, unsigned at, unsigned count)
{
    if (count > ops->count - at)
        count = ops->count - at;
    memmove(ops->op + at, ops->op + at + count, (ops->count - at - count) * sizeof(ops->op[0]));
    ops->count -= count;
}

/* What a driver does after the first `at` commands comes there. */
static void add_action(struct ops *ops, const struct places *places, unsigned at, u64 seed)
{
    struct ops *part = malloc(sizeof(*part));
    unsigned count;

    CHECK(part, "out of memory");
    part->count = at;
    memcpy(part->op, ops->op, at * sizeof(ops->op[0]));
    drivers_act(places, seed, part);
    count = part->count - at;
    insert(ops, at, part->op + at, count);
    free(part);
}

static void repeat(struct ops *ops, u64 *random)
{
    unsigned from = below(random, ops->count), count = 1 + below(random, 12);
    struct op piece[12];

    if (count > ops->count - from)
        count = ops->count - from;
    memcpy(piece, ops->op + from, count * sizeof(piece[0]));
    insert(ops, below(random, ops->count + 1), piece, count);
}

static void change_value(struct op *op, size_t (*number)(u8 *data, size_t size, size_t max))
{
    u8 bytes[8];
    unsigned size = op->size && op->size <= 4 ? op->size : 4;

    store_le(bytes, 8, op->value);
    number(bytes, size, size);
    op->value = load_le(bytes, size);
}

static void change_bytes(struct op *op, size_t (*number)(u8 *data, size_t size, size_t max))
{
    size_t size = number(op->bytes, op->size, op->kind == OP_MEM ? op->size : OP_BYTES);

    op->size = size ? (unsigned)size : 1;
}

/* Another number; another place, not far; the other direction. */
static void change(struct op *op, u64 *random, size_t (*number)(u8 *data, size_t size, size_t max))
{
    unsigned how = below(random, 8);

    op->expect = false;
    switch (op->kind) {
    case OP_OUT:
    case OP_IN:
    case OP_WRITE:
    case OP_READ:
        if (how == 0)
            op->at += below(random, 33) - 16u;
        else if (how == 1)
            op->size = 1u << below(random, 3);
        else if (how == 2)
            op->kind = op->kind == OP_OUT     ? OP_IN
                       : op->kind == OP_IN    ? OP_OUT
                       : op->kind == OP_WRITE ? OP_READ
                                              : OP_WRITE;
        else
            change_value(op, number);
        op->at &= op->kind == OP_OUT || op->kind == OP_IN ? 0xffff : UINT32_MAX;
        op->value &= op->size == 4 ? UINT32_MAX : (1u << 8 * op->size) - 1;
        break;
    case OP_OUTS:
    case OP_INS: op->times = below(random, how ? 600 : OP_TIMES); break;
    case OP_MEM: change_bytes(op, number); break;
    case OP_INPUTS: op->times = below(random, how ? 40 : 1100); break;
    case OP_INPUT:
        if (strncmp(op->name, "medium ", 7) != 0) /* no path to another file */
            change_bytes(op, number);
        break;
    case OP_STEP: op->at = 1ull << below(random, 26); break;
    case OP_RAISE:
    case OP_LOWER: op->at = below(random, BUS_GSIS); break;
    case OP_DEADLINE: op->at = below(random, 1u << 26); break;
    default: break;
    }
}

/* One reset is enough: firmware's work after it takes longer than all else that scripts do. */
static void drop_resets(struct ops *ops)
{
    unsigned resets = 0, kept = 0;

    for (unsigned i = 0; i < ops->count; i++) {
        resets += ops->op[i].kind == OP_RESET;
        if (ops->op[i].kind != OP_RESET || resets == 1)
            ops->op[kept++] = ops->op[i];
    }
    ops->count = kept;
}

void ops_mutate(struct ops *ops, const struct places *places, u64 seed,
                size_t (*number)(u8 *data, size_t size, size_t max))
{
    u64 random = seed * 2 + 1;
    unsigned times = 1 + below(&random, 4);

    while (times--) {
        unsigned how = below(&random, 16), at = below(&random, ops->count);
        if (!ops->count || how < 6)
            add_action(ops, places, below(&random, 2) ? ops->count : at, random ^ seed);
        else if (how < 9)
            cut(ops, at, 1 + below(&random, how == 6 ? 40 : 3));
        else if (how == 9)
            repeat(ops, &random);
        else
            change(&ops->op[at], &random, number);
    }
    drop_resets(ops);
}

void ops_cross(struct ops *into, const struct ops *from, u64 seed)
{
    u64 random = seed * 2 + 1;
    unsigned at = below(&random, from->count), count = 1 + below(&random, from->count - at);
    unsigned to = below(&random, into->count + 1);

    if (!from->count)
        return;
    if (below(&random, 2)) /* its end instead of the own one */
        into->count = to;
    insert(into, to, from->op + at, count);
    drop_resets(into);
}
