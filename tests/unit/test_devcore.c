/* The device framework: clock, ports, wires, device creation and field tables, state hash. */
#include <time.h>

#include "base/check.h"
#include "mmu/phys.h"
#include "tests/unit/devtest.h"

/* ---- hash ---- */

static void test_hash(void **state)
{
    u8 data[300];
    struct hash whole, parts, other;
    (void)state;
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (u8)(i * 31);
    hash_init(&whole);
    hash_bytes(&whole, data, sizeof(data));
    for (size_t cut = 0; cut <= sizeof(data); cut += 7) {
        hash_init(&parts);
        hash_bytes(&parts, data, cut);
        hash_bytes(&parts, data + cut, sizeof(data) - cut);
        assert_true(hash_value(&parts) == hash_value(&whole));
    }
    for (unsigned i = 0; i < sizeof(data) * 8; i++) { /* each bit matters */
        data[i / 8] ^= (u8)(1 << i % 8);
        hash_init(&other);
        hash_bytes(&other, data, sizeof(data));
        assert_true(hash_value(&other) != hash_value(&whole));
        data[i / 8] ^= (u8)(1 << i % 8);
    }
    hash_init(&other); /* so does the length */
    hash_bytes(&other, "\0", 1);
    hash_init(&parts);
    hash_bytes(&parts, "\0\0", 2);
    assert_true(hash_value(&other) != hash_value(&parts));
    hash_init(&other);
    hash_uint(&other, 0x0807060504030201, 8);
    hash_init(&parts);
    hash_bytes(&parts, "\1\2\3\4\5\6\7\10", 8);
    assert_true(hash_value(&other) == hash_value(&parts));
    assert_true(hash_value(&other) == 0xccc037362ee88ae9ull); /* the same on every host, forever */
}

static void test_hash_speed(void **state)
{
    const size_t size = 64u << 20;
    u8 *data = calloc(1, size);
    struct hash h;
    clock_t start = clock();
    (void)state;
    assert_non_null(data);
    hash_init(&h);
    hash_bytes(&h, data, size);
    print_message("hashed %llx, %.0f MB/s\n", (unsigned long long)hash_value(&h),
                  (double)size / 1e6 / ((double)(clock() - start + 1) / CLOCKS_PER_SEC));
    free(data);
}

/* ---- clock ---- */

struct fired {
    char order[32];
    size_t count;
    struct timer a, b, c;
    struct clock *clk;
};

static void fire(struct fired *f, char name)
{
    f->order[f->count++] = name;
    f->order[f->count] = 0;
}

static void on_a(void *opaque)
{
    fire(opaque, 'a');
}

static void on_b(void *opaque)
{
    fire(opaque, 'b');
}

static void on_c(void *opaque)
{
    struct fired *f = opaque;
    fire(f, 'c');
    if (f->count < 5)
        timer_arm(&f->c, f->c.deadline + 10);
}

static void test_timers(void **state)
{
    struct devtest *t = dt_open();
    struct fired f = {.clk = &t->clk};
    (void)state;
    timer_init(&f.a, &t->clk, on_a, &f);
    timer_init(&f.b, &t->clk, on_b, &f);
    timer_init(&f.c, &t->clk, on_c, &f);
    timer_arm(&f.b, 100);
    assert_int_equal(t->deadline_changes, 1);
    timer_arm(&f.a, 100); /* same time, made first: fires first; not nearer: no notice */
    assert_int_equal(t->deadline_changes, 1);
    timer_arm(&f.c, 90);
    assert_int_equal(t->deadline_changes, 2);
    assert_int_equal(clock_next_deadline(&t->clk), 90);
    dt_step(t, 99);
    assert_string_equal(f.order, "c");
    dt_step(t, 1);
    assert_string_equal(f.order, "cabc");
    timer_cancel(&f.c);
    timer_arm(&f.a, 50); /* in the past */
    dt_step(t, 0);
    assert_string_equal(f.order, "cabca");
    assert_true(clock_next_deadline(&t->clk) == CLOCK_NEVER);
    dt_close(t);
}

static void test_scale(void **state)
{
    struct devtest *t = dt_open();
    struct fired f = {.clk = &t->clk};
    (void)state;
    timer_init(&f.a, &t->clk, on_a, &f);
    t->ticks = 1000;
    clock_set_scale(&t->clk, 1, 3); /* three instructions a nanosecond */
    assert_int_equal(clock_now(&t->clk), 1000);
    timer_arm(&f.a, 1010);
    assert_int_equal(clock_next_ticks(&t->clk), 1030);
    t->ticks = 1029;
    assert_int_equal(clock_now(&t->clk), 1009);
    t->ticks = 1030;
    assert_int_equal(clock_now(&t->clk), 1010);
    clock_set_scale(&t->clk, 7, 2);
    t->ticks = 1032;
    assert_int_equal(clock_now(&t->clk), 1017);
    timer_arm(&f.a, 1018);
    assert_int_equal(clock_next_ticks(&t->clk), 1033);
    timer_arm(&f.a, CLOCK_NEVER - 1);
    assert_true(clock_next_ticks(&t->clk) > UINT64_MAX / 4);
    dt_close(t);
}

