/* Trace files: what is written is read, from the beginning and from the index; what is damaged is
 * refused or ends where it is cut off. */
#include "base/bytes.h"
#include "machine/trace_code.h"
#include "tests/unit/devtest.h"

#include <stdlib.h>

#define EVENTS 40000

/* Of the file in this folder: instructions, accesses, the sums of their addresses. */
enum { OLD_INSNS = 477, OLD_ACCESSES = 237 };
#define OLD_EIP    0x1190dff40ull
#define OLD_LINEAR 0xd3577edull

static const char *old_file;

static u32 draw(u32 *seed)
{
    *seed = *seed * 1103515245u + 12345;
    return *seed >> 8;
}

/* Event n of a file that is always the same, in e; its data in room. */
static void make(u32 n, struct trace_event *e, u8 room[2 * 64])
{
    u32 seed = n * 7919;

    *e = (struct trace_event){.kind = (enum trace_kind)(n % 5), .tick = n / 5 * (n / 5000 + 1)};
    for (u32 i = 0; i < 2 * 64; i++)
        room[i] = (u8)draw(&seed);
    e->size = 1 + draw(&seed) % 64;
    e->data = room;
    e->write = draw(&seed) & 1;
    e->old = e->write ? room + 64 : NULL;
    e->linear = (u64)draw(&seed) << 4 | (n & 32 ? 0xffff800000000000 : 0);
    e->phys = (u64)draw(&seed) << PAGE_BITS | (e->linear & PAGE_MASK);
    e->eip = draw(&seed) % 512 + (n & 64 ? 0xffffffff80000000 : 0);
    e->len = (u8)(1 + e->eip % TRACE_MAX_INSN); /* of the same bytes at the same place */
    memset(e->bytes, (int)(e->eip & 0xff), e->len);
    switch (n % 5) {
    case 1: e->kind = TRACE_MEM; break;
    case 2: e->kind = TRACE_DMA; break;
    case 3: e->kind = TRACE_INT; break;
    case 4: e->kind = TRACE_PORT; break;
    default: break;
    }
    e->text = n % 2 ? "disk" : "";
    e->vec = (u8)n;
    e->how = n % 4;
    e->has_error = n % 3 == 0;
    e->error = e->has_error ? n : 0;
    e->port = (u16)n;
    e->value = n * 17;
}

static void write_all(FILE *f)
{
    struct trace_writer *w = trace_writer_new(f, "name=value\n");
    u64 regs[TRACE_REGS] = {0};
    struct trace_event e;
    u8 room[2 * 64];

    assert_non_null(w);
    for (u32 n = 0; n < EVENTS; n++) {
        make(n, &e, room);
        regs[n % TRACE_REGS] = n % TRACE_REGS == TREG_cs_base ? 0 : (u64)n * n * n;
        trace_put_regs(w, TRACE_SYNC, e.tick, regs, false);
        trace_put(w, &e);
    }
    assert_true(trace_writer_end(w));
}

static void check(const struct trace_event *got, u32 n)
{
    struct trace_event e;
    u8 room[2 * 64];

    make(n, &e, room);
    assert_int_equal(got->kind, e.kind);
    assert_int_equal(got->tick, e.tick);
    if (e.kind == TRACE_INSN) {
        assert_int_equal(got->eip, e.eip);
        assert_int_equal(got->len, e.len);
        assert_memory_equal(got->bytes, e.bytes, e.len);
    } else if (e.kind == TRACE_INT) {
        assert_int_equal(got->vec, e.vec);
        assert_int_equal(got->how, e.how);
        assert_int_equal(got->error, e.error);
    } else if (e.kind == TRACE_PORT) {
        assert_int_equal(got->port, e.port);
        assert_int_equal(got->value, e.value);
    } else {
        assert_int_equal(got->phys, e.phys);
        assert_int_equal(got->size, e.size);
        assert_int_equal(got->write, e.write);
        assert_memory_equal(got->data, e.data, e.size);
        assert_int_equal(!got->old, !e.old);
        if (e.old)
            assert_memory_equal(got->old, e.old, e.size);
    }
    if (e.kind == TRACE_MEM)
        assert_int_equal(got->linear, e.linear);
    if (e.kind == TRACE_DMA)
        assert_string_equal(got->text, e.text);
}

