/* The DMA controllers: registers, pages, modes, counts, directions, and what they never reach. */
#include "tests/unit/devtest.h"

#include "devices/i8237.h"

#define RAM (2u << 20)

static struct devtest *open_dma(struct dev **dma)
{
    struct devtest *t = dt_open();

    t->bus->phys = phys_new(RAM);
    assert_non_null(t->bus->phys);
    *dma = dt_dev(t, &dev_i8237, NULL);
    assert_ptr_equal(*dma, i8237_find(t->bus));
    dt_script(t, "out d6 c0; out d4 0"); /* cascade open */
    return t;
}

static void close_dma(struct devtest *t)
{
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
}

static void on_grant(void *opaque)
{
    ++*(unsigned *)opaque;
}

static u32 move(struct dev *dma, unsigned channel, void *buf, u32 len, bool to_device, bool tc)
{
    bool is;
    u32 moved = i8237_transfer(dma, channel, buf, len, to_device, &is);
    assert_int_equal(is, tc);
    return moved;
}

static void test_registers(void **state)
{
    struct dev *dma;
    struct devtest *t = open_dma(&dma);

    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        char script[200];
        snprintf(script, sizeof(script),
                 "out c 0; out %x 34; out %x 12; in %x 34; in %x 12; out %x 78; out %x 56; in %x "
                 "78; in %x 56; in %x 34",
                 2 * n, 2 * n, 2 * n, 2 * n, 2 * n + 1, 2 * n + 1, 2 * n + 1, 2 * n + 1, 2 * n);
        dt_script(t, script);
        snprintf(script, sizeof(script),
                 "out d8 0; out %x cd; out %x ab; in %x cd; in %x ab; out %x ef; out %x 01; "
                 "in %x ef; in %x 01",
                 0xc0 + 4 * n, 0xc0 + 4 * n, 0xc0 + 4 * n, 0xc0 + 4 * n, 0xc2 + 4 * n, 0xc2 + 4 * n,
                 0xc2 + 4 * n, 0xc2 + 4 * n);
        dt_script(t, script);
    }
    /* The flip-flop is one for all registers of a controller; a clear makes it low. */
    dt_script(t, "out c 0; out 0 11; out 2 22; out c 0; in 0 11; in 2 22; in 0 11");
    dt_script(t, "out c 0; out 10 77; out 10 66; in 0 77; in 0 66"); /* the alias */
    /* Masks: single, all, clear, master clear. */
    dt_script(t, "in f ff; out e 0; in f f0; out a 6; in f f4; out f b; in f fb; out a 1; in f f9");
    dt_script(t, "out e 0; out 8 4; out d 0; in f ff; in 8 0; in d 0; in de fe");
    /* Pages keep all bits, at 80h and 90h. */
    dt_script(t, "out 81 5a; in 81 5a; in 91 5a; out 9f 12; in 8f 12; out 80 99; in 80 99");
    bus_reset(t->bus);
    dt_script(t, "in 81 0; in 0 0; in f ff; in de ff");
    close_dma(t);
}

static void test_write_and_read(void **state)
{
    struct dev *dma;
    struct devtest *t = open_dma(&dma);
    u8 data[16], back[16];

    (void)state;
    for (unsigned i = 0; i < 16; i++)
        data[i] = (u8)(i + 1);
    /* Channel 2 to 12345h, 12 bytes: terminal count with the twelfth. */
    dt_script(t, "out b 46; out 81 1; out c 0; out 4 45; out 4 23; out 5 b; out 5 0");
    assert_int_equal(move(dma, 2, data, 16, false, false), 0); /* masked */
    i8237_request(dma, 2, true);
    dt_script(t, "in 8 40; out a 2");
    assert_int_equal(move(dma, 2, data, 5, false, false), 5);
    dt_script(t, "in 8 40; in 4 4a; in 4 23; in 5 6; in 5 0");
    assert_int_equal(move(dma, 2, data + 5, 11, false, true), 7);
    dt_script(t, "in f f&4; in f 4&4"); /* masked by terminal count */
    dt_script(t, "in 5 ff; in 5 ff; in 8 44; in 8 40");
    assert_true(bus_dma_read(t->bus, 0x12345, back, 12));
    assert_memory_equal(back, data, 12);
    i8237_request(dma, 2, false);
    dt_script(t, "in 8 0");

    /* Back, with autoinit: the count starts again and the mask stays open. */
    dt_script(t, "out b 5a; out 81 1; out c 0; out 4 45; out 4 23; out 5 3; out 5 0; out a 2");
    memset(back, 0, sizeof(back));
    assert_int_equal(move(dma, 2, back, 16, true, true), 4);
    assert_memory_equal(back, data, 4);
    dt_script(t, "in 4 45; in 4 23; in 5 3; in 5 0; in f 0&4; in 8 4");
    assert_int_equal(move(dma, 2, back + 4, 2, true, false), 2);
    assert_memory_equal(back + 4, data, 2);
    close_dma(t);
}