/* ---- ports ---- */

struct seen {
    char text[128];
};

static u32 seen_read(void *opaque, u16 port, unsigned size)
{
    struct seen *s = opaque;
    sprintf(s->text + strlen(s->text), "r%x.%u ", port, size);
    return 0xa1b2c300u + (port & 0xff);
}

static void seen_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct seen *s = opaque;
    sprintf(s->text + strlen(s->text), "w%x.%u=%x ", port, size, value);
}

static const struct io_ops bytes = {seen_read, seen_write, 0, 0};
static const struct io_ops words = {seen_read, seen_write, 2, 2};
static const struct io_ops any = {seen_read, seen_write, 1, 4};

static void check_seen(struct seen *s, const char *wanted)
{
    assert_string_equal(s->text, wanted);
    s->text[0] = 0;
}

static void test_ports(void **state)
{
    struct devtest *t = dt_open();
    struct seen s = {""}, over = {""};
    (void)state;
    bus_claim_io(t->bus, 0x100, 2, &bytes, &s);
    bus_claim_io(t->bus, 0x200, 4, &words, &s);
    bus_claim_io(t->bus, 0x300, 1, &any, &s);
    dt_script(t, "in 400 ff; inw 400 ffff; inl ffff ffffffff; outl fffe 12345678");
    dt_script(t, "inw 100 100; inl 100 ffff0100; outl 100 44332211"); /* the rest is unclaimed */
    check_seen(&s, "r100.1 r101.1 r100.1 r101.1 w100.1=11 w101.1=22 ");
    dt_script(t, "in 200 ff; out 200 1; inl 200 c302c300; outw 202 beef");
    check_seen(&s, "r200.2 r202.2 w202.2=beef ");
    dt_script(t, "inl 300 a1b2c300; inw 300 c300; out 300 7"); /* a wide register at one port */
    check_seen(&s, "r300.4 r300.2 w300.1=7 ");
    bus_claim_io(t->bus, 0x101, 1, &bytes, &over); /* a later claim hides the earlier */
    dt_script(t, "inw 100 100");
    check_seen(&s, "r100.1 ");
    check_seen(&over, "r101.1 ");
    bus_release_io(t->bus, 0x101, &bytes, &over);
    dt_script(t, "inw 100 100");
    check_seen(&s, "r100.1 r101.1 ");
    bus_release_io(t->bus, 0x100, &bytes, &s);
    dt_script(t, "inw 100 ffff");
    bus_claim_io(t->bus, 0xffff, 1, &bytes, &s);
    dt_script(t, "inl ffff ffffffff&ffffff00"); /* wraps */
    dt_close(t);
}

static void test_dma(void **state)
{
    struct clock clk;
    struct phys *phys = phys_new(2 << 20);
    u8 buf[4] = {1, 2, 3, 4};
    (void)state;
    clock_init(&clk);
    struct bus *bus = bus_create(&clk, NULL, phys);
    assert_true(bus_dma_write(bus, 0x1fe, buf, 4));
    memset(buf, 0, 4);
    assert_true(bus_dma_read(bus, 0x1fe, buf, 4));
    assert_int_equal(buf[3], 4);
    assert_false(bus_dma_read(bus, 0x10000000, buf, 4));
    assert_int_equal(buf[0], 0xff);
    bus_destroy(bus);
    phys_free(phys);
}

/* ---- devices ---- */

struct inner {
    u16 word;
    s8 small;
};

struct toy {
    struct dev dev;
    u32 iobase;
    bool loud;
    const char *label;
    void *object;
    u8 bytes[3];
    s32 number;
    u64 big;
    bool flag;
    struct inner inner[2];
    struct timer timer;
    u8 *memory;
    u32 memory_size;
};

static const struct field inner_fields[] = {
    FIELD(struct inner, word),
    FIELD(struct inner, small),
    FIELD_END,
};

static const struct field toy_fields[] = {
    FIELD_ARRAY(struct toy, bytes),
    FIELD(struct toy, number),
    FIELD(struct toy, big),
    FIELD(struct toy, flag),
    FIELD_SUBS(struct toy, inner, inner_fields),
    FIELD(struct toy, timer),
    FIELD_MEM(struct toy, memory, memory_size),
    FIELD_END,
};

static const struct prop toy_props[] = {
    PROP_U32(struct toy, iobase, "0x10"),
    PROP_BOOL(struct toy, loud, NULL),
    PROP_STR(struct toy, label, "none"),
    PROP_OBJECT(struct toy, object, "thing"),
    PROP_END,
};