/* The next event that is no change of registers. */
static bool next(struct trace_reader *r, struct trace_event *e)
{
    while (trace_next(r, e))
        if (e->kind != TRACE_SYNC)
            return true;
    return false;
}

static struct trace_reader *reader_of(const void *data, size_t n)
{
    char err[128] = "";
    FILE *f = tmpfile();

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    return trace_reader_new(f, err, sizeof(err));
}

static u8 *file(size_t *n)
{
    char *data = NULL;
    FILE *f = open_memstream(&data, n);

    write_all(f);
    fclose(f);
    return (u8 *)data;
}

static void test_same(void **state)
{
    size_t n;
    u8 *data = file(&n);
    struct trace_reader *r = reader_of(data, n);
    struct trace_event e;

    (void)state;
    assert_non_null(r);
    assert_string_equal(trace_text(r), "name=value\n");
    assert_true(trace_is_whole(r));
    assert_true(trace_chunks(r) > 4);
    for (u32 i = 0; i < EVENTS; i++) {
        assert_true(next(r, &e));
        check(&e, i);
        u32 reg = i % TRACE_REGS;
        if (reg != TREG_cs_base && reg != TREG_eip)
            assert_true(trace_regs(r)[reg] == (u64)i * i * i);
    }
    assert_false(next(r, &e));
    assert_null(trace_error(r));
    trace_reader_free(r);
    free(data);
}

static void test_seek(void **state)
{
    size_t n;
    u8 *data = file(&n);
    struct trace_reader *r = reader_of(data, n);
    struct trace_event e, want;
    u8 room[2 * 64];

    (void)state;
    for (u32 i = EVENTS; i >= 5000; i -= 5000) {
        make(i - 1, &want, room);
        assert_true(trace_seek(r, want.tick));
        do
            assert_true(next(r, &e));
        while (e.tick < want.tick);
        assert_int_equal(e.tick, want.tick);
    }
    trace_reader_free(r);
    free(data);
}

static void test_damage(void **state)
{
    size_t n;
    u8 *data = file(&n);
    struct trace_event e;
    struct trace_reader *r = reader_of(data, n / 2);
    u32 seen = 0;

    (void)state;
    assert_false(trace_is_whole(r));
    for (; next(r, &e); seen++)
        check(&e, seen);
    assert_null(trace_error(r));
    assert_true(seen > EVENTS / 4);
    trace_reader_free(r);
    data[n / 2] ^= 1;
    r = reader_of(data, n);
    while (next(r, &e))
        continue;
    assert_non_null(trace_error(r));
    trace_reader_free(r);
    data[8] ^= 2; /* the version */
    assert_null(reader_of(data, n));
    assert_null(reader_of(data, 10));
    free(data);
}

/* A file that version 1 has written: it has no bits above 32, whose differences are not told. */
static void test_version_1(void **state)
{
    char err[128] = "";
    FILE *f = fopen(old_file, "rb");
    struct trace_reader *r;
    struct trace_event e;
    u64 insns = 0, accesses = 0, eip = 0, linear = 0;

    (void)state;
    assert_non_null(f);
    r = trace_reader_new(f, err, sizeof(err));
    assert_string_equal(err, "");
    while (trace_next(r, &e)) {
        insns += e.kind == TRACE_INSN;
        accesses += e.kind == TRACE_MEM;
        eip += e.kind == TRACE_INSN ? e.eip : 0;
        linear += e.kind == TRACE_MEM ? e.linear : 0;
    }
    assert_null(trace_error(r));
    assert_int_equal(insns, OLD_INSNS);
    assert_int_equal(accesses, OLD_ACCESSES);
    assert_int_equal(eip, OLD_EIP);
    assert_int_equal(linear, OLD_LINEAR);
    trace_reader_free(r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_seek),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_version_1),
    };

    if (argc != 2)
        return 2;
    old_file = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