static void test_directions(void **state)
{
    struct dev *dma;
    struct devtest *t = open_dma(&dma);
    u8 data[4] = {1, 2, 3, 4}, out[4];

    (void)state;
    dt_script(t, "wr 10000 a5a5a5a5; out 83 1; out a 1");
    dt_script(t, "out b 41; out c 0; out 2 0; out 2 0; out 3 7; out 3 0"); /* verify */
    assert_int_equal(move(dma, 1, data, 4, false, false), 4);
    dt_script(t, "rd 10000 a5a5a5a5; in 3 3; in 3 0");
    assert_int_equal(move(dma, 1, out, 4, true, true), 4);
    assert_memory_equal(out, "\xff\xff\xff\xff", 4);
    dt_script(t, "out b 49; out c 0; out 2 0; out 2 0; out 3 7; out 3 0; out a 1"); /* read */
    assert_int_equal(move(dma, 1, data, 4, false, false), 4); /* against the direction */
    dt_script(t, "rd 10000 a5a5a5a5");
    dt_script(t, "out b 45; out c 0; out 2 0; out 2 0; out 3 7; out 3 0; out a 1"); /* write */
    assert_int_equal(move(dma, 1, out, 4, true, false), 4);
    dt_script(t, "rd 10000 a5a5a5a5");
    close_dma(t);
}

static void test_decrement_and_wrap(void **state)
{
    struct dev *dma;
    struct devtest *t = open_dma(&dma);
    u8 data[4] = {1, 2, 3, 4};

    (void)state;
    dt_script(t, "out b 65; out 83 1; out c 0; out 2 3; out 2 80; out 3 3; out 3 0; out a 1");
    assert_int_equal(move(dma, 1, data, 4, false, true), 4);
    dt_script(t, "rd 18000 01020304");
    /* The page does not count: FFFF is followed by 0 of the same 64 KiB. */
    dt_script(t, "out b 45; out c 0; out 2 fe; out 2 ff; out 3 3; out 3 0; out a 1");
    dt_script(t, "wr 1fffc 0; wr 20000 77777777; wr 10000 0");
    assert_int_equal(move(dma, 1, data, 4, false, true), 4);
    dt_script(t, "rd 1fffc 02010000; rd 10000 00000403; rd 20000 77777777");
    /* A count of FFFF is 65536 units. */
    dt_script(t, "out b 41; out c 0; out 3 ff; out 3 ff; out a 1");
    u8 *large = calloc(1, 70000);
    assert_int_equal(move(dma, 1, large, 70000, false, true), 65536);
    free(large);
    close_dma(t);
}