static const char *toy_init(struct dev *dev, struct bus *bus)
{
    struct toy *s = (struct toy *)dev;
    if (s->iobase == 13)
        return "unlucky";
    timer_init(&s->timer, bus->clock, on_a, s);
    s->memory_size = 64;
    s->memory = calloc(1, 64);
    return NULL;
}

static void toy_destroy(struct dev *dev)
{
    free(((struct toy *)dev)->memory);
}

static const struct dev_type toy_type = {
    .name = "toy",
    .size = sizeof(struct toy),
    .version = 1,
    .fields = toy_fields,
    .props = toy_props,
    .init = toy_init,
    .destroy = toy_destroy,
};

static void test_options(void **state)
{
    struct devtest *t = dt_open();
    int thing;
    char err[200] = "";
    (void)state;
    bus_add_object(t->bus, "thing", "it", &thing);
    struct toy *s = (struct toy *)dt_dev(t, &toy_type, NULL);
    assert_int_equal(s->iobase, 0x10);
    assert_string_equal(s->label, "none");
    assert_string_equal(s->dev.id, "toy");
    s = (struct toy *)dt_dev(t, &toy_type, "iobase=64K,loud,label=x y,object=it");
    assert_int_equal(s->iobase, 65536);
    assert_true(s->loud);
    assert_string_equal(s->label, "x y");
    assert_ptr_equal(s->object, &thing);
    assert_string_equal(s->dev.id, "toy.2");
    dt_dev(t, &toy_type, "id=mine");
    assert_ptr_equal(bus_find_dev(t->bus, "toy.2"), s);
    static const char *const bad[][2] = {
        {"color=red", "no property 'color'"},
        {"iobase=12x", "bad value '12x'"},
        {"iobase=-1", "bad value"},
        {"iobase=0x100000000", "bad value"},
        {"loud=maybe", "bad value"},
        {"object=them", "bad value"},
        {"id=mine", "taken"},
        {"iobase=13", "unlucky"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_null(dev_create(t->bus, &toy_type, bad[i][0], err, sizeof(err)));
        assert_non_null(strstr(err, bad[i][1]));
    }
    dt_close(t);
}

static void test_fields(void **state)
{
    struct devtest *t = dt_open();
    struct toy *s = (struct toy *)dt_dev(t, &toy_type, NULL);
    u64 seen[16];
    size_t n = 0;
    char *text;
    size_t size;
    (void)state;
#define CHANGE(statement)                                                                          \
    do {                                                                                           \
        seen[n++] = dt_hash(t);                                                                    \
        statement;                                                                                 \
    } while (0)
    CHANGE(s->bytes[2] = 5);
    CHANGE(s->number = -7);
    CHANGE(s->big = 1ull << 40);
    CHANGE(s->flag = true);
    CHANGE(s->inner[1].word = 0x1234);
    CHANGE(s->inner[1].small = -1);
    CHANGE(timer_arm(&s->timer, 1000));
    CHANGE(timer_arm(&s->timer, 1001));
    CHANGE(s->memory[63] = 1);
    CHANGE((void)0);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
    }
    s->iobase++; /* configuration is not state */
    assert_true(dt_hash(t) == seen[n - 1]);

    FILE *out = open_memstream(&text, &size);
    bus_dump(t->bus, out);
    fclose(out);
    assert_non_null(strstr(text, "toy.bytes = 0x0 0x0 0x5\n"
                                 "toy.number = -7\ntoy.big = 0x10000000000\n"));
    assert_non_null(strstr(text, "toy.inner[1].word = 0x1234\ntoy.inner[1].small = -1\n"));
    assert_non_null(strstr(text, "toy.timer = at 1001 ns\ntoy.memory = 64 bytes, hash "));
    free(text);
    dt_close(t);
}

static void test_wires(void **state)
{
    struct devtest *t = dt_open();
    struct irq_line line = bus_irq(t->bus, 5); /* before there is a controller */
    (void)state;
    irq_set(&line, true);
    assert_int_equal(bus_intack(t->bus), -1);
    bus_set_a20(t->bus, A20_KBC, true);
    bus_set_a20(t->bus, A20_PORT92, true);
    bus_set_a20(t->bus, A20_KBC, false);
    assert_true(t->a20);
    bus_set_a20(t->bus, A20_PORT92, false);
    assert_false(t->a20);
    bus_mask_nmi(t->bus, true);
    bus_nmi(t->bus);
    bus_mask_nmi(t->bus, false);
    assert_int_equal(t->nmis, 0);
    bus_nmi(t->bus);
    bus_nmi(t->bus);
    assert_int_equal(t->nmis, 2);
    dt_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),    cmocka_unit_test(test_hash_speed),
        cmocka_unit_test(test_timers),  cmocka_unit_test(test_scale),
        cmocka_unit_test(test_ports),   cmocka_unit_test(test_dma),
        cmocka_unit_test(test_options), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_wires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