static void test_words(void **state)
{
    struct dev *dma;
    struct devtest *t = open_dma(&dma);
    u8 data[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    /* Channel 5, page 13h: bit 0 is not used; address 8001h is byte 10002h of 120000h. */
    dt_script(t,
              "out d6 45; out 8b 13; out d8 0; out c4 1; out c4 80; out c6 2; out c6 0; out d4 1");
    i8237_request(dma, 5, true);
    dt_script(t, "in d0 20");
    assert_int_equal(move(dma, 5, data, 8, false, true), 6);
    dt_script(t, "rd 130002 04030201; rd 130006 00000605; in d0 22; in d0 20");
    assert_int_equal(move(dma, 5, data, 1, false, false), 0); /* half a word */
    /* Downwards words stay words. */
    dt_script(t, "out d6 65; out d8 0; out c4 1; out c4 0; out c6 1; out c6 0; out d4 1");
    assert_int_equal(move(dma, 5, data, 4, false, true), 4);
    dt_script(t, "rd 120000 02010403");
    close_dma(t);
}

static void test_grants(void **state)
{
    struct dev *dma;
    struct devtest *t = open_dma(&dma);
    unsigned two = 0, five = 0;
    u8 byte = 0;

    (void)state;
    i8237_attach(dma, 2, on_grant, &two);
    i8237_attach(dma, 5, on_grant, &five);
    i8237_request(dma, 2, true);
    dt_script(t, "out b 46; out a 2");
    assert_int_equal(two, 1);
    dt_script(t, "out 8 4; out 8 0"); /* controller off and on */
    assert_int_equal(two, 2);
    dt_script(t, "out d0 4");
    assert_int_equal(move(dma, 2, &byte, 1, false, false), 0); /* the second one is off */
    dt_script(t, "out d0 0; out d4 4");
    assert_int_equal(two, 3);
    assert_int_equal(move(dma, 2, &byte, 1, false, false), 0); /* the cascade is masked */
    dt_script(t, "out d4 0; out d6 40");
    assert_int_equal(move(dma, 2, &byte, 1, false, false), 0); /* or in another mode */
    dt_script(t, "out d6 c0");
    i8237_request(dma, 2, false);
    two = 0;
    dt_script(t, "out e 0; out dc 0");
    assert_int_equal(two + five, 0); /* nobody asks */
    i8237_request(dma, 5, true);
    dt_script(t, "out da 0; out d6 c0; out d6 c1; out dc 0");
    assert_int_equal(five, 0); /* channel 5 is a cascade itself */
    dt_script(t, "out d6 41");
    assert_int_equal(five, 1);
    close_dma(t);
}

static void test_software_requests(void **state)
{
    struct dev *dma;
    struct devtest *t = open_dma(&dma);

    (void)state;
    /* Channel 3, block write, 600 bytes, masked: memory gets what floats on the bus. */
    dt_script(t, "wr 10000 0; wr 10254 0; out b 87; out 82 1; out c 0; out 6 0; out 6 0");
    dt_script(t, "out 7 57; out 7 2; out 9 7; rd 10000 ffffffff; rd 10254 ffffffff; rd 10258 0");
    dt_script(t, "in 8 8; in 7 ff; in 7 ff; in 8 0");
    /* While the controller is off the request waits, and can be taken back. */
    dt_script(t, "out 8 4; out 9 7; in 8 80; out 9 3; in 8 0; out 8 0; in 8 0");
    /* Memory to memory, up and with a fixed source. */
    dt_script(t, "wr 12000 44332211; wr 12004 88776655; out 87 1; out 83 1; out b 88; out b 85");
    dt_script(t, "out c 0; out 0 0; out 0 20; out 2 0; out 2 30; out 3 7; out 3 0; out 8 1");
    dt_script(t, "wr 13008 0; out 9 4; rd 13000 44332211; rd 13004 88776655; rd 13008 0");
    dt_script(t,
              "in d 88; in 8 2; out c 0; out 0 1; out 0 20; out 2 0; out 2 30; out 3 3; out 3 0");
    dt_script(t, "out 8 3; out 9 4; rd 13000 22222222; in d 22");
    close_dma(t);
}

/* Registers of devices are out of reach: a page that holds some is like no memory. */
static u64 mmio_read(void *opaque, u64 offset, unsigned size)
{
    (void)offset;
    (void)size;
    ++*(unsigned *)opaque;
    return 0;
}

static void mmio_write(void *opaque, u64 offset, unsigned size, u64 value)
{
    (void)value;
    mmio_read(opaque, offset, size);
}

static void test_memory_only(void **state)
{
    static const struct mmio_ops ops = {mmio_read, mmio_write, 1, 4};
    struct dev *dma;
    struct devtest *t = open_dma(&dma);
    unsigned touched = 0;
    u8 data[4] = {0};

    (void)state;
    bus_claim_mmio(t->bus, 0xa0000, 0x1000, &ops, &touched);
    dt_script(t, "out b 45; out 83 a; out c 0; out 2 0; out 2 0; out 3 ff; out 3 0; out a 1");
    assert_int_equal(move(dma, 1, data, 4, false, false), 4);
    dt_script(t, "out b 49");
    assert_int_equal(move(dma, 1, data, 4, true, false), 4);
    assert_memory_equal(data, "\xff\xff\xff\xff", 4);
    assert_int_equal(touched, 0);
    close_dma(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_write_and_read),
        cmocka_unit_test(test_directions),
        cmocka_unit_test(test_decrement_and_wrap),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_grants),
        cmocka_unit_test(test_software_requests),
        cmocka_unit_test(test_memory_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
